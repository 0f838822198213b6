# SPDX-License-Identifier: GPL-2.0
"""Measures mainline and numaweave side by side, and checks what is claimed.

Prints tables and verdicts; results.json, tables.md and the plots are in
build/bench. Ends with 1 where a claim does not hold, with 2 where something
could not be measured.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from guest.__main__ import host_path
from harness.item import BUILD, KERNEL, TOP

from .claims import claims
from .measure import MeasurementError, measure
from .tables import tables, verdicts

OUTPUT = BUILD / "bench"
CORPUS = TOP.parent / "shared/corpus.json"
README = TOP / "README.md"
MARKS = ("<!-- measured by make bench -->", "<!-- end of what make bench measured -->")


def main() -> int:
    options = arguments()
    corpus = host_path(options.corpus or str(CORPUS))
    if not corpus.is_file():
        if options.corpus:
            print(f"bench: --corpus {options.corpus}: no such file", file=sys.stderr)
            return 2
        print(f"there is no {CORPUS}: the table of machines has the topologies only")
        corpus = None
    try:
        results = {"tree": tree(), "kernel": kernel(), **measure(options.quick, corpus)}
    except MeasurementError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    checked = claims(results)
    results["claims"] = [asdict(claim) for claim in checked]
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    for table in tables(results, every_machine=True):
        print(f"\n{table.text()}")
    markdown = "\n\n".join(table.markdown() for table in tables(results, every_machine=False))
    (folder / "tables.md").write_text(f"{markdown}\n")
    if not options.quick:
        from .plots import draw  # noqa: PLC0415

        files = draw(results, folder)
        print(f"\nplots: {', '.join(str(file.relative_to(TOP)) for file in files)}")
    if options.readme:
        update_readme(markdown, results)
    print(f"\n{verdicts(checked)}")
    failed = sum(not claim.holds for claim in checked)
    print(f"{len(checked) - failed} claims hold, {failed} do not")
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--quick", action="store_true", help="count instructions only, and fewer faults"
    )
    parser.add_argument(
        "--corpus",
        metavar="FILE",
        help="a JSON list of machines for the table of efficiency [../shared/corpus.json]",
    )
    parser.add_argument(
        "--readme", action="store_true", help="put the tables into README.md as well"
    )
    parser.add_argument("--output", metavar="FOLDER", default=str(OUTPUT), help="[build/bench]")
    return parser.parse_args()


def tree() -> str:
    """What was measured: a commit, and whether more was changed."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, check=True, cwd=TOP, capture_output=True, text=True)
    return done.stdout.strip()


def kernel() -> str:
    """The release of the kernel that the guests run."""
    return (KERNEL / "include/config/kernel.release").read_text().strip()


def update_readme(markdown: str, results: dict) -> None:
    begin, end = MARKS
    text = f"{begin}\n\nOn Linux {results['kernel']}:\n\n{markdown}\n\n{end}"
    old = README.read_text()
    new, count = re.subn(
        f"{re.escape(begin)}.*{re.escape(end)}", lambda _: text, old, flags=re.DOTALL
    )
    if count != 1:
        raise MeasurementError(f"README.md does not have the two marks {begin} and {end} once")
    README.write_text(new)


if __name__ == "__main__":
    sys.exit(main())
