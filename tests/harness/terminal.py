# SPDX-License-Identifier: GPL-2.0
"""The guest runner with a terminal: a shell, its size, its keys."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

from .item import TIMEOUT_SCALE, Result, vm, vm_environment

PROMPT = rb"# (\x1b\[6n)?$"  # the shell may ask where the cursor is
CTRL_C, CTRL_D, ESCAPE = b"\x03", b"\x04", b"\x1d"


class Terminal:
    """scripts/vm on a pseudo terminal."""

    def __init__(self, log: Path, *args: str):
        self.log = log
        self.master, slave = pty.openpty()
        self.resize(33, 101)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            vm("--topology", "uma", *args),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=vm_environment() | {"TERM": "vt220"},
        )
        self.text = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def expect(self, pattern: bytes) -> bytes:
        """Reads until `pattern` is there, and returns what came with it."""
        end = time.monotonic() + 120 * TIMEOUT_SCALE
        while not (match := re.search(pattern, self.text)):
            ready, _, _ = select.select([self.master], [], [], end - time.monotonic())
            data = os.read(self.master, 4096) if ready else b""
            if not data:
                raise TimeoutError(f"{pattern!r} did not come, only {self.text!r}")
            with self.log.open("ab") as log:
                log.write(data)
            self.text += data
        text, self.text = self.text[: match.end()], self.text[match.end() :]
        return text

    def line(self, command: str) -> str:
        """Types a command, and returns its output."""
        os.write(self.master, command.encode() + b"\r")
        self.expect(rb"\n")
        return self.expect(PROMPT).decode().replace("\r", "").rpartition("\n")[0]

    def close(self) -> int:
        """The exit status; the terminal must be as it was."""
        status = self.process.wait()
        if termios.tcgetattr(self.slave) != self.before:
            status = -1
        os.close(self.master)
        os.close(self.slave)
        return status


def run(log: Path) -> Result:
    result = Result()

    def same(name: str, found: object, expected: object) -> None:
        result.check(name, None if found == expected else f"{found!r}, not {expected!r}")

    shell = Terminal(log)
    shell.expect(PROMPT)
    same("the shell has a terminal", shell.line("tty"), "/dev/ttyS1")
    same("its size", shell.line("stty size"), "33 101")
    same("its type", shell.line("echo $TERM"), "vt220")
    shell.resize(44, 77)
    os.kill(shell.process.pid, 28)  # SIGWINCH: this is not its controlling terminal
    sizes = []
    for _ in range(20):  # the new size travels on a line of its own
        sizes.append(shell.line("stty size"))
        if sizes[-1] == "44 77":
            break
        time.sleep(0.2)
    same("a new size", sizes[-1], "44 77")
    os.write(shell.master, b"sleep 1000\r")
    shell.expect(rb"sleep 1000")
    time.sleep(1)
    os.write(shell.master, CTRL_C)
    shell.expect(PROMPT)
    same("ctrl-C ends the command only", shell.line("echo $?"), "130")
    os.write(shell.master, b"exit 3\r")
    same("exit ends the guest", shell.close(), 3)

    shell = Terminal(log)
    shell.expect(PROMPT)
    os.write(shell.master, CTRL_D)
    same("ctrl-D ends the shell", shell.close(), 0)

    shell = Terminal(log)
    shell.expect(PROMPT)
    os.write(shell.master, b"poweroff -f\r")
    same("a shell may power off", shell.close(), 0)

    shell = Terminal(log, "--", "sh", "-c", "seq 2000; test -t 0 && test -t 1 && exit 4")
    seen = shell.expect(rb"\n2000\r\n")
    numbers = b"".join(b"%d\r\n" % i for i in range(1, 2001))
    same("all output arrives", seen.endswith(numbers), True)
    same("a command has a terminal", shell.close(), 4)

    shell = Terminal(log, "--", "sleep", "1000")
    shell.expect(rb"booting")
    shell.expect(rb"\r\x1b\[K")
    os.write(shell.master, ESCAPE)
    same("ctrl-] ends the guest", shell.close(), 129)
    return result
