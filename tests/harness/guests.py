# SPDX-License-Identifier: GPL-2.0
"""The module in guests: its KUnit suites, and the end-to-end tests."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from guest import topology

from . import ktap
from .item import GUEST_SECONDS, Item, Result, guest
from .topologies import FOLDER, names


def items() -> list[Item]:
    """KUnit first: where it fails the rest says little. The largest guests first
    among the end-to-end tests, so that none runs alone at the end."""
    ordered = sorted(names(), key=lambda name: -len(topology.load(name, FOLDER).nodes))
    return [
        *(Item(f"kunit {name}", partial(kunit, name), needs_builds=True) for name in names()),
        *(Item(f"guest {name}", partial(end_to_end, name), needs_builds=True) for name in ordered),
    ]


def kunit(
    name: str,
    log: Path,
    options: tuple[str, ...] = (),
    kernel: str = "test",
    command: tuple[str, ...] = ("rmmod", "numaweave"),
) -> Result:
    """Inserts the module where KUnit is on; its suites run then and there. `command` unloads it."""
    result = Result()
    load = ["--append", "kunit.enable=1", "--load", "numaweave"]
    done = guest(name, ["--kernel", kernel, *options, *load], list(command), log)
    report = ktap.parse(ktap.since_init(done.console), log)
    report.count(result)
    result.check("status", f"is {done.status}" if done.status else None)
    suites, cases = ktap.built_in_suites(kernel)
    ran = f"{len(report.suites)} suites, {len(report.cases)} cases"
    has = f"{suites} suites, {cases} cases"
    result.check("all suites", f"ran {ran}; numaweave.ko has {has}" if ran != has else None)
    return result


def end_to_end(
    name: str,
    log: Path,
    options: tuple[str, ...] = (),
    kernel: str = "test",
    suites: tuple[str, ...] = (),
    seconds: float = GUEST_SECONDS,
) -> Result:
    """All cases of the topology, or those of `suites`."""
    result = Result()
    chosen = [f"{suite}." for suite in suites]
    command = ["numaweave-guest", "test", *chosen]
    done = guest(name, ["--kernel", kernel, *options], command, log, seconds)
    ktap.parse(done.output.decode(errors="replace"), log).count(result)
    if done.status and not result.failed:
        result.failed.append(f"numaweave-guest ends with status {done.status}")
    return result
