# SPDX-License-Identifier: GPL-2.0
"""Topologies: machines described in TOML, checked, in the runner's own terms.

A file says what QEMU shall emulate and firmware report:

    description = "DRAM and a CXL expander"
    latency = [[100, 250]]        # ns; rows initiators, columns all nodes
    bandwidth = [[300, 100]]      # GB/s as people write it, or "55263M" (MB/s)
    distances = [[10, 20], [20, 10]]

    [[node]]
    memory = "512M"
    cpus = 2

    [[node]]
    memory = "128M"
    initiator = 0

Initiators are the nodes with CPUs, ascending. 0 in a matrix is a value that
firmware does not report. `read_bandwidth` and `write_bandwidth` in place of
`bandwidth` tell the two apart. A node's `initiator` is the CPU node it hangs
on, by default itself or the nearest one; `hotplug` is memory that a node gets
as an offline DIMM; `count` repeats a node. Without a matrix there is no HMAT.
Nodes with CPUs come first: so Linux numbers them.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

MAX_NODES = 64
MAX_CPUS = 64
NODE_KEYS = {"memory", "cpus", "initiator", "hotplug", "count"}
MATRICES = ("latency", "bandwidth", "read_bandwidth", "write_bandwidth")
TOP_KEYS = {"description", "distances", "node", *MATRICES}
BLOCK_MB = 128  # a memory block: hotplug knows nothing smaller
LOCAL, REMOTE = 10, 20  # the distances that ACPI gives where there is no SLIT

Matrix = list[list[int]]


class TopologyError(Exception):
    """What is wrong with a topology file: file, key and reason."""

    def __init__(self, file: str, key: str, reason: str):
        super().__init__(f"{file}: {key}: {reason}")


@dataclass
class Node:
    memory_mb: int
    cpus: list[int]
    hotplug_mb: int = 0
    initiator: int = -1


@dataclass
class Topology:
    name: str
    description: str
    nodes: list[Node]
    distances: Matrix
    # By kind (see MATRICES): one row an initiator, one column a node; ns, MB/s.
    matrices: dict[str, Matrix] = field(default_factory=dict)

    @property
    def initiators(self) -> list[int]:
        return [i for i, node in enumerate(self.nodes) if node.cpus]

    @property
    def cpus(self) -> int:
        return sum(len(node.cpus) for node in self.nodes)

    @property
    def memory_mb(self) -> int:
        return sum(node.memory_mb for node in self.nodes)

    def bandwidth(self) -> list[dict[str, int]]:
        """What firmware reports, pair by pair, pairs without a value left out."""
        both = self.matrices.get("bandwidth")
        read = self.matrices.get("read_bandwidth", both)
        write = self.matrices.get("write_bandwidth", both)
        pairs = []
        for row, initiator in enumerate(self.initiators):
            for target in range(len(self.nodes)):
                pair = {
                    "read": read[row][target] if read else 0,
                    "write": write[row][target] if write else 0,
                }
                if any(pair.values()):
                    pairs.append({"initiator": initiator, "target": target, **pair})
        return pairs

    def resolved(self) -> dict:
        """The topology as the guest finds it in /topology.json."""
        return {
            "name": self.name,
            "description": self.description,
            "nodes": [{"id": i, **vars(node)} for i, node in enumerate(self.nodes)],
            "distances": self.distances,
            "bandwidth": self.bandwidth(),
        }


def known(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.toml"))


def load(name: str, folder: Path) -> Topology:
    """Reads NAME of `folder`, or the file of that name."""
    path = folder / f"{name}.toml"
    if not path.is_file():
        path = Path(name)
    if not path.is_file():
        raise TopologyError(
            name, "topology", f"no such file, and none of {', '.join(known(folder))}"
        )
    try:
        with path.open("rb") as file:
            data = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TopologyError(str(path), "syntax", str(error)) from None
    except OSError as error:
        raise TopologyError(str(path), "file", error.strerror or str(error)) from None
    return Reader(str(path), data).topology(path.stem)


class Reader:
    """Turns what tomllib read into a Topology, or says what is wrong with it."""

    def __init__(self, file: str, data: dict):
        self.file = file
        self.data = data

    def error(self, key: str, reason: str) -> TopologyError:
        return TopologyError(self.file, key, reason)

    def topology(self, name: str) -> Topology:
        self.refuse_unknown(self.data, TOP_KEYS, "")
        description = self.data.get("description", "")
        if not isinstance(description, str):
            raise self.error("description", "must be a string")
        nodes = self.nodes()
        topology = Topology(name, description, nodes, self.distances(len(nodes)))
        if topology.cpus > MAX_CPUS:
            raise self.error("node", f"{topology.cpus} CPUs, at most {MAX_CPUS} are possible")
        if not any(node.memory_mb for node in nodes):
            raise self.error("node", "no node has memory")
        if nodes[0].memory_mb < 256:
            raise self.error("node[0].memory", "at least 256M: the kernel starts there")
        self.attach(topology)
        self.matrices(topology)
        return topology

    def refuse_unknown(self, table: dict, allowed: set[str], prefix: str) -> None:
        for key in table:
            if key not in allowed:
                raise self.error(prefix + key, f"unknown, not one of {', '.join(sorted(allowed))}")

    def nodes(self) -> list[Node]:
        tables = self.data.get("node")
        if not isinstance(tables, list) or not tables:
            raise self.error("node", "at least one [[node]] is needed")
        nodes: list[Node] = []
        next_cpu = 0
        for i, table in enumerate(tables):
            key = f"node[{i}]."
            if not isinstance(table, dict):
                raise self.error(f"node[{i}]", "must be a table: [[node]]")
            self.refuse_unknown(table, NODE_KEYS, key)
            memory = self.megabytes(table, key, "memory")
            hotplug = self.megabytes(table, key, "hotplug")
            if hotplug % BLOCK_MB:
                raise self.error(f"{key}hotplug", f"must be a multiple of {BLOCK_MB}M")
            cpus = self.integer(table, key, "cpus", 0, MAX_CPUS, 0)
            initiator = self.integer(table, key, "initiator", 0, MAX_NODES - 1, -1)
            if not (memory or hotplug or cpus):
                raise self.error(f"node[{i}]", "has neither memory nor CPUs")
            for _ in range(self.integer(table, key, "count", 1, MAX_NODES, 1)):
                numbers = list(range(next_cpu, next_cpu + cpus))
                next_cpu += cpus
                nodes.append(Node(memory, numbers, hotplug, initiator))
        if len(nodes) > MAX_NODES:
            raise self.error("node", f"{len(nodes)} nodes, at most {MAX_NODES} are possible")
        self.order(nodes)
        return nodes

    def order(self, nodes: list[Node]) -> None:
        """Linux numbers nodes as the SRAT names them: CPUs, memory, room for DIMMs."""
        if not any(node.cpus for node in nodes):
            raise self.error("node", "no node has CPUs")
        for i, node in enumerate(nodes):
            if node.cpus and i and not nodes[i - 1].cpus:
                raise self.error(f"node {i}", "nodes with CPUs must come before those without")
            empty = not (node.cpus or node.memory_mb)
            if empty and i != len(nodes) - 1:
                raise self.error(f"node {i}", "a node of hotplug memory alone must be the last")

    def integer(self, table: dict, prefix: str, key: str, low: int, high: int, default: int) -> int:
        value = table.get(key, default)
        if key in table and (type(value) is not int or not low <= value <= high):
            raise self.error(prefix + key, f"must be a number from {low} to {high}, is {value!r}")
        return value

    def megabytes(self, table: dict, prefix: str, key: str) -> int:
        value = table.get(key, "0M")
        match = re.fullmatch(r"(\d{1,6})([MG])", value) if isinstance(value, str) else None
        if not match:
            raise self.error(prefix + key, f'must be like "128M" or "2G", is {value!r}')
        return int(match[1]) * (1024 if match[2] == "G" else 1)

    def distances(self, count: int) -> Matrix:
        rows = self.data.get("distances")
        if rows is None:
            return [[LOCAL if i == j else REMOTE for j in range(count)] for i in range(count)]
        self.shape("distances", rows, count, count)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                key = f"distances[{i}][{j}]"
                if type(value) is not int or not LOCAL <= value <= 254:
                    raise self.error(key, f"must be a number from {LOCAL} to 254, is {value!r}")
                if (value == LOCAL) != (i == j):
                    raise self.error(key, f"{LOCAL} is a node's distance to itself, and only that")
        return rows

    def shape(self, key: str, rows: object, height: int, width: int) -> None:
        if not isinstance(rows, list) or len(rows) != height:
            raise self.error(key, f"must have {height} rows")
        for i, row in enumerate(rows):
            if not isinstance(row, list) or len(row) != width:
                raise self.error(f"{key}[{i}]", f"must have {width} values, one a node")

    def attach(self, topology: Topology) -> None:
        """Gives each node the CPU node that it hangs on."""
        initiators = topology.initiators
        for i, node in enumerate(topology.nodes):
            if node.cpus and node.initiator not in (-1, i):
                raise self.error(f"node {i}", "has CPUs and so is its own initiator")
            if node.initiator == -1:
                nearest = min(initiators, key=lambda cpu, i=i: topology.distances[cpu][i])
                node.initiator = i if node.cpus else nearest
            elif node.initiator not in initiators:
                raise self.error(f"node {i}", f"initiator {node.initiator} has no CPUs")

    def matrices(self, topology: Topology) -> None:
        present = [kind for kind in MATRICES if kind in self.data]
        if "bandwidth" in present and len({"read_bandwidth", "write_bandwidth"} & set(present)):
            raise self.error("bandwidth", "excludes read_bandwidth and write_bandwidth")
        for kind in present:
            rows = self.data[kind]
            self.shape(kind, rows, len(topology.initiators), len(topology.nodes))
            convert = self.nanoseconds if kind == "latency" else self.bandwidth
            matrix = [
                [convert(f"{kind}[{i}][{j}]", value) for j, value in enumerate(row)]
                for i, row in enumerate(rows)
            ]
            self.encodable(kind, matrix)
            topology.matrices[kind] = matrix

    def nanoseconds(self, key: str, value: object) -> int:
        if type(value) is not int or not 0 <= value <= 65534:
            raise self.error(key, f"must be nanoseconds, 0 to 65534, is {value!r}")
        return value

    def bandwidth(self, key: str, value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"\d{1,10}M", value):
            return int(value[:-1])
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**21:
            if (value * 1024) % 1 == 0:
                return int(value * 1024)
            raise self.error(key, f'{value!r} GB/s is no whole number of MB/s: write it as "...M"')
        raise self.error(key, f'must be GB/s as a number or MB/s like "55263M", is {value!r}')

    def encodable(self, kind: str, matrix: Matrix) -> None:
        """The HMAT stores 16 bits a value, as multiples of one power of two."""
        values = [value for row in matrix for value in row]
        used = 0
        for value in values:
            used |= value
        unit = used & -used
        if not used:
            raise self.error(kind, "reports nothing: leave it out")
        if max(values) // unit >= 65535:
            reason = f"largest value {max(values)} in steps of {unit} needs more than 16 bits"
            raise self.error(kind, reason)
