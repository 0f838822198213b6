# SPDX-License-Identifier: GPL-2.0
"""Each allocation of each operation fails once, on the kernel with fault injection.

Such a kernel holds objects of sysfs for seconds after their end, some for each
load of a module. In a guest whose clock counts instructions no time is spent on
that. One CPU has the takeover in force at once.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from . import ktap
from .item import GUEST_SECONDS, TOP, Item, Result, guest

MACHINE = TOP / "tests/topologies/faults.toml"
KERNEL = "debug"
# And how long each may take. Loading a module a thousand times is left to test-all.
SUITES = {"faults": 2 * GUEST_SECONDS, "faults_load": 4 * GUEST_SECONDS}


def items() -> list[Item]:
    return [
        Item(
            suite.replace("_", " "),
            partial(run, suite),
            needs_builds=True,
            needs_kernel=KERNEL,
            is_long=suite != "faults",
        )
        for suite in SUITES
    ]


def run(suite: str, log: Path) -> Result:
    """The guest's cases, and one more: that points were counted for each of them."""
    result = Result()
    options = ["--kernel", KERNEL, "--icount"]
    command = ["numaweave-guest", "test", f"{suite}."]
    done = guest(str(MACHINE), options, command, log, SUITES[suite])
    text = done.output.decode(errors="replace")
    ktap.parse(text, log).count(result)
    points = [int(count) for count in re.findall(r"# points: .*: (\d+), of which", text)]
    total = re.findall(r"# points: (\d+) in total", text)
    summed = str(sum(points))
    result.check("points", f"{total} in total, summed {summed}" if total != [summed] else None)
    if done.status and not result.failed:
        result.failed.append(f"numaweave-guest ends with status {done.status}")
    return result
