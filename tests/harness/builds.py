# SPDX-License-Identifier: GPL-2.0
"""What needs no guest: builds, the host's tests, and lint."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from .item import KERNEL, TOP, Item, Result, command

LINT = str(TOP / "scripts/lint")
MODULES = (
    "numaweave.ko",
    "numaweave_livepatch.ko",
    "samples/perf_injector.ko",
    "samples/spread_pages.ko",
)


def items() -> list[Item]:
    checks = subprocess.run([LINT, "--list"], check=True, capture_output=True, text=True)
    return [
        Item("build module", partial(make, "test-module"), alone=True, builds=True),
        Item("build programs", partial(make, "programs"), alone=True, builds=True),
        Item("build ordinary", ordinary, alone=True),
        Item("build refusals", refusals),
        Item("host tests", host_tests, alone=True),
        Item("fuzz", fuzz, alone=True),
        *(
            Item(f"lint {name}", partial(lint, name), alone=True, needs_builds=name == "panics")
            for name in checks.stdout.split()
        ),
    ]


def make(*arguments: str | Path) -> Result:
    """The last argument is the log, as for every item."""
    *targets, log = arguments
    return single(command(["make", *targets], log))


def ordinary(log: Path) -> Result:
    """`make KDIR=...` on a copy of the tracked files, as any module is built."""
    result = Result()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "numaweave"
        for name in tracked():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, copy / name)
        before = files(copy)
        make_copy = ["make", "-C", str(copy), f"KDIR={KERNEL}"]
        result.check("modules", ended(command(make_copy, log)))
        for name in MODULES:
            result.check(name, None if (copy / name).exists() else "is not there")
        install = Path(folder) / "installed"
        status = command([*make_copy, "modules_install", f"INSTALL_MOD_PATH={install}"], log)
        result.check("modules_install", ended(status))
        for name in MODULES:
            found = list(install.rglob(f"{Path(name).name}*"))
            result.check(f"installed {name}", None if found else "is not there")
        result.check("rust-analyzer", ended(command([*make_copy, "rust-analyzer"], log)))
        result.check("clean", ended(command([*make_copy, "clean"], log)))
        left = sorted(files(copy) - before)
        result.check("nothing is left", f"{left} are" if left else None)
    return result


def tracked() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], check=True, cwd=TOP, capture_output=True, text=True
    ).stdout
    return [name for name in listing.split("\0") if name and (TOP / name).exists()]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def ended(status: int) -> str | None:
    return f"ends with status {status}" if status else None


def refusals(log: Path) -> Result:
    """Each thing that a kernel tree may lack is named."""
    result = Result()
    complete = {
        "Makefile": "",
        "include/config/auto.conf": (KERNEL / "include/config/auto.conf").read_text(),
        "rust/libkernel.rmeta": "",
        "rust/libcore.rmeta": "",
        "rust/libmacros.so": "",
    }
    config = complete["include/config/auto.conf"]
    other_rustc = re.sub(r"(CONFIG_RUSTC_VERSION_TEXT=).*", r"\1rustc 1.0.0", config)
    cases = {
        "complete": ({}, ""),
        "no tree": ({"Makefile": None}, "no kernel tree"),
        "not configured": ({"include/config/auto.conf": None}, "not configured"),
        "no Rust": (
            {"include/config/auto.conf": config.replace("CONFIG_RUST=y\n", "")},
            "without CONFIG_RUST=y",
        ),
        "no metadata": ({"rust/libkernel.rmeta": None}, "no Rust metadata"),
        "another rustc": ({"include/config/auto.conf": other_rustc}, "rustc 1.0.0"),
    }
    for name, (change, word) in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            for file, text in (complete | change).items():
                if text is not None:
                    (Path(folder) / file).parent.mkdir(parents=True, exist_ok=True)
                    (Path(folder) / file).write_text(text)
            done = subprocess.run(
                [TOP / "scripts/check-kdir", folder], check=False, capture_output=True, text=True
            )
        with log.open("a") as file:
            file.write(done.stderr)
        refused = done.returncode == 1 and word in done.stderr
        as_it_should = refused if word else done.returncode == 0
        result.check(name, None if as_it_should else f"status {done.returncode}, {done.stderr!r}")
    result.check("another series", another_series(log))
    return result


def another_series(log: Path) -> str | None:
    """A kernel that nobody has compared with these sources is refused."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["make", "-C", str(KERNEL), f"M={TOP}", f"MO={folder}", "PATCHLEVEL=99", "modules"],
            check=False,
            capture_output=True,
            text=True,
        )
    with log.open("a") as file:
        file.write(done.stderr)
    refused = done.returncode != 0 and "numaweave is for Linux 7.2 7.3" in done.stderr
    return None if refused else f"status {done.returncode}, {done.stderr!r}"


def lint(name: str, log: Path) -> Result:
    return single(command([LINT, name], log))


def single(status: int) -> Result:
    result = Result()
    result.check("run", ended(status))
    return result


def host_tests(log: Path) -> Result:
    status = command(["cargo", "test", "--locked", "--workspace", "--no-fail-fast"], log)
    return cargo_result(log.read_text(errors="replace"), status)


def fuzz(log: Path) -> Result:
    """The corpus, and the same random inputs each time: `make fuzz` looks for more."""
    result = Result()
    status = command(["fuzz/run", "--short", "--seed", "1"], log)
    lines = re.findall(r"^(\w+) +\d+ executions, .*: (.*)$", log.read_text(), re.MULTILINE)
    for target, verdict in lines:
        result.check(target, None if verdict == "ok" else verdict)
    if status and not result.failed:
        result.failed.append(f"fuzz/run ends with status {status}")
    targets = {file.stem for file in (TOP / "fuzz/fuzz_targets").glob("*.rs")}
    missing = sorted(targets - {target for target, _ in lines})
    result.check("all targets", f"{missing} have not run" if missing or not targets else None)
    return result


def cargo_result(text: str, status: int) -> Result:
    """Counts what `cargo test` reports, case by case."""
    result = Result()
    for name, verdict in re.findall(r"^test (.+?) \.\.\. (\w+)", text, re.MULTILINE):
        if verdict == "ignored":
            result.skipped.append(name)
    for name in sorted(set(re.findall(r"^    (\S+)$", failures(text), re.MULTILINE))):
        result.failed.append(name)
    for passed in re.findall(r"^test result: \w+\. (\d+) passed", text, re.MULTILINE):
        result.passed += int(passed)
    if status and not result.failed:
        result.failed.append(f"cargo test ends with status {status}")
    if not status and not result.passed:
        result.failed.append("no test has run")
    return result


def failures(text: str) -> str:
    """The lists of names with which each test program ends."""
    return "\n".join(re.findall(r"^failures:\n((?:    \S+\n)+)", text, re.MULTILINE))
