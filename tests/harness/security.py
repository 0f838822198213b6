# SPDX-License-Identifier: GPL-2.0
"""Claims of Documentation/security.md that need no guest."""

from __future__ import annotations

from pathlib import Path

from .item import MODULES, TOP, Item, Result

ABI = TOP / "Documentation/ABI/testing/sysfs-kernel-numaweave"
DOCUMENT = TOP / "Documentation/security.md"


def items() -> list[Item]:
    return [Item("security claims", claims, needs_builds=True)]


def claims(_log: Path) -> Result:
    result = Result()
    exports = [line.split("\t") for line in (MODULES / "Module.symvers").read_text().splitlines()]
    ours = {name: kind for _, name, module, kind, *_ in exports if module == "numaweave"}
    result.check("exports", None if ours else "there are none")
    for name, kind in ours.items():
        open_to_all = kind != "EXPORT_SYMBOL_GPL"
        result.check(name, f"is exported by {kind}" if open_to_all else None)
    document = DOCUMENT.read_text()
    whats = [line.split()[1] for line in ABI.read_text().splitlines() if line.startswith("What:")]
    names = {what.rstrip("/").rpartition("/")[2] for what in whats if not what.endswith("/")}
    missing = sorted(name for name in names if f"`{name}`" not in document)
    result.check("every file is named", f"{missing} are not" if missing else None)
    return result
