# SPDX-License-Identifier: GPL-2.0
"""What a campaign came to, as a table."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from harness.item import TOP

from .session import ALL, PARTS, WRITES, Session

if TYPE_CHECKING:
    from .__main__ import Campaign

COLUMNS = ("rounds", "changes", "refused", "batches", "compared", "by_takeover", "pages")


def commit() -> str:
    """The commit that is tortured, with a mark where the tree has changes."""
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(
        describe, check=True, cwd=TOP, capture_output=True, text=True
    ).stdout.strip()


def summary(campaign: Campaign) -> str:
    """A row for each part, over all topologies and kernels, and one for their sum."""
    lines = [
        f"commit {campaign.commit}, seed {campaign.seed}, kernels {', '.join(campaign.kernels)}, "
        f"{campaign.seconds:.0f} s",
        "",
        f"| part | sessions | {' | '.join(COLUMNS).replace('_', ' ')} | failed |",
        f"|---|{'---:|' * (len(COLUMNS) + 2)}",
    ]
    for part in (ALL, WRITES, *PARTS):
        sessions = [one for one in campaign.sessions if one.scenario.part == part]
        if sessions:
            lines.append(row(part, sessions))
    lines.append(row("sum", campaign.sessions))
    return "\n".join(lines)


def row(name: str, sessions: list[Session]) -> str:
    sums = [sum(one.tally.get(column, 0) for one in sessions) for column in COLUMNS]
    failed = sum(bool(one.problem) for one in sessions)
    return f"| {name} | {len(sessions)} | {' | '.join(map(str, sums))} | {failed} |"
