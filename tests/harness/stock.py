# SPDX-License-Identifier: GPL-2.0
"""Debian's own kernels, and numaweave installed there from its packages."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from .guests import end_to_end
from .item import BUILD, TOP, Item, Result, command, guest

STOCK = BUILD / "stock"
KERNELS = ("stock-7.2", "stock-7.3")
# The required one, and the one on which memory comes and goes.
TOPOLOGIES = ("three-tier", "hotplug")
REFUSED = 3
CACHE = "/var/cache/rust-metadata"


def items() -> list[Item]:
    return [
        Item("stock packages", packages, alone=True, makes_stock=True),
        Item("stock refusals", refusals, needs_stock=True),
        Item("stock order", order, needs_stock=True),
        *(
            Item(f"stock weights {kernel}", partial(weights, kernel), needs_stock=True)
            for kernel in KERNELS
        ),
        Item("stock purge", purge, needs_stock=True),
        *(
            Item(
                f"guest {kernel} {topology}",
                partial(end_to_end, topology, kernel=kernel),
                needs_builds=True,
                needs_stock=True,
            )
            for kernel in KERNELS
            for topology in TOPOLOGIES
        ),
    ]


def release(kernel: str) -> str:
    return (STOCK / kernel).readlink().name


def in_root(root: Path, *args: str) -> list[str]:
    return [str(TOP / "scripts/in-root"), "--root", str(root), *args]


def output(args: list[str], log: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `args`; what they say goes into the log too."""
    done = subprocess.run(
        args,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    with log.open("a") as file:
        file.write(f"$ {' '.join(args)}\n{done.stdout}{done.stderr}status {done.returncode}\n")
    return done


def packages(log: Path) -> Result:
    """Installs all as an administrator does, and looks at what is there then."""
    result = Result()
    status = command([str(TOP / "scripts/stock")], log)
    result.check("scripts/stock", f"ends with status {status}" if status else None)
    if status:
        return result
    debs = sorted(str(deb) for deb in (BUILD / "deb").glob("*.deb"))
    done = output(["lintian", "--allow-root", "--fail-on", "error,warning", *debs], log)
    result.check("lintian", done.stdout or None if done.returncode else None)
    for kernel in KERNELS:
        of = release(kernel)
        status = output(in_root(STOCK, "dkms", "status", "-k", of), log).stdout
        result.check(f"{kernel} dkms", None if "installed" in status else f"says {status!r}")
        folder = STOCK / kernel / "updates/dkms"
        for name in ("numaweave", "numaweave_livepatch"):
            there = (STOCK / f"usr/lib/modules/{of}/updates/dkms/{name}.ko.xz").exists()
            result.check(f"{kernel} {name}", None if there else f"is not in {folder}")
    for page in ("man1/numaweave-plan.1", "man1/rust-metadata.1", "man4/numaweave.4"):
        there = (STOCK / f"usr/share/man/{page}.gz").exists()
        result.check(page, None if there else "is not installed")
    done = output(in_root(STOCK, "numaweave-plan", "307200", "102400", "51200"), log)
    result.check("numaweave-plan", None if "6:2:1" in done.stdout else f"says {done.stdout!r}")
    return result


def refusals(log: Path) -> Result:
    """What rust-metadata must not build from, it names; and it needs no root."""
    result = Result()
    kernel = release("stock-7.2")
    tool = str(TOP / "scripts/rust-metadata")
    cases = {
        "another rustc": ([kernel], {"RUSTC": "/bin/false"}, "install rustc=1.85.1"),
        "another gcc": ([kernel], {"CC": "/bin/false"}, "install gcc-14"),
        "another bindgen": ([kernel], {"BINDGEN": "/bin/false"}, "install bindgen=0.71.1"),
        "no headers": (["7.2.99+deb13-amd64"], {}, "install linux-headers-7.2.99+deb13-amd64"),
        "no source": (
            ["--source", "/nowhere.tar.xz", "--cache", "/tmp/cache", kernel],
            {},
            "install linux-source-7.2",
        ),
    }
    for name, (arguments, environment, word) in cases.items():
        settings = [f"{key}={value}" for key, value in environment.items()]
        done = output(in_root(STOCK, "env", *settings, tool, "--check", *arguments), log)
        good = done.returncode == REFUSED and word in done.stderr
        result.check(name, None if good else f"status {done.returncode}, {done.stderr!r}")
    # Another kernel's source, of a series that has one.
    wrong = "/usr/src/linux-source-7.3.tar.xz"
    done = output(in_root(STOCK, tool, "--source", wrong, "--cache", "/tmp/cache", kernel), log)
    good = done.returncode == 1 and "failed" in done.stderr and not done.stdout
    result.check("wrong source", None if good else f"status {done.returncode}, {done.stderr!r}")
    unprivileged = ["setpriv", "--reuid=65534", "--clear-groups", "--regid=65534"]
    options = ["--check", "--cache", "/tmp/nobody", kernel]
    done = output(in_root(STOCK, *unprivileged, tool, *options), log)
    result.check("no root", f"says {done.stderr!r}" if done.returncode else None)
    done = output(in_root(STOCK, tool, kernel), log)
    there = done.stdout.strip() == f"{CACHE}/{kernel}"
    result.check("cached", None if there else f"says {done.stdout!r}")
    return result


def weights(kernel: str, log: Path) -> Result:
    """The first thing that anybody does, letter by letter."""
    result = Result()
    script = """
        modprobe numaweave
        echo $(cat /sys/kernel/numaweave/node?/weight)
        numactl -w all numaweave-guest place --json --pages 90
    """
    options = ["--kernel", kernel]
    done = guest("three-tier", options, ["sh", "-ec", script], log)
    first, _, placed = done.output.decode(errors="replace").partition("\n")
    result.check("6:2:1", None if first == "6 2 1" else f"weights are {first!r}")
    nodes = json.loads(placed)["nodes"] if not done.status else {}
    as_they_say = nodes == {"0": 60, "1": 20, "2": 10}
    result.check("numactl -w", None if as_they_say else f"status {done.status}, pages {nodes}")
    return result


class Copy:
    """The Debian of STOCK, to be changed and thrown away."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="numaweave-stock-")
        self.root = Path(self.folder.name) / "root"

    def __enter__(self) -> Copy:
        top = Path(self.folder.name)
        for name in ("upper", "work", "root"):
            (top / name).mkdir()
        layers = f"lowerdir={STOCK},upperdir={top}/upper,workdir={top}/work"
        subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o", layers, str(self.root)], check=True
        )
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.root)], check=True)
        self.folder.cleanup()

    def run(self, log: Path, *args: str) -> subprocess.CompletedProcess[str]:
        return output(in_root(self.root, *args), log)


def order(log: Path) -> Result:
    """A kernel whose source comes late gets its modules when it comes."""
    result = Result()
    kernel = release("stock-7.3")
    with Copy() as debian:
        modules = debian.root / f"usr/lib/modules/{kernel}/updates/dkms"
        remove = f"""
            version=$(echo /usr/src/numaweave-*)
            dkms unbuild -m numaweave -v "${{version#/usr/src/numaweave-}}" -k {kernel}
            rm -rf {CACHE}/{kernel}
            mv /usr/src/linux-source-7.3.tar.xz /var/tmp/
            """
        debian.run(log, "bash", "-c", remove)
        gone = not list(modules.glob("*.ko*"))
        result.check("removed", None if gone else f"{modules} is not empty")
        without = debian.run(log, "/etc/kernel/header_postinst.d/dkms", kernel)
        named = "install linux-source-7.3" in without.stderr + without.stdout
        result.check("named", None if named else "the missing source is not named")
        result.check(
            "the kernel's package goes on",
            f"dkms ends with {without.returncode}" if without.returncode else None,
        )
        other = "6.12.0-numaweave"
        (debian.root / f"usr/lib/modules/{other}/build/include").mkdir(parents=True)
        said = debian.run(log, "/etc/kernel/header_postinst.d/dkms", other)
        named = f"numaweave is for Linux 7.2 7.3, not for {other}" in said.stderr + said.stdout
        result.check("another series", None if named else "is not named")
        (debian.root / "var/tmp/linux-source-7.3.tar.xz").rename(
            debian.root / "usr/src/linux-source-7.3.tar.xz"
        )
        debian.run(log, "dpkg-trigger", "--by-package=linux-source-7.3", "/usr/src")
        debian.run(log, "dpkg", "--configure", "--pending")
        built = len(list(modules.glob("*.ko*")))
        result.check("built", None if built == len(("core", "takeover")) else f"{built} are there")
    return result


def purge(log: Path) -> Result:
    """Purging leaves nothing behind."""
    result = Result()
    with Copy() as debian:
        done = debian.run(log, "apt-get", "purge", "-y", "numaweave-dkms", "numaweave-tools")
        result.check("purge", f"ends with {done.returncode}" if done.returncode else None)
        own = ("/host/*", f"{TOP}/*", "/proc/*", "/sys/*", "/dev/*", "/tmp/*", "/var/log/*")
        left = ["find", "/", "-xdev", "-name", "*numaweave*"]
        for path in (*own, "/var/lib/numaweave-stock"):
            left += ["!", "-path", path]
        found = debian.run(log, *left).stdout.split()
        result.check("files", f"{found} are left" if found else None)
        cached = (debian.root / CACHE.lstrip("/")).exists()
        result.check("metadata", f"{CACHE} is left" if cached else None)
        modules = [str(path) for path in debian.root.glob("usr/lib/modules/*/updates/dkms/*")]
        result.check("modules", f"{modules} are left" if modules else None)
        status = debian.run(log, "dkms", "status").stdout
        result.check("dkms", f"still knows {status!r}" if "numaweave" in status else None)
    return result
