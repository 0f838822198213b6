# SPDX-License-Identifier: GPL-2.0
"""What is claimed of numaweave in numbers of instructions, counted."""

from __future__ import annotations

import json
from pathlib import Path

from .item import BUILD, TOP, Item, Result, command

OUTPUT = BUILD / "logs/bench-quick"


def items() -> list[Item]:
    return [Item("bench", run, needs_builds=True)]


def run(log: Path) -> Result:
    """Each claim is a case. Counts are exact, so they hold on a busy machine as well."""
    results = OUTPUT / "results.json"
    results.unlink(missing_ok=True)
    status = command([str(TOP / "bench/run"), "--quick", "--output", str(OUTPUT)], log)
    result = Result()
    if not results.exists():
        result.failed.append(f"bench/run --quick ends with status {status} and no results")
        return result
    for claim in json.loads(results.read_text())["claims"]:
        result.check(claim["text"], None if claim["holds"] else claim["found"])
    return result
