# SPDX-License-Identifier: GPL-2.0
"""The kernel's console: kept whole, and watched for what must not be there."""

from __future__ import annotations

import re
from typing import BinaryIO

# A printk line may begin with a level, a time stamp and a caller.
PREFIX = rb"^(?:<\d+>)?(?:\[[ \d.]+\] ?)?(?:\[ *[TC]\d+\] ?)?"
SPLAT = re.compile(
    PREFIX + rb"(?:"
    rb"Kernel panic - not syncing"
    rb"|Oops: |general protection fault|double fault"
    rb"|(?:watchdog: |kernel )?BUG[: ]"
    rb"|WARNING: "
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


class Console:
    """Collects the console's bytes, and copies them to a file if there is one."""

    def __init__(self, copy: BinaryIO | None):
        self.copy = copy
        self.data = bytearray()
        self.mark = 0  # where the command began

    def feed(self, data: bytes) -> None:
        self.data += data
        if self.copy:
            self.copy.write(data)
            self.copy.flush()

    def splat(self) -> str | None:
        """The first line that makes the run a failure."""
        text = bytes(self.data).replace(b"\r", b"")
        match = SPLAT.search(text)
        if not match:
            return None
        return text[match.start() :].split(b"\n", 1)[0].decode(errors="replace")

    def excerpt(self, limit: int) -> str:
        """What the console said since the command began, the last `limit` lines."""
        text = self.data[self.mark :].decode(errors="replace").replace("\r", "")
        lines = text.splitlines()
        cut = len(lines) - limit
        if cut > 0:
            lines = [f"... {cut} lines before ...", *lines[cut:]]
        return "\n".join(lines)
