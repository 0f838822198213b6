# SPDX-License-Identifier: GPL-2.0
"""KTAP, as the kernel's own kunit.py reads it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .item import BUILD, KERNEL, Result

KUNIT = KERNEL / "tools/testing/kunit/kunit.py"
INIT = "Run /init as init process"
POINTER_BYTES = 8


@dataclass
class Case:
    name: str
    status: str  # PASS, FAIL, SKIP or ERROR
    reason: str = ""  # of a failure, after a colon


@dataclass
class Report:
    """What kunit.py made of a KTAP text."""

    suites: list[str]
    cases: list[Case]
    errors: int  # of the text itself: a plan not kept, a number out of order

    def count(self, result: Result) -> None:
        for case in self.cases:
            match case.status:
                case "PASS":
                    result.passed += 1
                case "SKIP":
                    result.skipped.append(case.name)
                case _:
                    result.failed.append(case.name + case.reason)
        if not self.cases:
            result.failed.append("no test case has run")
        if self.errors:
            result.failed.append(f"kunit.py found {self.errors} errors in the KTAP")


def parse(text: str, log: Path) -> Report:
    """Has kunit.py parse `text`; its own words go into the log."""
    source, answer = log.with_suffix(".ktap"), log.with_suffix(".json")
    answer.unlink(missing_ok=True)
    source.write_text(text)
    with log.open("ab") as out:
        subprocess.run(
            [sys.executable, str(KUNIT), "parse", f"--json={answer}", str(source)],
            check=False,
            cwd=KERNEL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    if not answer.exists():
        return Report([], [], 1)
    top = json.loads(answer.read_text())
    source.unlink()
    answer.unlink()
    suites = [group["name"] for group in top["sub_groups"]]
    found = list(cases(top, ""))
    add_reasons(text, found)
    return Report(suites, found, top["misc"]["errors"])


def add_reasons(text: str, found: list[Case]) -> None:
    """Takes what was said before a case's `not ok`, which kunit.py leaves out."""
    failed = [case for case in found if case.status == "FAIL"]
    said: list[str] = []
    for line in text.splitlines():
        # Lines of a console begin with the time.
        words = re.sub(r"^\[ *[\d.]+\]", "", line).strip()
        match = re.match(r"# (?P<said>.*)|(?P<no>not )?ok \d+ (?P<name>\w+)", words)
        if not match or (match["said"] or "").startswith("Subtest:"):
            said = []
        elif match["said"]:
            said.append(match["said"])
        elif failed and match["name"] == failed[0].name.rpartition(".")[2] and match["no"]:
            case = failed.pop(0)
            case.reason = ": " + " ".join(said).removeprefix(f"{case.name}: ")
            said = []
        else:
            said = []


def cases(group: dict, prefix: str) -> Iterator[Case]:
    for case in group["test_cases"]:
        yield Case(prefix + case["name"], case["status"])
    for sub in group["sub_groups"]:
        yield from cases(sub, f"{prefix}{sub['name']}.")


def since_init(console: str) -> str:
    """The console without the kernel's own start, which has a KTAP header too."""
    return console.split(INIT, 1)[-1]


def built_in_suites(kernel: str) -> tuple[int, int]:
    """How many KUnit suites and cases numaweave.ko for `kernel` contains, by its symbols."""
    (module,) = (BUILD / "modules" / kernel).rglob("numaweave.ko")
    sections = tool("readelf", "--section-headers", "--wide", str(module))
    size = re.search(r" \.kunit_test_suites +PROGBITS +\w+ +\w+ +(\w+)", sections)
    suites = int(size[1], 16) // POINTER_BYTES if size else 0
    wrappers = re.findall(r" [tT] \w*kunit_rust_wrapper_", tool("nm", str(module)))
    return suites, len(wrappers)


def tool(*args: str) -> str:
    return subprocess.run(args, check=True, capture_output=True, text=True).stdout
