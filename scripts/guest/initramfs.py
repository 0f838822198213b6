# SPDX-License-Identifier: GPL-2.0
"""The guest's file system: busybox, numactl, the modules and their helpers."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .kernels import Kernel
from .topology import Topology

# kmod loads these itself when it meets a compressed or a signed module.
KMOD_LIBRARIES = ("liblzma.so.5", "libzstd.so.1", "libcrypto.so.3")
TOOLS = ("numactl", "migratepages", "numastat", "memhog", "setpriv")
HELPERS = ("numaweave-guest", "numaweave-plan")
FOLDERS = "bin dev etc guest lib lib64 modules copy proc root sbin sys tmp usr/bin usr/sbin"
INIT = Path(__file__).with_name("init")


class GuestError(Exception):
    """Something that the guest needs is missing or does not fit."""


@dataclass
class Load:
    """One --load: a module of /modules by name, or a file; and its parameters."""

    module: str | Path
    parameters: list[str]

    @classmethod
    def parse(cls, text: str, path_of: Callable[[str], Path]) -> Load:
        module, *parameters = text.split(":")
        if "/" in module or module.endswith(".ko"):
            return cls(path_of(module), parameters)
        return cls(module, parameters)


@dataclass
class Contents:
    """What one run puts into its guest."""

    topology: Topology
    command: list[str]
    loads: list[Load]
    copies: list[Path]
    terminal: tuple[int, int, str] | None  # rows, columns, TERM
    environment: dict[str, str]


def build(contents: Contents, build_dir: Path, kernel: Kernel, scratch: Path) -> Path:
    """Packs the initramfs into `scratch` and returns its path."""
    tree = scratch / "root"
    for folder in FOLDERS.split():
        (tree / folder).mkdir(parents=True)
    userland(tree)
    helpers(tree, build_dir)
    for module in sorted(kernel.modules.rglob("*.ko")):
        shutil.copy(module, tree / "modules" / module.name)
    if kernel.root and kernel.installed:
        installed(tree, kernel.root, kernel.installed)
    loads = [load_command(load, tree) for load in contents.loads]
    for path in contents.copies:
        if not path.is_file():
            raise GuestError(f"--copy {path}: no such file")
        shutil.copy(path, tree / "copy" / path.name)
    shutil.copy(INIT, tree / "init")
    (tree / "init").chmod(0o755)

    (tree / "topology.json").write_text(json.dumps(contents.topology.resolved()) + "\n")
    guest = tree / "guest"
    (guest / "name").write_text(contents.topology.name + "\n")
    (guest / "load").write_text("".join(loads))
    exports = [
        f"export {name}={shlex.quote(value)}\n" for name, value in contents.environment.items()
    ]
    (guest / "command").write_text("".join(exports) + f"exec {shlex.join(contents.command)}\n")
    if contents.terminal:
        (guest / "terminal").write_text("{} {} {}\n".format(*contents.terminal))
    return pack(tree, scratch / "initramfs.cpio")


def userland(tree: Path) -> None:
    shutil.copy("/usr/bin/busybox", tree / "bin/busybox")
    applets = subprocess.run(
        ["busybox", "--list-full"], check=True, capture_output=True, text=True
    ).stdout.split()
    for applet in applets:
        link = tree / applet
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to("/bin/busybox")
    for tool in TOOLS:
        add_tool(tree, tool)


def add_tool(tree: Path, tool: str) -> None:
    source = shutil.which(tool)
    if not source:
        raise GuestError(f"{tool} is missing in the build root: run 'make setup'")
    shutil.copy(source, tree / "usr/bin" / tool)
    for library in libraries(source):
        add_library(tree, library)


def add_library(tree: Path, library: str) -> None:
    target = tree / library.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(library, target)


def installed(tree: Path, root: Path, folder: Path) -> None:
    """What the packages have installed in ROOT: the modules that DKMS has built, with
    modprobe(8) and its configuration; and the same in /modules for insmod."""
    target = tree / "lib/modules" / folder.name
    shutil.copytree(folder / "updates", target / "updates")
    for index in folder.glob("modules.*"):
        shutil.copy(index, target / index.name)
    for module in sorted(target.rglob("*.ko*")):
        name = module.name.partition(".")[0]
        with (tree / "modules" / f"{name}.ko").open("wb") as out:
            unpack = ["xz", "--decompress", "--stdout"] if module.suffix == ".xz" else ["cat"]
            subprocess.run([*unpack, str(module)], stdout=out, check=True)
    for configuration in ("etc/modprobe.d", "etc/modules-load.d"):
        if (root / configuration).is_dir():
            shutil.copytree(root / configuration, tree / configuration)
    add_tool(tree, "kmod")
    cache = subprocess.run(["ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    for name in KMOD_LIBRARIES:
        match = re.search(rf"^\t{re.escape(name)} .*x86-64.* => (/\S+)$", cache, re.MULTILINE)
        if not match:
            raise GuestError(f"{name} is missing in the build root: run 'make setup'")
        add_library(tree, match[1])
        for library in libraries(match[1]):
            add_library(tree, library)
    for name in ("modprobe", "modinfo", "insmod", "rmmod", "lsmod", "depmod"):
        link = tree / "sbin" / name
        link.unlink(missing_ok=True)
        link.symlink_to("/usr/bin/kmod")


def libraries(program: str) -> list[str]:
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", listing)


def helpers(tree: Path, build_dir: Path) -> None:
    for name in HELPERS:
        program = build_dir / "target/x86_64-unknown-linux-gnu/release" / name
        if program.is_file():
            shutil.copy(program, tree / "bin" / name)


def load_command(load: Load, tree: Path) -> str:
    if isinstance(load.module, Path):
        if not load.module.is_file():
            raise GuestError(f"--load {load.module}: no such file")
        name = load.module.name
        shutil.copy(load.module, tree / "modules" / name)
    else:
        name = f"{load.module}.ko"
        if not (tree / "modules" / name).is_file():
            present = ", ".join(sorted(p.stem for p in (tree / "modules").iterdir())) or "none"
            raise GuestError(f"--load {load.module}: not built (modules there: {present})")
    return shlex.join(["insmod", f"/modules/{name}", *load.parameters]) + "\n"


def pack(tree: Path, archive: Path) -> Path:
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    with archive.open("wb") as out:
        subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
            cwd=tree,
            input="\n".join(names).encode(),
            stdout=out,
            check=True,
        )
    return archive
