# SPDX-License-Identifier: GPL-2.0
"""scripts/vm's command line."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from . import initramfs, kernels, qemu, topology
from .console import Console
from .runner import BROKEN, Guest, Outcome, clear_progress, show_progress, terminal_size

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
TOPOLOGIES = TOP / "scripts/topologies"
SECONDS = {"KVM": 120, "TCG": 900}
USAGE = 2
EXCERPT_LINES = 300
PASSED_ON = ("NO_COLOR",)

DESCRIPTION = """\
Boots a guest with the given NUMA topology and runs COMMAND in it, or a shell.
"""
EPILOG = """\
COMMAND's output and exit status become the runner's. It gets a terminal if
standard input and output are terminals (ctrl-] then ends the guest), and empty
input otherwise. A run that fails by itself ends with 124 (no end in time), or
125 (panic, oops, WARN, lockdep, RCU or hung-task report, a module that cannot
be loaded, an unexpected end) and shows the console. A race that KCSAN reports
counts if a function of numaweave's is in its backtraces; others are listed.
Modules and helpers of build/ are in the guest: /modules, numaweave-guest,
numaweave-plan; copied files are in /copy, and the topology is in
/topology.json. With one of Debian's own kernels numaweave is where its package
has installed it, for modprobe.
"""


def parser() -> argparse.ArgumentParser:
    names = ", ".join(topology.known(TOPOLOGIES))
    parser = argparse.ArgumentParser(
        prog="vm",
        usage="vm --topology NAME [options] [-- COMMAND...]",
        description=DESCRIPTION,
        epilog=EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--topology", metavar="NAME", required=True, help=f"a TOML file, or one of: {names}")
    add(
        "--kernel",
        metavar="NAME",
        default="test",
        help="test, another of scripts/kernels, or stock-7.2 or stock-7.3, Debian's own [test]",
    )
    add(
        *("--load", "-l"),
        metavar="MODULE[:PARAM=VALUE...]",
        action="append",
        default=[],
        help="insert a module of build/modules, or a file, before COMMAND; repeatable",
    )
    add("--copy", metavar="FILE", action="append", default=[], help="put FILE into /copy")
    add(
        "--acpi-table",
        metavar="FILE",
        action="append",
        default=[],
        help="give the guest this ACPI table, made by hand, and no HMAT from the topology, which "
        "then reports no bandwidth; QEMU sets its length and checksum; repeatable",
    )
    add("--append", metavar="ARGS", action="append", default=[], help="kernel arguments")
    add(
        "--icount",
        action="store_true",
        help="count: a nanosecond of the guest's time, and a tick of its TSC, is one "
        "instruction, whichever CPU executes it, and time that all CPUs wait is skipped",
    )
    add(
        "--monitor",
        action="store_true",
        help="give the guest the monitor of its own QEMU (QMP) as /dev/ttyS3, and room for DIMMs",
    )
    add("--console", metavar="FILE", help="write the kernel's console to FILE")
    add(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        help="limit of the whole run [900, with KVM 120; for a shell none]",
    )
    return parser


def seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError("must be a positive number of seconds")
    return value


def host_path(name: str) -> Path:
    """The caller's path NAME as seen from the build root."""
    path = Path(os.path.normpath(Path(name).absolute()))
    host = os.environ.get("NUMAWEAVE_HOST", "")
    if not host or path.is_relative_to(TOP) or path.is_relative_to(host):
        return path
    return Path(host + str(path))


def main(argv: list[str]) -> int:
    split = argv.index("--") if "--" in argv else len(argv)
    options, command = parser().parse_args(argv[:split]), argv[split + 1 :]
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if not command and not interactive:
        return complain("a shell needs a terminal: give a command after --", USAGE)
    name = options.topology
    try:
        if not (TOPOLOGIES / f"{name}.toml").is_file():
            name = str(host_path(name))
        machine = topology.load(name, TOPOLOGIES)
        if options.acpi_table:
            machine.matrices.clear()
        with tempfile.TemporaryDirectory(prefix="numaweave-vm-") as scratch:
            return boot(options, command, machine, interactive, Path(scratch))
    except (topology.TopologyError, initramfs.GuestError, kernels.KernelError) as error:
        return complain(str(error), USAGE)
    except OSError as error:
        return complain(str(error), BROKEN)


def boot(
    options: argparse.Namespace,
    command: list[str],
    machine: topology.Topology,
    interactive: bool,
    scratch: Path,
) -> int:
    kernel = kernels.find(options.kernel, BUILD)
    terminal = None
    if interactive:
        terminal = (*terminal_size(), os.environ.get("TERM", "linux"))
    contents = initramfs.Contents(
        topology=machine,
        command=command or ["sh"],
        loads=[initramfs.Load.parse(load, host_path) for load in options.load],
        copies=[host_path(copy) for copy in options.copy],
        terminal=terminal,
        environment={name: os.environ[name] for name in PASSED_ON if name in os.environ},
    )
    image = initramfs.build(contents, BUILD, kernel, scratch)
    tables = [host_path(table) for table in options.acpi_table]
    for table in tables:
        if not table.is_file():
            raise initramfs.GuestError(f"--acpi-table {table}: no such file")
    kvm = not options.icount and qemu.kvm_usable(kernel.image, BUILD / "kvm")
    accelerator = qemu.KVM if kvm else qemu.COUNTING if options.icount else qemu.TCG
    name = "KVM" if kvm else "TCG"
    limit = options.timeout or (SECONDS[name] if command else None)

    console = Console(scratch / "console", Path(options.console) if options.console else None)
    if not command:
        print("vm: 'exit' or ctrl-] ends the guest", file=sys.stderr)
    show_progress(f"vm: booting {machine.name} under {name} ...")
    outcome = Guest(
        lambda ports: qemu.command(
            machine,
            kernel.image,
            image,
            kernel_arguments(kvm, kernel.arguments + options.append),
            accelerator,
            ports,
            tables,
        ),
        console,
        terminal=interactive,
        seconds=limit,
        monitor=options.monitor,
    ).run()
    clear_progress()
    if not command and outcome.status == BROKEN and console.mark and not console.splat():
        return 0  # whoever has the shell may power off
    for title, count in Counter(console.foreign_races()).most_common():
        print(f"vm: {count} x, not of numaweave: KCSAN: {title}", file=sys.stderr)
    if outcome.reason:
        explain(outcome, console, machine.name, options.console)
    return outcome.status


def kernel_arguments(kvm: bool, append: list[str]) -> str:
    arguments = ["console=ttyS0", "panic=-1", "oops=panic", "kunit.enable=0"]
    # DIMMs wait for the tests, whatever a distribution has chosen.
    arguments += ["memhp_default_state=offline"]
    if not kvm:
        # An emulated CPU may wait long for a real one without anything being wrong.
        arguments += ["rcupdate.rcu_cpu_stall_timeout=120", "watchdog_thresh=60"]
        # Nor need the timer's interrupts come when the kernel looks whether they do.
        arguments += ["no_timer_check"]
    return " ".join(arguments + append)


def explain(outcome: Outcome, console: Console, name: str, copy: str | None) -> None:
    if not copy:
        kept = BUILD / f"logs/vm-{name}.log"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(console.data)
        copy = str(kept.relative_to(TOP))
    since = "the command began" if console.mark else "the start"
    print(f"vm: {outcome.reason}", file=sys.stderr)
    if console.data:
        print(f"--- console since {since}; whole: {copy}", file=sys.stderr)
        print(console.excerpt(EXCERPT_LINES), file=sys.stderr)
        print("--- end of console", file=sys.stderr)


def complain(reason: str, status: int) -> int:
    print(f"vm: {reason}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
