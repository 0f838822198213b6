# SPDX-License-Identifier: GPL-2.0
"""The module on kernels that check what it does: see scripts/kernels."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from guest.runner import BROKEN

from . import firmware, torture
from .builds import make
from .guests import end_to_end, kunit
from .item import BUILD, GUEST_SECONDS, TOP, Item, Result, guest
from .runner import differs, provoke

# Each is some times slower than the test kernel, so that not every topology has its turn: the
# required one, the one on which memory comes and goes, and the one with a table for each node.
TOPOLOGIES = {
    "debug": ("three-tier", "hotplug", "dual-socket-cxl"),
    "kasan": ("three-tier", "hotplug"),
}
# `debug` holds a kobject for seconds after its end, which is waiting for the most part.
OPTIONS = {"debug": ("--icount",)}
SECONDS = 3 * GUEST_SECONDS
# KASAN takes so much of the nodes of 128 MiB that huge pages have to go to others.
TOO_SMALL = {"kasan": ("many",)}
# What the KUnit suites lose shows where there is kmemleak.
UNLOAD_AND_LOOK = ("sh", "-c", "rmmod numaweave && numaweave-guest test leaks.")
# Races need several tasks at it: the suites that have them.
RACES = {
    "dual-socket-cxl": ("takeover", "update", "rebinding"),
    "hotplug": ("hotplug", "rounds"),
}

# What the kernels are for, done on purpose: after which more is needed to have it found, and how
# that is told.
FAULTS = (
    ("debug", "leak"),
    ("debug", "inversion"),
    ("kasan", "use_after_free"),
    ("kcsan", "race"),
)
LOOK = {"leak": "numaweave-guest test leaks.", "race": "sleep 30"}
FOUND = {
    "leak": r"# unreferenced object [^#]*(?:\n *#.*)*\[numaweave_culprit\]",
    "inversion": r"WARNING: possible circular locking dependency detected",
    "use_after_free": r"BUG: KASAN: slab-use-after-free in .*\[numaweave_culprit\]",
    "race": r"BUG: KCSAN: data-race in \w+ \[numaweave_culprit\]",
}


def items() -> list[Item]:
    first = TOPOLOGIES["debug"][0]
    guests = [
        on("debug", "kunit", partial(kunit, command=UNLOAD_AND_LOOK), first, is_long=False),
        on("debug", "warning", warning, first, is_long=False),
        on("kasan", "kunit", kunit, TOPOLOGIES["kasan"][0]),
        on("kasan", "warning", warning, TOPOLOGIES["kasan"][0]),
        Item(
            "instrumented on kasan",
            instrumented,
            needs_builds=True,
            needs_kernel="kasan",
            is_long=True,
        ),
    ]
    for kernel, guilty_of in FAULTS:
        run = partial(fault, guilty_of=guilty_of)
        name = guilty_of.replace("_", "-")
        guests += [on(kernel, name, run, first, is_long=kernel != "debug")]
    for kernel, topologies in TOPOLOGIES.items():
        run = partial(end_to_end, options=OPTIONS.get(kernel, ()), seconds=SECONDS)
        guests += [on(kernel, "guest", run, topology) for topology in topologies]
    for topology, suites in RACES.items():
        run = partial(end_to_end, suites=suites, seconds=SECONDS)
        guests += [on("kcsan", "guest", run, topology)]
    for kernel in TOPOLOGIES:
        guests += firmware.items_on(kernel, OPTIONS.get(kernel, ()))
        guests += torture.items_on(kernel, TOO_SMALL.get(kernel, ()))
    kernels = {item.needs_kernel: item.is_long for item in reversed(guests)}
    return [*(build(kernel, kernels[kernel]) for kernel in (*TOPOLOGIES, "kcsan")), *guests]


def instrumented(log: Path) -> Result:
    """KASAN checks accesses of the module's Rust code as well, which needs rustc's help."""
    result = Result()
    for name in ("rust/numaweave.o", "livepatch/numaweave_livepatch.o"):
        nm = [str(TOP / "scripts/in-root"), "nm", str(BUILD / "modules/kasan" / name)]
        done = subprocess.run(nm, check=False, capture_output=True, text=True)
        calls = sorted(set(re.findall(r" U (__asan_\w+)", done.stdout)))
        with log.open("a") as file:
            file.write(f"{name}: {' '.join(calls)}\n{done.stderr}")
        checks = any(re.match("__asan_(report_)?(load|store)", call) for call in calls)
        result.check(name, None if checks else f"calls only {calls}")
    return result


def build(kernel: str, is_long: bool) -> Item:
    """The kernel, unless it is there, and the modules for it."""
    run = partial(make, "test-module", f"KERNEL={kernel}")
    return Item(f"build kernel {kernel}", run, alone=True, makes_kernel=kernel, is_long=is_long)


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


def fault(topology: str, log: Path, kernel: str, guilty_of: str) -> Result:
    """What a module does on purpose is found, and is the run's failure."""
    result = Result()
    load = f"insmod /modules/numaweave_culprit.ko guilty_of={guilty_of}"
    command = ["sh", "-c", f"{load} && {LOOK.get(guilty_of, 'true')}"]
    done = guest(topology, ["--kernel", kernel], command, log)
    result.check("status", differs(done.status, BROKEN))
    said = done.output.decode(errors="replace") + done.console
    found = re.search(FOUND[guilty_of], said.replace("\r", ""))
    result.check("report", None if found else "nothing is reported")
    return result


def on(
    kernel: str, name: str, run: Callable[..., Result], topology: str, is_long: bool = True
) -> Item:
    return Item(
        f"{name} {topology} on {kernel}",
        partial(run, topology, kernel=kernel),
        needs_builds=True,
        needs_kernel=kernel,
        is_long=is_long,
    )
