# SPDX-License-Identifier: GPL-2.0
"""Items of a test run, their results, and the processes they start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
LOGS = BUILD / "logs/test"
KERNEL = BUILD / "linux-test"
TARGET = "x86_64-unknown-linux-gnu"
MODULES = BUILD / "modules/test"

# For machines slower than those that the limits were made for.
TIMEOUT_SCALE = float(os.environ.get("NUMAWEAVE_TIMEOUT_SCALE", "1"))
GUEST_SECONDS = 1500


@dataclass
class Result:
    """The test cases of one item: how many passed, which did not."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def check(self, name: str, problem: str | None) -> None:
        """Counts one case; `problem` says why it failed."""
        if problem:
            self.failed.append(f"{name}: {problem}")
        else:
            self.passed += 1


@dataclass
class Item:
    """One line of the run."""

    name: str
    run: Callable[[Path], Result]  # gets the file for its log
    alone: bool = False  # uses all CPUs by itself
    builds: bool = False  # makes what others need
    needs_builds: bool = False
    makes_stock: bool = False  # makes Debian's own kernels ready
    needs_stock: bool = False
    makes_kernel: str = ""  # the checking kernel that it builds, with the modules for it
    needs_kernel: str = ""
    is_long: bool = False  # left out unless it is named, or all are asked for

    @property
    def log(self) -> Path:
        return LOGS / (re.sub(r"[^\w.-]+", "-", self.name) + ".log")


def command(args: list[str], log: Path, **environment: str) -> int:
    """Runs `args` with the output in `log`, and returns the exit status."""
    with log.open("ab") as out:
        out.write(f"$ {' '.join(args)}\n".encode())
        out.flush()
        return subprocess.run(
            args,
            check=False,
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
        ).returncode


@dataclass
class GuestRun:
    """What a guest left: its status, output, the runner's words, the console."""

    status: int
    output: bytes
    messages: str
    console: str


def guest(
    topology: str, options: list[str], command: list[str], log: Path, seconds: float = GUEST_SECONDS
) -> GuestRun:
    """Runs one guest to its end; all it said goes into `log` and beside it."""
    console = log.with_suffix(".console")
    seconds *= TIMEOUT_SCALE
    args = [
        *vm("--topology", topology, "--console", str(console), "--timeout", f"{seconds:g}"),
        *options,
        *("--", *command),
    ]
    output, messages = log.with_suffix(".out"), log.with_suffix(".err")
    with output.open("wb") as out, messages.open("wb") as err:
        status = subprocess.run(
            args,
            check=False,
            cwd=TOP,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=vm_environment(),
        ).returncode
    run = GuestRun(
        status,
        output.read_bytes(),
        messages.read_text(errors="replace"),
        console.read_text(errors="replace") if console.exists() else "",
    )
    output.unlink()
    messages.unlink()
    with log.open("ab") as file:
        file.write(f"$ {' '.join(args)}\n".encode())
        file.write(run.output)
        file.write(f"{run.messages}status {status}\n".encode())
    return run


def vm(*args: str) -> list[str]:
    """scripts/vm without its way into the build root: this is inside already."""
    return [sys.executable, "-m", "guest", *args]


def vm_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(TOP / "scripts")}
