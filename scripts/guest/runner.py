# SPDX-License-Identifier: GPL-2.0
"""Runs one guest: QEMU, its three serial ports, a deadline, and the verdict."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import qemu
from .console import Console

TIMEOUT, BROKEN = 124, 125
POWER_OFF_SECONDS = 60
POLL_SECONDS = 0.2
ESCAPE = b"\x1d"  # ctrl-]
CHUNK = 64 << 10


class Stopped(Exception):
    """A signal, or ctrl-] typed, asks for the guest's end."""

    def __init__(self, status: int):
        self.status = status


@dataclass
class Outcome:
    status: int
    reason: str = ""  # why the run is a failure of its own, not the command's


class Guest:
    """One running guest. `arguments` makes QEMU's command line for its ports."""

    def __init__(
        self,
        arguments: Callable[[qemu.Channels], list[str]],
        console: Console,
        terminal: bool,
        seconds: float | None,
        monitor: bool = False,
    ):
        self.arguments = arguments
        self.console = console
        self.terminal = terminal
        self.seconds = seconds
        self.monitor = monitor
        self.deadline = time.monotonic() + seconds if seconds else None
        self.verdict: int | None = None
        self.load_failed = False
        self.ready = False
        self.said = b""  # an unfinished line of the control port
        self.typed = bytearray()  # input on its way to the guest
        self.raw = contextlib.ExitStack()
        self.selector = selectors.DefaultSelector()
        self.handlers: dict[socket.socket, Callable[[bytes], None]] = {}

    def run(self) -> Outcome:
        ours, theirs = zip(*(socket.socketpair() for _ in range(2)), strict=True)
        self.stdio, self.control = ours
        self.handlers = {self.stdio: self.output, self.control: self.report}
        for port in ours:
            port.setblocking(False)
            self.selector.register(port, selectors.EVENT_READ)
        if self.monitor:
            # QEMU talks to itself: what goes into the port comes out of the monitor.
            theirs += socket.socketpair()
        fds = [port.fileno() for port in theirs]
        # pdeathsig: QEMU must not outlive this process, however that ends.
        process = subprocess.Popen(
            [
                "setpriv",
                "--pdeathsig",
                "KILL",
                *self.arguments(
                    qemu.Channels(self.console.file, *fds[:2], monitor=tuple(fds[2:]) or None)
                ),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=fds,
            start_new_session=True,
        )
        for port in theirs:
            port.close()
        try:
            with self.raw, stop_on_signals():
                in_time = self.serve()
        except Stopped as stop:
            return Outcome(stop.status)
        finally:
            process.kill()
            complaint = process.communicate()[1].decode(errors="replace").strip()
            self.console.poll()
        return self.judge(in_time, complaint)

    def serve(self) -> bool:
        """Moves bytes until QEMU has closed all ports; False at the deadline."""
        while self.handlers:
            if self.deadline and time.monotonic() >= self.deadline:
                return False
            self.console.poll()
            for key, events in self.selector.select(POLL_SECONDS):
                if key.fileobj is sys.stdin:
                    self.keyboard()
                    continue
                if events & selectors.EVENT_WRITE:
                    self.type()
                if events & selectors.EVENT_READ:
                    self.read(key.fileobj)
        return True

    def read(self, port: socket.socket) -> None:
        try:
            data = port.recv(CHUNK)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if data:
            self.handlers[port](data)
        else:
            self.selector.unregister(port)
            del self.handlers[port]

    def output(self, data: bytes) -> None:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise Stopped(128 + signal.SIGPIPE) from None

    def report(self, data: bytes) -> None:
        *lines, self.said = (self.said + data).split(b"\n")
        for line in lines:
            match line.split():
                case [b"ready"]:
                    self.begin()
                case [b"load-failed"]:
                    self.load_failed = True
                case [b"exit", status]:
                    self.verdict = int(status)
                    self.deadline = time.monotonic() + POWER_OFF_SECONDS
                    # Not before: what a slow reader keeps in QEMU would be lost.
                    self.tell("off")

    def begin(self) -> None:
        self.ready = True
        self.console.command_begins()
        clear_progress()
        if self.terminal:
            self.raw.enter_context(raw_terminal())
            self.raw.enter_context(on_resize(self.resize))
            self.selector.register(sys.stdin, selectors.EVENT_READ)
            self.resize()

    def resize(self) -> None:
        rows, columns = terminal_size()
        self.tell(f"{rows} {columns}")

    def tell(self, line: str) -> None:
        with contextlib.suppress(OSError):
            self.control.send(f"{line}\n".encode())

    def keyboard(self) -> None:
        data = os.read(sys.stdin.fileno(), 1024)
        if not data or ESCAPE in data:
            raise Stopped(128 + signal.SIGHUP)
        self.typed += data
        self.type()

    def type(self) -> None:
        """Passes on what was typed, as far as the guest takes it."""
        if self.stdio not in self.handlers:
            return
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            del self.typed[: self.stdio.send(self.typed)]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.typed else 0)
        self.selector.modify(self.stdio, events)

    def judge(self, in_time: bool, complaint: str) -> Outcome:
        splat = self.console.splat()
        if splat:
            return Outcome(BROKEN, f"the guest's kernel said: {splat}")
        if not in_time and self.verdict is None:
            return Outcome(TIMEOUT, f"no end after {self.seconds:g} s")
        if self.load_failed:
            return Outcome(BROKEN, "a module could not be loaded")
        if not self.console.data and complaint:
            return Outcome(BROKEN, f"QEMU did not start: {complaint}")
        if self.verdict is None:
            return Outcome(BROKEN, "the guest ended before the command did")
        if not in_time:
            return Outcome(BROKEN, "the guest did not power off")
        return Outcome(self.verdict)


def terminal_size() -> tuple[int, int]:
    packed = fcntl.ioctl(sys.stdin, termios.TIOCGWINSZ, bytes(8))
    rows, columns = struct.unpack("HHHH", packed)[:2]
    return rows or 24, columns or 80


def show_progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}", end="", file=sys.stderr, flush=True)


def clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    saved = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSAFLUSH, saved)


@contextlib.contextmanager
def on_resize(call: Callable[[], None]) -> Iterator[None]:
    old = signal.signal(signal.SIGWINCH, lambda *_: call())
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, old)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[None]:
    def stop(number: int, _frame: object) -> None:
        raise Stopped(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
