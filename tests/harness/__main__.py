# SPDX-License-Identifier: GPL-2.0
"""Runs all tests and ends with the counts.

Logs are in build/logs/test, one an item.
"""

from __future__ import annotations

import argparse
import fcntl
import fnmatch
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from . import (
    bench,
    builds,
    checking,
    faults,
    firmware,
    guests,
    runner,
    security,
    stock,
    topologies,
    torture,
)
from .item import LOGS, TOP, Item, Result

TAIL_LINES = 40


class Progress:
    """One line an item as it ends, and the sums."""

    def __init__(self, total: int):
        self.total = total
        self.done = 0
        self.sum = Result()

    def show(self, item: Item, result: Result, seconds: float) -> None:
        self.done += 1
        self.sum.passed += result.passed
        self.sum.failed += [f"{item.name}: {name}" for name in result.failed]
        self.sum.skipped += [f"{item.name}: {name}" for name in result.skipped]
        verdict = "FAIL" if result.failed else "ok"
        print(
            f"[{self.done:3}/{self.total}] {verdict:4} {item.name:28} "
            f"{counts(result):26} {seconds:6.1f} s",
            flush=True,
        )
        if result.failed:
            for name in result.failed:
                print(f"    failed: {name}")
            self.show_log(item)

    def failed(self, item: Item) -> bool:
        return any(name.startswith(f"{item.name}: ") for name in self.sum.failed)

    def show_log(self, item: Item) -> None:
        if not item.log.exists():
            return
        tail = item.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        print(f"    {item.log.relative_to(TOP)}{' ends with' if tail else ' is empty'}:")
        print("".join(f"    | {line}\n" for line in tail), end="", flush=True)


def counts(result: Result) -> str:
    text = f"{result.passed} passed, {len(result.failed)} failed"
    return text + (f", {len(result.skipped)} skipped" if result.skipped else "")


def main() -> int:
    options = arguments()
    items = [
        *builds.items(),
        *stock.items(),
        *runner.items(),
        *topologies.items(),
        # The longest of all, so not at the end.
        *faults.items(),
        *guests.items(),
        *firmware.items(),
        *security.items(),
        *torture.items(),
        *checking.items(),
        *bench.items(),
    ]
    if options.only:
        pattern = options.only if set("*?[") & set(options.only) else f"*{options.only}*"
        chosen = [item for item in items if item.name == options.only] or [
            item for item in items if fnmatch.fnmatch(item.name, pattern)
        ]
        building = any(item.needs_builds for item in chosen)
        stocking = any(item.needs_stock for item in chosen)
        kernels = {item.needs_kernel for item in chosen} - {""}
        items = [
            item
            for item in items
            if item in chosen
            or (item.builds and building)
            or (item.makes_stock and stocking)
            or item.makes_kernel in kernels
        ]
        if not items:
            print(f"no test matches '{options.only}', see --all --list", file=sys.stderr)
            return 2
    elif not options.all:
        items = [item for item in items if not item.is_long]
    if options.list:
        print("\n".join(item.name for item in items))
        return 0
    LOGS.mkdir(parents=True, exist_ok=True)
    lock = (LOGS.parent / "test.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another test run is under way in this tree", file=sys.stderr)
        return 2
    for old in LOGS.iterdir():
        old.unlink()
    progress = Progress(len(items))
    try:
        run_all(items, options.jobs, progress)
    except KeyboardInterrupt:
        print(f"interrupted: {counts(progress.sum)}, the rest has not run", flush=True)
        os._exit(130)  # no waiting for the threads: their guests end with this process
    for name in progress.sum.failed:
        print(f"failed: {name}")
    for name in progress.sum.skipped:
        print(f"skipped: {name}")
    print(counts(progress.sum))
    return 1 if progress.sum.failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/run", description=__doc__, allow_abbrev=False)
    parser.add_argument("--list", action="store_true", help="name the items and run none")
    parser.add_argument(
        "--all",
        action="store_true",
        help="also what takes hours: suites on the kernels that check what they do",
    )
    parser.add_argument(
        "--only", metavar="PATTERN", help="run items whose name contains or matches PATTERN"
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=int,
        # A guest waits for most of its time, for the kernel to have patched itself or for memory to
        # come and go, and runs one CPU of its own at a time.
        default=2 * (os.cpu_count() or 1),
        help="guests at a time [twice the number of CPUs]",
    )
    return parser.parse_args()


def run_all(items: list[Item], jobs: int, progress: Progress) -> None:
    for item in items:
        if item.builds:
            progress.show(item, *timed(item))
    if progress.sum.failed:
        unbuilt = Result(failed=["not run: what it needs is not built"])
        for item in items:
            if item.needs_builds:
                progress.show(item, unbuilt, 0)
        items = [item for item in items if not item.needs_builds]
    for item in items:
        if item.alone and not item.builds:
            progress.show(item, *timed(item))
            if item.makes_stock and progress.failed(item):
                unmade = Result(failed=["not run: Debian's own kernels are not ready"])
                for other in items:
                    if other.needs_stock:
                        progress.show(other, unmade, 0)
                items = [other for other in items if not other.needs_stock]
            if item.makes_kernel and progress.failed(item):
                unmade = Result(failed=[f"not run: the {item.makes_kernel} kernel is not ready"])
                for other in items:
                    if other.needs_kernel == item.makes_kernel:
                        progress.show(other, unmade, 0)
                items = [other for other in items if other.needs_kernel != item.makes_kernel]
    pool = ThreadPoolExecutor(max(1, jobs))
    try:
        running = {pool.submit(timed, item): item for item in items if not item.alone}
        for future in as_completed(running):
            progress.show(running[future], *future.result())
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def timed(item: Item) -> tuple[Result, float]:
    start = time.monotonic()
    item.log.touch()
    try:
        result = item.run(item.log)
    except Exception as error:  # a broken test must not end the others
        with item.log.open("a") as log:
            log.write(f"{error!r}\n")
        result = Result(failed=[f"the test itself: {error!r}"])
    return result, time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main())
