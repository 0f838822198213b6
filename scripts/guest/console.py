# SPDX-License-Identifier: GPL-2.0
"""The kernel's console: kept whole, and watched for what must not be there."""

from __future__ import annotations

import re
from pathlib import Path

# Said once by the unwinder where an interrupt or KCSAN asks for a backtrace amid return_to_handler
# of Linux 7.2, which every user of fprobe or the function graph has: it takes its own return
# address off the stack before it jumps there, and the unwinder's tables do not follow it.
UNWINDER = rb"stack going in the wrong direction\? at return_to_handler\+"
# A printk line may begin with a level, a time stamp and a caller.
PREFIX = rb"^(?:<\d+>)?(?:\[[ \d.]+\] ?)?(?:\[ *[TC]\d+\] ?)?"
SPLAT = re.compile(
    PREFIX + rb"(?:"
    rb"Kernel panic - not syncing"
    rb"|Oops: |general protection fault|double fault"
    rb"|(?:watchdog: |kernel )?BUG[: ]"
    rb"|WARNING: (?!" + UNWINDER + rb")"
    rb"|INFO: (?:possible |inconsistent |trying to register non-static key)"  # lockdep
    rb"|DEBUG_LOCKS_WARN_ON"
    rb"|(?:rcu: )?INFO: \S+ (?:self-)?detected (?:expedited )?stalls?"
    rb"|INFO: task .* blocked for more than"
    rb"|UBSAN: |KASAN: |KFENCE: "
    rb"|kmemleak: \d+ new suspected memory leaks?"
    rb"|unreferenced object 0x"
    rb"|rust_kernel: panicked at"
    rb")",
    re.MULTILINE,
)


# KCSAN puts a report between two lines of these.
RACE = re.compile(
    PREFIX + rb"BUG: KCSAN: (?P<title>.*)\n(?P<report>(?:.*\n)*?)(?:" + PREFIX + rb"=====|\Z)",
    re.MULTILINE,
)
# What an interrupt has interrupted, in the backtrace of what the interrupt does.
INTERRUPTED = re.compile(
    rb"(" + PREFIX + rb" asm_(?:sysvec_\w+|common_interrupt)\+.*\n)"
    rb"(?:" + PREFIX + rb" \S+\+0x.*\n)*",
    re.MULTILINE,
)
# A function of ours in a backtrace: the kernel puts the module's name after it.
OURS = re.compile(rb"\[(?:numaweave\w*|perf_injector|spread_pages)[ \]]")


def is_ours(report: bytes) -> bool:
    return bool(OURS.search(INTERRUPTED.sub(rb"\1", report)))


def find_splat(text: bytes) -> str | None:
    text = text.replace(b"\r", b"")
    for match in SPLAT.finditer(text):
        race = RACE.match(text, match.start())
        if race and not is_ours(race["report"]):
            continue
        return text[match.start() :].split(b"\n", 1)[0].decode(errors="replace")
    return None


def foreign_races(text: bytes) -> list[str]:
    """Races that KCSAN reports without a function of ours in either backtrace.

    Mainline has such, on purpose or not, and they are met with and without numaweave: so they are
    told, and no failure. What is ours: whoever is in a function of ours, or in one of the kernel's
    that ours has called. That leaves out memory of ours that the kernel alone touches in both
    places; how it does that is its own affair.
    """
    text = text.replace(b"\r", b"")
    races = (race for race in RACE.finditer(text) if not is_ours(race["report"]))
    return [race["title"].decode(errors="replace") for race in races]


class Console:
    """What the guest's console says, from the file that QEMU writes it to.

    A file takes all that QEMU has at once. With a socket QEMU may have to wait,
    and the kernel, which waits for its port only so long, loses characters.
    """

    def __init__(self, file: Path, copy: Path | None):
        self.file = file
        self.file.touch()
        self.copy = copy.open("wb") if copy else None
        self.source = file.open("rb")
        self.data = bytearray()
        self.mark = 0  # where the command began

    def poll(self) -> None:
        """Takes in what is new, and passes it on to the caller's file."""
        new = self.source.read()
        self.data += new
        if self.copy and new:
            self.copy.write(new)
            self.copy.flush()

    def command_begins(self) -> None:
        self.poll()
        self.mark = len(self.data)

    def splat(self) -> str | None:
        """The first line that makes the run a failure."""
        return find_splat(bytes(self.data))

    def foreign_races(self) -> list[str]:
        return foreign_races(bytes(self.data))

    def excerpt(self, limit: int) -> str:
        """What the console said since the command began, the last `limit` lines."""
        text = self.data[self.mark :].decode(errors="replace").replace("\r", "")
        lines = text.splitlines()
        cut = len(lines) - limit
        if cut > 0:
            lines = [f"... {cut} lines before ...", *lines[cut:]]
        return "\n".join(lines)
