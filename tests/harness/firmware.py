# SPDX-License-Identifier: GPL-2.0
"""Firmware that lies: a guest for each table of hmat_tables.py.

What is expected of the weights is computed here, from the expected bandwidths
and from what Documentation/ABI says of `balanced`, not by numaweave's code.
"""

from __future__ import annotations

import json
import tempfile
from fractions import Fraction
from functools import partial, reduce
from math import gcd
from pathlib import Path

from guest import topology

from . import ktap
from .hmat_tables import Firmware, firmwares
from .item import Item, Result, guest
from .topologies import FOLDER

MAX_CYCLE, TARGET = 255, Fraction(990, 1000)  # defaults, for fewer than 32 nodes
MAX_WEIGHT = 255


def items() -> list[Item]:
    return [
        Item(f"firmware {firmware.name}", partial(run, firmware), needs_builds=True)
        for firmware in firmwares()
    ]


def items_on(kernel: str, options: tuple[str, ...]) -> list[Item]:
    """The same on one of the kernels that check, when all items are asked for."""
    return [
        Item(
            f"firmware {firmware.name} on {kernel}",
            partial(run, firmware, options=("--kernel", kernel, *options)),
            needs_builds=True,
            needs_kernel=kernel,
            is_long=True,
        )
        for firmware in firmwares()
    ]


def run(firmware: Firmware, log: Path, options: tuple[str, ...] = ()) -> Result:
    result = Result()
    with tempfile.TemporaryDirectory(prefix="numaweave-firmware-") as folder:
        expected = Path(folder) / "firmware.json"
        expected.write_text(json.dumps(expectation(firmware)) + "\n")
        options = [*options, "--copy", str(expected)]
        for number, table in enumerate(firmware.tables):
            file = Path(folder) / f"table{number}.bin"
            file.write_bytes(table)
            options += ["--acpi-table", str(file)]
        if firmware.append:
            options += ["--append", firmware.append]
        done = guest(firmware.topology, options, ["numaweave-guest", "test", "firmware."], log)
    ktap.parse(done.output.decode(errors="replace"), log).count(result)
    if done.status and not result.failed:
        result.failed.append(f"the guest ends with status {done.status}")
    return result


def expectation(firmware: Firmware) -> dict:
    """What the guest's suite compares with."""
    system = firmware.system
    nodes = topology.load(firmware.topology, FOLDER).nodes
    has_cpus = [bool(node.cpus) for node in nodes]
    rows = {"system": system}
    for initiator, row in enumerate(firmware.matrix):
        pairs = zip(row, system, strict=True)
        rows[str(initiator)] = [own or nearest for own, nearest in pairs]
    views = {
        name: {"bandwidth": row, "weights": balanced(row, has_cpus)} for name, row in rows.items()
    }
    return {"warning": firmware.warning, "views": views}


def balanced(bandwidth: list[int], has_cpus: list[bool]) -> list[int]:
    """The weights with the shortest cycle that is efficient enough, or the most
    efficient ones. For each length those with the largest min(bandwidth / weight)
    are found by giving page after page to whom it takes down least."""
    largest = max(bandwidth)
    usable = [
        value or (largest if cpus else 0) for value, cpus in zip(bandwidth, has_cpus, strict=True)
    ]
    known = [node for node, value in enumerate(usable) if value]
    weights = [1] * len(usable)
    if not known:
        return weights
    total = sum(usable)
    best: tuple[Fraction, list[int]] = (Fraction(0), weights)
    while True:
        slowest = min(Fraction(usable[node], weights[node]) for node in known)
        efficiency = sum(weights[node] for node in known) * slowest / total
        if efficiency > best[0]:
            best = (efficiency, list(weights))
        takers = [node for node in known if weights[node] < MAX_WEIGHT]
        if efficiency >= TARGET or sum(weights) >= MAX_CYCLE or not takers:
            break
        weights[
            max(takers, key=lambda node: (Fraction(usable[node], weights[node] + 1), -node))
        ] += 1
    divisor = reduce(gcd, best[1])
    return [weight // divisor for weight in best[1]]
