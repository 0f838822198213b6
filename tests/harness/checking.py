# SPDX-License-Identifier: GPL-2.0
"""The module on kernels that check what it does: see scripts/kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from guest.runner import BROKEN

from .builds import make
from .guests import end_to_end, kunit
from .item import Item, Result, guest
from .runner import differs, provoke

# Each is some times slower than the test kernel, so that not every topology has its turn: the
# required one, the one on which memory comes and goes, and the one with a table for each node.
TOPOLOGIES = {
    "debug": ("three-tier", "hotplug", "dual-socket-cxl"),
    "kasan": ("three-tier", "hotplug"),
}
# What the KUnit suites lose shows where there is kmemleak.
UNLOAD_AND_LOOK = ("sh", "-c", "rmmod numaweave && numaweave-guest test leaks.")
# Races need several tasks at it: the suites that have them.
RACES = {
    "dual-socket-cxl": ("takeover", "rounds", "update", "rebinding"),
    "hotplug": ("hotplug",),
}


def items() -> list[Item]:
    guests = []
    for kernel, topologies in TOPOLOGIES.items():
        kunit_of = partial(kunit, command=UNLOAD_AND_LOOK) if kernel == "debug" else kunit
        guests += [on(kernel, "kunit", kunit_of, topologies[0])]
        guests += [on(kernel, "guest", end_to_end, topology) for topology in topologies]
        guests += [on(kernel, "warning", warning, topologies[0])]
    for topology, suites in RACES.items():
        guests += [on("kcsan", "guest", partial(end_to_end, suites=suites), topology)]
    return [*(build(kernel) for kernel in (*TOPOLOGIES, "kcsan")), *guests]


def build(kernel: str) -> Item:
    """The kernel, unless it is there, and the modules for it."""
    run = partial(make, "test-module", f"KERNEL={kernel}")
    return Item(f"build kernel {kernel}", run, alone=True, makes_kernel=kernel)


def warning(topology: str, log: Path, kernel: str) -> Result:
    """A warning is the guest's end, and the run's failure."""
    result = Result()
    command = ["sh", "-c", f"{provoke('WARNING')}; echo after it"]
    done = guest(topology, ["--kernel", kernel], command, log)
    result.check("status", differs(done.status, BROKEN))
    result.check("output", differs(done.output, b""))
    panicked = "panic_on_warn set" in done.console
    result.check("panic", None if panicked else "the kernel has not panicked")
    return result


def on(kernel: str, name: str, run: Callable[..., Result], topology: str) -> Item:
    run = partial(run, topology, kernel=kernel)
    return Item(f"{kernel} {name} {topology}", run, needs_builds=True, needs_kernel=kernel)
