# SPDX-License-Identifier: GPL-2.0
"""The guest runner's own promises: statuses, streams, failures, cleaning up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from guest import console

from . import terminal, topology_files
from .item import Item, Result, guest, vm, vm_environment

SMALL = "uma"  # the topology that starts fastest
BYTES = bytes(range(256)) * 4096  # 1 MiB, every value
LINES = 100_000  # more than what fits between a guest and its reader
LONG_SECONDS = "1000"

# What the kernel prints of each kind of trouble, and lines that are none.
TROUBLE = """\
Kernel panic - not syncing: sysrq triggered crash
[    3.141592] Kernel panic - not syncing: Attempted to kill init!
[    3.141592][   T77] BUG: kernel NULL pointer dereference, address: 0000000000000008
Oops: Oops: 0002 [#1] SMP
kernel BUG at mm/slub.c:4000!
watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [sh:58]
BUG: sleeping function called from invalid context at kernel/locking/mutex.c:579
BUG: KASAN: use-after-free in foo+0x1/0x2
WARNING: at lkdtm_WARNING+0xf/0x20, CPU#1: sh/58
WARNING: CPU: 0 PID: 1 at kernel/foo.c:1 bar+0x1/0x2
WARNING: possible circular locking dependency detected
WARNING: suspicious RCU usage
INFO: possible recursive locking detected
rcu: INFO: rcu_sched self-detected stall on CPU
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:
rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 1-... }
INFO: task insmod:60 blocked for more than 120 seconds.
UBSAN: array-index-out-of-bounds in mm/foo.c:1:2
kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
unreferenced object 0xffff888003e7b0c0 (size 32):
rust_kernel: panicked at rust/foo.rs:1:2:
general protection fault, probably for non-canonical address 0xdead: 0000 [#1]
"""
NO_TROUBLE = """\
numaweave: WARNING: not at the start of a line of the kernel's own
Spectre V2 : WARNING of another kind
INFO: lockdep is turned off.
hpet: DEBUG: nothing
# debug_info: pass:1 fail:0
rcu: Hierarchical SRCU implementation.
    ok 1 BUG: the_name_of_a_test
[    9.0][  T77] WARNING: stack going in the wrong direction? at return_to_handler+0x46/0x50
"""
# A report of KCSAN's, with a function in each of its two backtraces.
RACE = """\
[    9.0][  T77] ==================================================================
[    9.0][  T77] BUG: KCSAN: data-race in one / other
[    9.0][  T77]
[    9.0][  T77] write to 0xffff888003e7b0c0 of 8 bytes by task 77 on cpu 0:
[    9.0][  T77]  {0}
[    9.0][  T77]  kthread+0x1/0x2
[    9.0][  T77]
[    9.0][  T77] read to 0xffff888003e7b0c0 of 8 bytes by task 78 on cpu 1:
[    9.0][  T77]  {1}
[    9.0][  T77]
[    9.0][  T77] Reported by Kernel Concurrency Sanitizer on:
[    9.0][  T77] CPU: 1 UID: 0 PID: 78 Comm: sh Tainted: G           O
[    9.0][  T77] ==================================================================
"""
CORE = "core+0x1/0x2"


def items() -> list[Item]:
    checks: dict[str, Callable[[Path], Result]] = {
        "topology files": topology_files.run,
        "trouble": trouble,
        "usage": usage,
        "status": statuses,
        "streams": streams,
        "copies": copies,
        "timeout": timeout,
        "panic": partial(broken, "echo c >/proc/sysrq-trigger", "Kernel panic - not syncing"),
        "warning": partial(broken, provoke("WARNING"), "WARNING: at lkdtm_WARNING"),
        "bug": partial(broken, provoke("BUG"), "kernel BUG at"),
        "oops": partial(broken, provoke("EXCEPTION"), "BUG: kernel NULL pointer"),
        "power off": partial(broken, "poweroff -f", "ended before the command did"),
        "bad module": bad_module,
        "signals": signals,
        "terminal": terminal.run,
    }
    return [Item(f"runner {name}", run) for name, run in checks.items()]


def provoke(how: str) -> str:
    return f"echo {how} >/sys/kernel/debug/provoke-crash/DIRECT"


def differs(found: object, expected: object) -> str | None:
    return None if found == expected else f"{found!r}, not {expected!r}"


def trouble(_log: Path) -> Result:
    """The kinds of trouble that are too slow or too special to provoke."""
    result = Result()
    for line in TROUBLE.splitlines():
        result.check(line, differs(splat(line), line.strip()))
    for line in NO_TROUBLE.splitlines():
        result.check(line, differs(splat(line), None))
    title = "[    9.0][  T77] BUG: KCSAN: data-race in one / other"
    theirs = RACE.format(CORE, CORE)
    for name in ("numaweave", "numaweave_livepatch", "perf_injector"):
        ours = f"function+0x1/0x2 [{name}]"
        for frames in ((ours, CORE), (CORE, ours)):
            found = splat(theirs + RACE.format(*frames) + theirs)
            result.check(f"a race with {frames}", differs(found, title))
    other = RACE.format(CORE, "function+0x1/0x2 [another]")
    result.check("races of others", differs(splat(theirs + other), None))
    frames = (CORE, "asm_sysvec_apic_timer_interrupt+0x1/0x2", "function+0x1/0x2 [numaweave]")
    amid = "\n[    9.0][  T77]  ".join(frames)
    found = splat(theirs + RACE.format(amid, CORE))
    result.check("an interrupt amid ours", differs(found, None))
    found = splat(RACE.format(amid, ours))
    result.check("an interrupt and ours", differs(found, title))
    found = splat(f"{theirs}WARNING: after it\n{theirs}")
    result.check("a warning between such", differs(found, "WARNING: after it"))
    found = console.foreign_races(f"{theirs}{RACE.format(ours, CORE)}{other}".encode())
    result.check("are told", differs(found, ["data-race in one / other"] * 2))
    return result


def splat(line: str) -> str | None:
    return console.find_splat(f"Run /init as init process\r\n{line}\r\nlast\r\n".encode())


def usage(log: Path) -> Result:
    result = Result()
    cases = {
        "no topology": ([], "--topology"),
        "unknown option": (["--topology", SMALL, "--frobnicate"], "--frobnicate"),
        "unknown topology": (["--topology", "none", "--", "true"], "no such file"),
        "unknown kernel": (["--topology", SMALL, "--kernel", "none", "--", "true"], "not built"),
        "unknown module": (["--topology", SMALL, "--load", "none", "--", "true"], "not built"),
        "missing copy": (["--topology", SMALL, "--copy", "/none", "--", "true"], "no such file"),
        "bad timeout": (["--topology", SMALL, "--timeout", "0", "--", "true"], "--timeout"),
        "no terminal": (["--topology", SMALL], "terminal"),
    }
    for name, (args, word) in cases.items():
        done = subprocess.run(
            vm(*args),
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=vm_environment(),
        )
        with log.open("a") as file:
            file.write(done.stderr)
        result.check(name, differs((done.returncode, word in done.stderr), (2, True)))
    return result


def statuses(log: Path) -> Result:
    result = Result()
    for command, status in {
        "true": 0,
        "exit 1": 1,
        "exit 77": 77,
        "exit 255": 255,
        "kill -TERM $$": 128 + signal.SIGTERM,
        "kill -SEGV $$": 128 + signal.SIGSEGV,
    }.items():
        done = guest(SMALL, [], ["sh", "-c", command], log)
        result.check(command, differs(done.status, status))
    done = guest(SMALL, [], ["no-such-command"], log)
    result.check("no such command", differs(done.status, 127))
    return result


def streams(log: Path) -> Result:
    result = Result()
    big = log.with_suffix(".bin")
    big.write_bytes(BYTES)
    # The shell's echo shows that standard error comes along, cat that the end of
    # input is seen at once.
    script = f"cat /copy/{big.name}; echo error >&2; cat; printf '%s|' \"$@\""
    words = ["a b", "it's", 'a"b', "line\nbreak", "", "$HOME", "*"]
    done = guest(SMALL, ["--copy", str(big)], ["sh", "-c", script, "sh", *words], log)
    big.unlink()
    rest = "error\n" + "".join(f"{word}|" for word in words)
    result.check("1 MiB of all bytes", None if done.output.startswith(BYTES) else "differs")
    result.check("arguments", differs(done.output[len(BYTES) :].decode(errors="replace"), rest))
    result.check("status", differs(done.status, 0))
    result.check("no message of the runner", differs(done.messages, ""))

    script = "test -t 1 || echo no terminal; { echo background; exec sleep 1000; } & sleep 1"
    done = guest(SMALL, [], ["sh", "-c", script], log)
    result.check("no terminal", differs(done.output, b"no terminal\nbackground\n"))
    result.check("a process left behind", differs(done.status, 0))

    with subprocess.Popen(
        vm("--topology", SMALL, "--", "seq", str(LINES)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        env=vm_environment(),
    ) as process:
        process.stdout.read(1)
        time.sleep(10)  # meanwhile all buffers on the way are full
        numbers = b"1" + process.stdout.read()
    expected = "".join(f"{i}\n" for i in range(1, LINES + 1)).encode()
    result.check("a slow reader", None if numbers == expected else "does not get all")
    return result


def copies(log: Path) -> Result:
    result = Result()
    script = log.with_suffix(".sh")
    script.write_text("#!/bin/sh\necho by-name $#\n")
    script.chmod(0o755)
    done = guest(SMALL, ["--copy", str(script)], [script.name, "1", "2"], log)
    script.unlink()
    result.check("a copied script runs by its name", differs(done.output, b"by-name 2\n"))
    return result


def timeout(log: Path) -> Result:
    result = Result()
    # The last --timeout counts; the guest is up long before it is over.
    done = guest(SMALL, ["--timeout", "30"], ["sh", "-c", "echo up; sleep 1000"], log)
    result.check("status", differs(done.status, 124))
    result.check("output before the end", differs(done.output, b"up\n"))
    result.check("reason", None if "no end after 30 s" in done.messages else done.messages)
    return result


def broken(command: str, reason: str, log: Path) -> Result:
    """A command after which the run is a failure, whatever else it says."""
    result = Result()
    done = guest("dram-cxl", [], ["sh", "-c", f"echo up; sleep 3; {command}; true"], log)
    result.check("status", differs(done.status, 125))
    result.check("output before", differs(done.output, b"up\n"))
    first, _, rest = done.messages.partition("\n")
    result.check("reason", None if reason in first else f"{first!r} lacks {reason!r}")
    result.check("console", None if "--- end of console" in rest else "not shown")
    return result


def bad_module(log: Path) -> Result:
    result = Result()
    module = log.with_suffix(".ko")
    module.write_text("not a module\n")
    done = guest(SMALL, ["--load", str(module)], ["echo", "not reached"], log)
    module.unlink()
    result.check("status", differs(done.status, 125))
    result.check("output", differs(done.output, b""))
    result.check("reason", None if "could not be loaded" in done.messages else done.messages)
    shown = "Exec format error" in done.messages or "invalid module format" in done.messages
    result.check("insmod's words", None if shown else done.messages)
    return result


def signals(log: Path) -> Result:
    """A signal ends the run, the guest, and everything it has put anywhere."""
    result = Result()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        name = signal.Signals(number).name
        scratch = log.with_suffix(f".{name}")
        scratch.mkdir()
        process = subprocess.Popen(
            vm("--topology", SMALL, "--", "sh", "-c", f"echo up; sleep {LONG_SECONDS}"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=vm_environment() | {"TMPDIR": str(scratch)},
        )
        process.stdout.readline()  # the guest is up
        qemu = children(process.pid)
        process.send_signal(number)
        status = process.wait()
        process.stdout.close()
        expected = -number if number == signal.SIGKILL else 128 + number
        result.check(f"{name}: status", differs(status, expected))
        result.check(f"{name}: QEMU was there", differs(len(qemu), 1))
        result.check(f"{name}: no QEMU is left", differs(still_running(qemu), []))
        if number != signal.SIGKILL:  # then only the build root's own end clears up
            result.check(f"{name}: no file is left", differs(list(scratch.iterdir()), []))
        subprocess.run(["rm", "-r", str(scratch)], check=True)
    return result


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def still_running(pids: list[int]) -> list[int]:
    """Those of `pids` that do not end within a moment; a zombie has ended."""
    left = pids
    for _ in range(100):
        left = [pid for pid in left if running(pid)]
        if not left:
            break
        time.sleep(0.1)
    return left


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
