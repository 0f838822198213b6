# SPDX-License-Identifier: GPL-2.0
"""Tortures numaweave in guests until the time is up: each scenario in turn, with
a new seed each time, again and again.

A campaign that was interrupted goes on where it was; --new begins another.
Every session's log, the state of the campaign, and summary.md are in
build/torture. Ends with 1 where a session has failed.
"""

from __future__ import annotations

import argparse
import fcntl
import itertools
import json
import os
import random
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from harness.item import BUILD

from .session import ALL, PARTS, QUICK, TOPOLOGIES, WRITES, Scenario, Session, run, scenarios
from .summary import commit, summary

FOLDER = BUILD / "torture"
STATE = FOLDER / "campaign.json"
HOUR = 3600


@dataclass
class Campaign:
    """What was done up to now, as it is kept on disk."""

    commit: str
    seed: int
    kernels: list[str]
    rounds: int
    only: str | None = None  # the one part of it
    seconds: float = 0  # that it has run
    sessions: list[Session] = field(default_factory=list)

    @classmethod
    def load(cls) -> Campaign:
        data = json.loads(STATE.read_text())
        return cls(**{**data, "sessions": [Session.load(one) for one in data["sessions"]]})

    def save(self) -> None:
        data = {**vars(self), "sessions": [session.dump() for session in self.sessions]}
        partial = STATE.with_suffix(".partial")
        partial.write_text(json.dumps(data, indent=1) + "\n")
        partial.replace(STATE)
        (FOLDER / "summary.md").write_text(summary(self) + "\n")


def main() -> int:
    options = arguments()
    FOLDER.mkdir(parents=True, exist_ok=True)
    lock = (FOLDER / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("torture: another campaign is under way in this tree", file=sys.stderr)
        return 2
    try:
        campaign = begin(options)
    except ValueError as problem:
        print(f"torture: {problem}; --new begins another", file=sys.stderr)
        return 2
    plan = [one for one in scenarios(campaign.kernels) if campaign.only in (None, one.part)]
    print(
        f"torture: commit {campaign.commit}, seed {campaign.seed}, {len(plan)} scenarios on "
        f"{', '.join(campaign.kernels)}, {options.seconds - campaign.seconds:.0f} s to go",
        flush=True,
    )
    try:
        torture(campaign, plan, options)
    except KeyboardInterrupt:
        campaign.save()
        print("torture: interrupted; the same command goes on from here", flush=True)
        os._exit(130)  # no waiting for the threads: their guests end with this process
    campaign.save()
    print(summary(campaign))
    failed = [session for session in campaign.sessions if session.problem]
    for session in failed:
        print(f"failed: {session.problem}\n  {session.repeat()}")
    if not any(session.tally.get("by_takeover") for session in campaign.sessions):
        print("note: no pages of the takeover's were compared with the table in force")
    print(f"{len(campaign.sessions) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def begin(options: argparse.Namespace) -> Campaign:
    """The campaign to go on with, or a new one."""
    now = commit()
    kernels = options.kernels.split(",") if options.kernels else None
    asked = {"seed": options.seed, "kernels": kernels, "rounds": options.rounds}
    asked = {name: value for name, value in asked.items() if value is not None}
    if STATE.exists() and not options.new:
        campaign = Campaign.load()
        if campaign.commit == now and campaign.seconds < options.seconds:
            for name, value in {**asked, "only": options.only}.items():
                if getattr(campaign, name) != value:
                    raise ValueError(f"the campaign there has {name} {getattr(campaign, name)}")
            print(f"torture: going on after {campaign.seconds:.0f} s", flush=True)
            return campaign
    for old in FOLDER.glob("session-*"):
        old.unlink()
    default = {"seed": random.getrandbits(32), "kernels": ["test", "debug"], "rounds": 6}
    return Campaign(now, only=options.only, **(default | asked))


def torture(campaign: Campaign, plan: list[Scenario], options: argparse.Namespace) -> None:
    before, start = campaign.seconds, time.monotonic()
    done_before = {session.number for session in campaign.sessions}
    numbers = (number for number in itertools.count() if number not in done_before)
    running: set[Future[Session]] = set()
    with ThreadPoolExecutor(options.jobs) as pool:
        while True:
            campaign.seconds = before + time.monotonic() - start
            while len(running) < options.jobs and campaign.seconds < options.seconds:
                number = next(numbers)
                scenario = plan[number % len(plan)]
                running.add(pool.submit(one_session, campaign, scenario, number))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                session = future.result()
                campaign.sessions.append(session)
                show(session, campaign, options.seconds)
            campaign.save()


def one_session(campaign: Campaign, scenario: Scenario, number: int) -> Session:
    name = f"session-{number}-{scenario.kernel}-{scenario.topology}-{scenario.part}"
    seed = random.Random(f"{campaign.seed} {number}").getrandbits(64)
    start = time.monotonic()
    rounds = campaign.rounds if scenario.kernel in QUICK else max(1, campaign.rounds // 3)
    session = run(scenario, seed, rounds, FOLDER / f"{name}.log")
    session.number = number
    session.seconds = time.monotonic() - start
    if not session.problem:
        (FOLDER / f"{name}.console").unlink(missing_ok=True)
    return session


def show(session: Session, campaign: Campaign, limit: float) -> None:
    scenario = session.scenario
    print(
        f"[{campaign.seconds:5.0f}/{limit:.0f} s] {'FAIL' if session.problem else 'ok':4} "
        f"{scenario.kernel:10} {scenario.topology:16} {scenario.part:10} "
        f"seed {session.seed:20} {session.tally.get('rounds', 0):3} rounds "
        f"{session.tally.get('changes', 0):6} changes {session.seconds:6.1f} s",
        flush=True,
    )
    if session.problem:
        print(f"    {session.problem}\n    repeat it: {session.repeat()}", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tests/torture/run",
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"Topologies: {', '.join(TOPOLOGIES)}. Parts: {', '.join(PARTS)}, {WRITES}, {ALL}.",
    )
    add = parser.add_argument
    add("--seconds", type=float, default=HOUR, help="how long, in all [3600]")
    add("--rounds", type=int, help="rounds a session, fewer on checking kernels [6]")
    add("--seed", type=int, help="of the campaign [random]")
    add("--kernels", help="on which kernels [test,debug]")
    parts = (ALL, WRITES, *PARTS)
    add("--only", metavar="PART", choices=parts, help="one part alone, or all at once")
    add("--new", action="store_true", help="begin anew, whatever is there")
    add("--jobs", type=int, default=os.cpu_count() or 1, help="guests at a time [CPUs]")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
