# SPDX-License-Identifier: GPL-2.0
"""What is claimed of numaweave, checked against what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

DIRECT_INSTRUCTIONS = 45
LIVEPATCH_INSTRUCTIONS = 135
AHEAD_FROM_NODES = 4
FACTOR_AT_32 = 7
FAULT_RATIO = 1.02
ENOUGH_PPM = 990_000  # `target`: where numaweave has enough, it may stop


@dataclass
class Claim:
    """One claim; `found` are measured values, of which all must be right."""

    text: str
    found: str
    holds: bool


def claims(results: dict) -> list[Claim]:
    """All claims that can be made of what was measured."""
    made = [*decisions(results["decisions"]), *faults(results["faults"])]
    if "orders" in results:
        made += [*orders(results["orders"], results["machines"])]
        made += [*efficiency(results["machines"]["machines"])]
    return made


def decisions(rows: list[dict]) -> Iterator[Claim]:
    mainline = by_nodes(rows, "mainline", "direct", None)
    direct = by_nodes(rows, "numaweave", "direct", True)
    livepatch = by_nodes(rows, "numaweave", "livepatch", True)
    called = by_nodes(rows, "numaweave", "livepatch", True, value="with_call")
    most, least = max(direct.values()), min(direct.values())
    sizes = f"{min(direct)} to {max(direct)} nodes"
    yield Claim(
        f"an index look-up takes at most {DIRECT_INSTRUCTIONS} instructions ({sizes}, cached)",
        f"{most:g}",
        most <= DIRECT_INSTRUCTIONS,
    )
    yield Claim(
        f"it takes the same number for any number of nodes ({sizes}, cached)",
        f"{least:g} to {most:g}",
        most == least,
    )
    most = max(called.values())
    yield Claim(
        f"through the livepatch it takes at most {LIVEPATCH_INSTRUCTIONS}, the call included",
        f"{most:.1f}",
        most <= LIVEPATCH_INSTRUCTIONS,
    )
    factors = {n: mainline[n] / livepatch[n] for n in mainline if n >= AHEAD_FROM_NODES}
    yield Claim(
        f"through the livepatch it is ahead of mainline from {AHEAD_FROM_NODES} nodes on",
        ", ".join(f"{factor:.2f} times at {nodes}" for nodes, factor in factors.items()),
        all(factor > 1 for factor in factors.values()),
    )
    yield Claim(
        f"{FACTOR_AT_32} times at 32 nodes",
        f"{factors[32]:.2f} times",
        factors[32] >= FACTOR_AT_32,
    )


def by_nodes(
    rows: list[dict],
    provider: str,
    way: str,
    cached: bool | None,
    path: str = "index",
    value: str = "instructions",
) -> dict[int, float]:
    """Instructions by number of nodes."""
    wanted = (provider, way, cached, path)
    return {
        row["nodes"]: row[value]
        for row in rows
        if (row["provider"], row["way"], row.get("cached"), row["path"]) == wanted
    }


def faults(rows: list[dict]) -> Iterator[Claim]:
    for row in rows:
        ratio = row["numaweave"] / row["mainline"]
        yield Claim(
            f"with the takeover a fault of a {row['page']} page takes at most {FAULT_RATIO} times "
            "the instructions (two nodes)",
            f"{ratio:.4f} times",
            ratio <= FAULT_RATIO,
        )


def orders(placed: dict, machines: dict) -> Iterator[Claim]:
    worst = max(placed, key=lambda name: placed[name]["numaweave"]["discrepancy"])
    largest = placed[worst]["numaweave"]["discrepancy"]
    yield Claim(
        "pages placed by numaweave are less than one page from their share, after any number of "
        f"pages ({len(placed)} topologies)",
        f"at most {largest:.3f}, on {worst}",
        largest < 1,
    )
    worst = max(machines["machines"], key=worst_discrepancy)
    yield Claim(
        f"so are those on {len(machines['machines'])} machines by their bandwidths, in both scopes",
        f"at most {worst_discrepancy(worst):.3f}, on {worst['name']}",
        worst_discrepancy(worst) < 1,
    )


def worst_discrepancy(machine: dict) -> float:
    return max(
        placement["discrepancy"]
        for scheme in ("system", "initiator")
        for placement in (machine["schemes"].get(scheme) or {"placements": []})["placements"]
    )


def efficiency(machines: list[dict]) -> Iterator[Claim]:
    compared = [
        (machine["name"], scheme["system"]["local_ppm"], scheme["mainline"]["local_ppm"])
        for machine in machines
        for scheme in [machine["schemes"]]
        if None not in (scheme["system"]["local_ppm"], scheme["mainline"]["local_ppm"])
    ]
    behind = [name for name, ours, theirs in compared if ours < min(theirs, ENOUGH_PPM)]
    yield Claim(
        "system scope uses 99 % of the nodes' own bandwidths, or no less than mainline "
        f"({len(compared)} machines)",
        "behind on " + ", ".join(behind) if behind else "on all",
        not behind,
    )
    compared = [
        (machine["name"], ours, theirs)
        for machine in machines
        for ours, theirs in rows(machine["schemes"])
    ]
    behind = sorted({name for name, ours, theirs in compared if ours < min(theirs, ENOUGH_PPM)})
    yield Claim(
        "initiator scope uses 99 % of what an initiator can reach, or no less than mainline "
        f"({len(compared)} initiators)",
        "behind on " + ", ".join(behind) if behind else "for all",
        not behind,
    )


def rows(schemes: dict) -> list[tuple[int, int]]:
    """Efficiency for each initiator, where both have one."""
    ours, theirs = schemes["initiator"]["rows_ppm"], schemes["mainline"]["rows_ppm"]
    return [pair for pair in zip(ours, theirs, strict=True) if None not in pair]
