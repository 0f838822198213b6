# SPDX-License-Identifier: GPL-2.0
"""How evenly consecutive pages are spread over the nodes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby


class OrderError(Exception):
    """Pages lie otherwise than any order of these weights would have them."""


@dataclass
class Spread:
    weights: list[int]
    cycle: int  # pages
    longest_run: int  # pages in a row on one node, at most a cycle
    discrepancy: float  # the most pages that a node is ahead of its share, or behind it


def spread(placed: dict) -> Spread:
    """Of two cycles of pages as `numaweave-guest bench orders` prints them."""
    weights = dict(zip(placed["nodes"], placed["weights"], strict=True))
    pages = sum(weights.values())
    order = placed["order"]
    if len(order) != 2 * pages or order[:pages] != order[pages:]:
        raise OrderError(f"{len(order)} pages do not repeat after {pages}: {order}")
    # A cycle begins where the interleave index is a multiple of its length.
    start = -placed["index"] % pages
    cycle = order[start : start + pages]
    if any(cycle.count(node) != weight for node, weight in weights.items()):
        raise OrderError(f"a cycle is not {weights}: {cycle}")
    longest = max(len(list(run)) for _, run in groupby(cycle + cycle))
    return Spread(
        list(weights.values()), pages, min(longest, pages), discrepancy(weights, cycle) / pages
    )


def discrepancy(weights: dict[int, int], cycle: list[int]) -> int:
    """In pages times the length of the cycle, which makes it a whole number."""
    counts = dict.fromkeys(weights, 0)
    largest = 0
    for length, node in enumerate(cycle, 1):
        counts[node] += 1
        for each, weight in weights.items():
            largest = max(largest, abs(counts[each] * len(cycle) - length * weight))
    return largest
