# SPDX-License-Identifier: GPL-2.0
"""The short form of `make torture`: random writes, and everything at once on each topology."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

from torture.session import ALL, QUICK, TOPOLOGIES, WRITES, Scenario, run

from .item import Item, Result

ROUNDS = 4


def items() -> list[Item]:
    return [
        Item(f"torture {name} {part}", partial(torture, name, part), needs_builds=True)
        for name, part in ((TOPOLOGIES[0], WRITES), *((name, ALL) for name in TOPOLOGIES))
    ]


def items_on(kernel: str, without: tuple[str, ...] = ()) -> list[Item]:
    """Everything at once on one of the kernels that check, when all items are asked for."""
    return [
        Item(
            f"torture {name} {ALL} on {kernel}",
            partial(torture, name, ALL, kernel=kernel),
            needs_builds=True,
            needs_kernel=kernel,
            is_long=True,
        )
        for name in TOPOLOGIES
        if name not in without
    ]


def torture(name: str, part: str, log: Path, kernel: str = "test") -> Result:
    """Each round is a case; the seed differs from run to run and is in the log."""
    rounds = ROUNDS if kernel in QUICK else ROUNDS // 2
    session = run(Scenario(kernel, name, part), random.getrandbits(64), rounds, log)
    result = Result(passed=session.tally.get("rounds", 0))
    result.check("session", session.problem and f"{session.problem}; {session.repeat()}")
    return result
