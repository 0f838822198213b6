# SPDX-License-Identifier: GPL-2.0
"""What needs no guest: builds, the host's tests, and lint."""

from __future__ import annotations

import re
import subprocess
from functools import partial
from pathlib import Path

from .item import TOP, Item, Result, command

LINT = str(TOP / "scripts/lint")


def items() -> list[Item]:
    checks = subprocess.run([LINT, "--list"], check=True, capture_output=True, text=True)
    return [
        Item("build module", partial(make, "test-module"), alone=True),
        Item("build programs", partial(make, "programs"), alone=True),
        Item("host tests", host_tests, alone=True),
        *(Item(f"lint {name}", partial(lint, name), alone=True) for name in checks.stdout.split()),
    ]


def make(target: str, log: Path) -> Result:
    return single(command(["make", target], log))


def lint(name: str, log: Path) -> Result:
    return single(command([LINT, name], log))


def single(status: int) -> Result:
    result = Result()
    result.check("status", f"is {status}" if status else None)
    return result


def host_tests(log: Path) -> Result:
    status = command(["cargo", "test", "--locked", "--workspace", "--no-fail-fast"], log)
    return cargo_result(log.read_text(errors="replace"), status)


def cargo_result(text: str, status: int) -> Result:
    """Counts what `cargo test` reports, case by case."""
    result = Result()
    for name, verdict in re.findall(r"^test (.+?) \.\.\. (\w+)", text, re.MULTILINE):
        if verdict == "ignored":
            result.skipped.append(name)
    for name in sorted(set(re.findall(r"^    (\S+)$", failures(text), re.MULTILINE))):
        result.failed.append(name)
    for passed in re.findall(r"^test result: \w+\. (\d+) passed", text, re.MULTILINE):
        result.passed += int(passed)
    if status and not result.failed:
        result.failed.append(f"cargo test ends with status {status}")
    if not status and not result.passed:
        result.failed.append("no test has run")
    return result


def failures(text: str) -> str:
    """The lists of names with which each test program ends."""
    return "\n".join(re.findall(r"^failures:\n((?:    \S+\n)+)", text, re.MULTILINE))
