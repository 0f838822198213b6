# SPDX-License-Identifier: GPL-2.0
"""The measurements: guests, and numaweave-plan."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from harness.item import BUILD, TARGET, TOP, guest
from harness.topologies import FOLDER, names

from . import order

LOGS = BUILD / "logs/bench"
MACHINES = TOP / "bench/topologies"
PLAN = BUILD / "target" / TARGET / "release/numaweave-plan"
GUESTS_AT_A_TIME = 2
QUICK_ROUNDS = 4


class MeasurementError(Exception):
    """A measurement could not be made."""


def measure(quick: bool, corpus: Path | None) -> dict:
    """Everything, or only what is counted in instructions."""
    LOGS.mkdir(parents=True, exist_ok=True)
    faults = ["faults"] + (["--rounds", str(QUICK_ROUNDS)] if quick else [])
    jobs: dict[str, Callable[[], object]] = {
        "decisions": lambda: counting("sixty-four", ["decisions"]),
        "faults": lambda: counting("two", faults),
    }
    if not quick:
        jobs |= {f"order {name}": lambda name=name: placed(name) for name in names()}
    found = run(jobs)
    results = {"decisions": found["decisions"], "faults": found["faults"]}
    if not quick:
        results["orders"] = {name: found[f"order {name}"] for name in names()}
        results["machines"] = evaluation(corpus)
    return results


def run(jobs: dict[str, Callable[[], object]]) -> dict[str, object]:
    """Runs the jobs, some at a time; a count does not depend on what else runs."""
    found = {}
    pool = ThreadPoolExecutor(GUESTS_AT_A_TIME)
    try:
        running = {pool.submit(timed, job): name for name, job in jobs.items()}
        for future in as_completed(running):
            found[running[future]], seconds = future.result()
            print(f"measured {running[future]} in {seconds:.0f} s", flush=True)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return found


def timed(job: Callable[[], object]) -> tuple[object, float]:
    start = time.monotonic()
    return job(), time.monotonic() - start


def counting(machine: str, what: list[str]) -> object:
    """In a guest that counts instructions."""
    return in_guest(str(MACHINES / f"{machine}.toml"), ["--icount"], what, what[0])


def placed(name: str) -> dict:
    """Pages really placed on a topology."""
    found = in_guest(name, [], ["orders"], f"order-{name}")
    return {who: asdict(order.spread(placement)) for who, placement in found.items()}


def in_guest(topology: str, options: list[str], what: list[str], log: str) -> object:
    path = LOGS / f"{log}.log"
    path.unlink(missing_ok=True)
    done = guest(topology, options, ["numaweave-guest", "bench", *what], path)
    if done.status:
        said = (done.messages or done.output.decode(errors="replace")).strip()
        raise MeasurementError(
            f"bench {' '.join(what)} on {Path(topology).stem} ends with status {done.status}: "
            f"{said.splitlines()[0] if said else 'no word'}; see {path.relative_to(TOP)}"
        )
    return json.loads(done.output)


def evaluation(corpus: Path | None) -> dict:
    """Weights and efficiency on topologies and known machines."""
    files = [str(FOLDER / f"{name}.toml") for name in names()]
    command = [str(PLAN), "evaluate", "--json", *files, *([str(corpus)] if corpus else [])]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise MeasurementError(f"numaweave-plan: {done.stderr.strip()}")
    return json.loads(done.stdout)
