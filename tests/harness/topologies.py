# SPDX-License-Identifier: GPL-2.0
"""Each topology, as Linux sees it, against its file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from guest import topology

from .item import TOP, Item, Result, guest

FOLDER = TOP / "scripts/topologies"
PROBE = TOP / "tests/harness/topology-probe"


def names() -> list[str]:
    return topology.known(FOLDER)


def items() -> list[Item]:
    return [Item(f"topology {name}", partial(run, name)) for name in names()]


def run(name: str, log: Path) -> Result:
    machine = topology.load(name, FOLDER)
    result = Result()
    done = guest(name, ["--copy", str(PROBE)], [PROBE.name], log)
    if done.status:
        result.failed.append(f"the probe ends with status {done.status}")
        return result
    phases = re.split(r"^== (\w+)\n", done.output.decode(), flags=re.MULTILINE)[1:]
    seen = {phase: facts(text) for phase, text in zip(phases[::2], phases[1::2], strict=True)}
    pluggable = any(node.hotplug_mb for node in machine.nodes)
    expected = ["boot", "online", "offline"] if pluggable else ["boot"]
    result.check("phases", None if list(seen) == expected else f"{list(seen)}, not {expected}")
    for phase, found in seen.items():
        problems = list(differences(machine, found, plugged=phase == "online"))
        result.check(phase, "; ".join(problems) or None)
    return result


def facts(text: str) -> dict[str, str]:
    """The probe's lines, FILE:VALUE."""
    return dict(line.split(":", 1) for line in text.splitlines())


def differences(machine: topology.Topology, found: dict[str, str], plugged: bool) -> Iterator[str]:
    """What Linux shows otherwise than the topology has it."""

    def expect(file: str, value: str) -> Iterator[str]:
        if found.get(file) != value:
            yield f"{file} is {found.get(file)!r}, not {value!r}"

    nodes = machine.nodes
    memory = [node.memory_mb + (node.hotplug_mb if plugged else 0) for node in nodes]
    yield from expect("has_memory", id_list([i for i, size in enumerate(memory) if size]))
    yield from expect("has_cpu", id_list(machine.initiators))
    yield from expect("online", id_list(list(range(len(nodes)))))
    reported = {(pair["initiator"], pair["target"]): pair for pair in machine.bandwidth()}
    for i, node in enumerate(nodes):
        yield from expect(f"node{i}/distance", " ".join(map(str, machine.distances[i])))
        yield from expect(f"node{i}/cpulist", id_list(node.cpus))
        yield from size_difference(f"node{i}/MemTotal", found, memory[i])
        pair = reported.get((node.initiator, i), {})
        for side in ("read", "write"):
            # A node that nothing is known of has no file, one that lacks a side has 0.
            file = f"node{i}/access1/initiators/{side}_bandwidth"
            if int(found.get(file, "0")) != pair.get(side, 0):
                yield f"{file} is {found.get(file)}, not {pair.get(side, 0)}"


def size_difference(file: str, found: dict[str, str], megabytes: int) -> Iterator[str]:
    """The kernel keeps some of a node for itself, the lowest node most."""
    size = int(found[file].split()[0]) >> 10
    if not megabytes * 3 // 4 - 64 <= size <= megabytes:
        yield f"{file} is {size} MB of {megabytes}"


def id_list(ids: list[int]) -> str:
    """Ascending ids as the kernel prints a mask: 0-2,5."""
    runs: list[list[int]] = []
    for i in ids:
        if runs and runs[-1][-1] == i - 1:
            runs[-1].append(i)
        else:
            runs.append([i])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
