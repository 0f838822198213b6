# SPDX-License-Identifier: GPL-2.0
"""Fuzzes the module's pure code with libFuzzer, and says how much was tried.

Without --short each target goes on from what earlier runs have found, in build/fuzz/corpus. Inputs
that crash a target are kept in build/fuzz/crashes, and the exit status is not 0.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
CORPUS = TOP / "fuzz/corpus"
BUILD = TOP / "build/fuzz"
TRIPLE = "x86_64-unknown-linux-gnu"


@dataclass(frozen=True)
class Target:
    longest: int  # bytes of an input: what it has to say fits
    short: int  # inputs that take some seconds


TARGETS = {
    "hmat": Target(600, 2_000_000),
    "input": Target(40, 2_000_000),
    "matrix": Target(60, 2_000_000),
    "schedule": Target(100, 10_000),
    "weights": Target(400, 5_000),
}

# What `cargo fuzz` passes, but for the sanitizer: that needs a nightly compiler, and there is no
# unsafe code here.
COVERAGE = (
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
)

# An input that takes longer is a finding, on any machine.
SECONDS_AN_INPUT = 60


@dataclass
class Outcome:
    """What one target came to."""

    target: str
    seed: str
    executions: str
    coverage: str
    status: int

    def line(self) -> str:
        verdict = f"FAILED, status {self.status}" if self.status else "ok"
        return (
            f"{self.target:9} {self.executions:>11} executions, {self.coverage}, "
            f"seed {self.seed}: {verdict}"
        )


def main() -> int:
    options = arguments()
    targets = options.target or list(TARGETS)
    build()
    if options.input:
        return max(replay(target, options.input) for target in targets)
    if options.merge:
        for target in targets:
            merge(target)
        return 0
    outcomes = []
    for target in targets:
        outcome = fuzz(target, options)
        print(outcome.line(), flush=True)
        outcomes.append(outcome)
    return 1 if any(outcome.status for outcome in outcomes) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="fuzz/run", description=__doc__, allow_abbrev=False)
    one = "this one, and others named so [all]"
    parser.add_argument("--target", action="append", choices=TARGETS, help=one)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--seconds", type=int, default=60, metavar="N", help="for each target [60]")
    how.add_argument(
        "--short",
        action="store_true",
        help="some seconds for each, from the corpus in the tree: the same with the same seed",
    )
    how.add_argument("--input", type=Path, metavar="FILE", help="try this input, e.g. a crash")
    how.add_argument(
        "--merge",
        action="store_true",
        help="make the corpus in the tree anew, of what is needed for the coverage reached",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="of the random numbers [any]")
    return parser.parse_args()


def build() -> None:
    built = subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "--release", "--target", TRIPLE],
        check=False,
        cwd=TOP / "fuzz",
        env=os.environ
        | {"CARGO_TARGET_DIR": str(BUILD / "target"), "RUSTFLAGS": " ".join(COVERAGE)},
    )
    if built.returncode:
        # cargo has said why.
        sys.exit("fuzz/run: the targets do not build")


def program(target: str) -> str:
    return str(BUILD / "target" / TRIPLE / "release" / target)


def replay(target: str, file: Path) -> int:
    return subprocess.run([program(target), str(file)], check=False).returncode


def fuzz(target: str, options: argparse.Namespace) -> Outcome:
    # 0 would have libFuzzer choose one.
    seed = options.seed or random.randrange(1, 1 << 32)
    crashes = BUILD / "crashes" / target
    crashes.mkdir(parents=True, exist_ok=True)
    known = set(crashes.iterdir())
    with tempfile.TemporaryDirectory() as temporary:
        if options.short:
            found = Path(temporary)
            limits = [f"-runs={TARGETS[target].short}"]
        else:
            found = BUILD / "corpus" / target
            found.mkdir(parents=True, exist_ok=True)
            limits = [f"-max_total_time={options.seconds}"]
        command = [
            *(program(target), *limits, f"-seed={seed}"),
            *(f"-max_len={TARGETS[target].longest}", f"-timeout={SECONDS_AN_INPUT}"),
            *(f"-artifact_prefix={crashes}/", "-print_final_stats=1", *dictionary(target)),
            *(str(found), str(CORPUS / target)),
        ]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, errors="replace"
        )
    (BUILD / f"{target}.log").write_text(f"$ {' '.join(command)}\n{done.stderr}")
    outcome = Outcome(target, str(seed), *figures(done.stderr), done.returncode)
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-40:]))
        for crash in sorted(set(crashes.iterdir()) - known):
            name = crash.relative_to(TOP)
            print(f"again: fuzz/run --target {target} --input {name}")
    elif not inputs(target):
        print(f"{target}: fuzz/corpus/{target} is empty")
        outcome.status = 1
    return outcome


def dictionary(target: str) -> list[str]:
    file = TOP / f"fuzz/dictionaries/{target}.dict"
    return [f"-dict={file}"] if file.exists() else []


def inputs(target: str) -> list[Path]:
    return sorted((CORPUS / target).iterdir())


def figures(log: str) -> tuple[str, str]:
    """Executions, and the edges that were reached of those that there are."""
    executions = re.findall(r"number_of_executed_units:\s*(\d+)", log) or re.findall(
        r"^#(\d+)", log, re.MULTILINE
    )
    reached = re.findall(r"cov: (\d+)", log)
    edges = re.findall(r"\((\d+) inline 8-bit counters\)", log)
    last = [found[-1] if found else "?" for found in (executions, reached, edges)]
    return last[0], f"{last[1]} of {last[2]} edges"


def merge(target: str) -> None:
    """Keeps inputs that together reach each edge that any of them reaches. How often
    they do does not count, or there were hundreds."""
    with tempfile.TemporaryDirectory() as temporary:
        merged = Path(temporary)
        subprocess.run(
            [
                *(program(target), "-set_cover_merge=1", "-use_counters=0"),
                f"-max_len={TARGETS[target].longest}",
                *(str(merged), str(CORPUS / target), str(BUILD / "corpus" / target)),
            ],
            check=True,
            capture_output=True,
        )
        for old in inputs(target):
            old.unlink()
        for new in sorted(merged.iterdir()):
            (CORPUS / target / new.name).write_bytes(new.read_bytes())
    print(f"{target:9} {len(inputs(target))} inputs", flush=True)


if __name__ == "__main__":
    sys.exit(main())
