# SPDX-License-Identifier: GPL-2.0
"""One session: a guest that is tortured for a number of rounds, and what came of it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from guest import topology
from harness.item import GUEST_SECONDS, guest
from harness.topologies import FOLDER

TOPOLOGIES = ("hotplug", "dual-socket-cxl", "many")
PARTS = (
    "settings",
    "overrides",
    "weights",
    "reports",
    "kernel",
    "memory",
    "dimms",
    "takeover",
    "modules",
    "ftrace",
    "rival",
)
ALL = "all"
# Where a session takes minutes; on a kernel that checks everything it takes ten times as long.
QUICK = ("test", "stock-7.2", "stock-7.3")
# Random writes to all files: a guest program of its own.
WRITES = "writes"
WRITES_A_ROUND = 20_000


@dataclass(frozen=True)
class Scenario:
    """What is done where."""

    kernel: str
    topology: str
    part: str  # one of PARTS, WRITES, or ALL at once

    @property
    def seconds(self) -> int:
        """How long a session may take."""
        return GUEST_SECONDS if self.kernel in QUICK else 3 * GUEST_SECONDS

    def command(self, seed: int, rounds: int) -> list[str]:
        """What runs in the guest."""
        if self.part == WRITES:
            count = str(rounds * WRITES_A_ROUND)
            return ["numaweave-guest", "writes", "--seed", str(seed), "--count", count]
        command = ["numaweave-guest", "torture", "--seed", str(seed), "--rounds", str(rounds)]
        return command if self.part == ALL else [*command, self.part]


@dataclass
class Session:
    """A scenario that was gone through, by its seed."""

    scenario: Scenario
    seed: int
    rounds: int
    tally: dict[str, int] = field(default_factory=dict)
    problem: str = ""
    seconds: float = 0
    number: int = 0  # in its campaign

    def repeat(self) -> str:
        """The command that goes through it once more."""
        command = " ".join(self.scenario.command(self.seed, self.rounds))
        return (
            f"scripts/vm --kernel {self.scenario.kernel} --topology {self.scenario.topology} "
            f"--monitor --timeout {self.scenario.seconds} -- {command}"
        )

    @classmethod
    def load(cls, data: dict) -> Session:
        return cls(**{**data, "scenario": Scenario(**data["scenario"])})

    def dump(self) -> dict:
        return asdict(self)


def scenarios(kernels: list[str]) -> list[Scenario]:
    """All at once first, on each kernel, as that finds most; then each part alone, on one
    kernel after the other. Every topology in turn."""
    hotplug = {name: has_hotplug(name) for name in TOPOLOGIES}
    groups = [(kernel, (ALL,)) for kernel in kernels]
    groups += [(kernel, (WRITES, *PARTS)) for kernel in kernels]
    return [
        Scenario(kernel, name, part)
        for kernel, parts in groups
        for part in parts
        for name in TOPOLOGIES
        if part != "memory" or hotplug[name]
    ]


def has_hotplug(name: str) -> bool:
    return any(node.hotplug_mb for node in topology.load(name, FOLDER).nodes)


def run(scenario: Scenario, seed: int, rounds: int, log: Path) -> Session:
    """Tortures one guest; all it said is in `log` and beside it."""
    command = scenario.command(seed, rounds)
    options = ["--kernel", scenario.kernel, "--monitor"]
    done = guest(scenario.topology, options, command, log, scenario.seconds)
    session = Session(scenario, seed, rounds)
    output = done.output.decode(errors="replace")
    tallies = re.findall(r"^\{.*\}$", output, re.MULTILINE)
    if tallies:
        session.tally = json.loads(tallies[-1])
    if "writes" in session.tally:
        writes = session.tally.pop("writes")
        session.tally |= {"rounds": writes // WRITES_A_ROUND, "changes": writes}
    said = re.findall(r"^(?:torture|numaweave-guest): (?!topology )(.*)$", output, re.MULTILINE)
    if done.status:
        session.problem = "; ".join(said) or done.messages.strip() or f"status {done.status}"
    elif scenario.part == ALL and (missing := missing_parts(scenario, output)):
        session.problem = f"not all parts: the guest cannot do {', '.join(missing)}"
    elif session.tally.get("rounds") != rounds:
        session.problem = f"{session.tally.get('rounds')} of {rounds} rounds were done"
    return session


def missing_parts(scenario: Scenario, output: str) -> list[str]:
    """What "all" has left out, going by the first line that the guest has said."""
    said = re.search(r"^torture: .* rounds of \{(.*)\}$", output, re.MULTILINE)
    did = said[1].lower().split(", ") if said else []
    expected = [part for part in PARTS if part != "memory" or has_hotplug(scenario.topology)]
    return [part for part in expected if part not in did]
