# SPDX-License-Identifier: GPL-2.0
"""Kernels that guests can run: those built here, and Debian's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

STOCK = "stock-"
# What a checking kernel finds ends the guest there and then, and does not go on to spoil the rest.
# Not with kcsan: mainline has races that KCSAN reports, and each would be a panic. What counts
# there is told apart from the console (console.py), as is a WARNING anyhow.
# While identify_cpu() of Linux 7.2 asks what the CPU can do, it knows of no five levels of page
# tables for a moment, and KASAN takes what an interrupt touches then for wild: so there are four.
ARGUMENTS = {"debug": ["panic_on_warn=1"], "kasan": ["panic_on_warn=1", "no5lvl"]}


class KernelError(Exception):
    """There is no such kernel here."""


@dataclass
class Kernel:
    """A kernel and what guests find beside it."""

    image: Path
    modules: Path  # modules of this tree, built for it
    arguments: list[str] = field(default_factory=list)
    root: Path | None = None  # the Debian that it is installed in
    installed: Path | None = None  # its folder of modules there


def find(name: str, build: Path) -> Kernel:
    """The kernel NAME: one of scripts/kernels, or stock-X.Y."""
    modules = build / "modules" / name
    if not name.startswith(STOCK):
        image = build / f"linux-{name}/arch/x86/boot/bzImage"
        if not image.is_file():
            raise KernelError(f"kernel {name} is not built: run 'make setup KERNEL={name}'")
        return Kernel(image, modules, ARGUMENTS.get(name, []))
    root = build / "stock"
    link = root / name
    if not link.is_symlink():
        raise KernelError(f"kernel {name} is not installed: run 'make stock'")
    installed = root / link.readlink()
    for image in (
        installed / "vmlinuz",
        installed / "vmlinuz.unsigned",
        root / f"boot/vmlinuz-{installed.name}",
    ):
        if image.is_file():
            return Kernel(image, modules, root=root, installed=installed)
    raise KernelError(f"kernel {name} has no image: remove build/stock and run 'make stock'")
