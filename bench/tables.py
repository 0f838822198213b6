# SPDX-License-Identifier: GPL-2.0
"""The results as tables, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .claims import Claim, by_nodes

NONE = "-"
SCHEMES = ("mainline", "system", "initiator")


@dataclass
class Table:
    title: str
    note: str
    header: list[str]
    rows: list[list[str]]

    def text(self) -> str:
        """Aligned by blanks: the first column to the left, numbers to the right."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        body = [
            "  ".join(
                cell.rjust(width) if i else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        rule = "-" * max(map(len, body))
        head = [self.title, self.note] if self.note else [self.title]
        return "\n".join([*head, body[0], rule, *body[1:]])

    def markdown(self) -> str:
        align = ["---", *["--:"] * (len(self.header) - 1)]
        body = [f"| {' | '.join(line)} |" for line in (self.header, align, *self.rows)]
        head = [f"**{self.title}**", "", *([self.note, ""] if self.note else [])]
        return "\n".join([*head, *body])


def tables(results: dict, every_machine: bool) -> list[Table]:
    """All tables; of the machines a line each, or only what they come to."""
    made = [decisions(results["decisions"], path) for path in ("index", "task")]
    made.append(faults(results["faults"]))
    if "orders" in results:
        made += [orders(results["orders"]), machines(results["machines"], every_machine)]
    return made


def decisions(rows: list[dict], path: str) -> Table:
    mainline = by_nodes(rows, "mainline", "direct", None, path)
    columns = [
        by_nodes(rows, "numaweave", way, cached, path)
        for cached in (True, False)
        for way in ("direct", "livepatch")
    ]
    return Table(
        {
            "index": "Instructions per decision, by a page's index (user page faults)",
            "task": "Instructions per decision, by the task's cursor (page cache, kernel memory)",
        }[path],
        "",
        ["nodes", "mainline", "direct", "livepatch", "factor", "direct, miss", "livepatch, miss"],
        [
            [
                str(nodes),
                f"{mainline[nodes]:.1f}",
                *(f"{column[nodes]:.1f}" for column in columns[:2]),
                f"{mainline[nodes] / columns[1][nodes]:.2f}",
                *(f"{column[nodes]:.0f}" for column in columns[2:]),
            ]
            for nodes in sorted(mainline)
        ],
    )


def faults(rows: list[dict]) -> Table:
    return Table(
        "Instructions per page fault, clearing the page included (two nodes)",
        "",
        ["page", "mainline", "with the takeover", "ratio", "mainline again", "pages", "rounds"],
        [
            [
                row["page"],
                f"{row['mainline']:.1f}",
                f"{row['numaweave']:.1f}",
                f"{row['numaweave'] / row['mainline']:.4f}",
                f"{row['afterwards']:.1f}",
                str(row["pages"]),
                str(row["rounds"]),
            ]
            for row in rows
        ],
    )


def orders(placed: dict) -> Table:
    return Table(
        "Pages as they were placed: longest run, and most pages a node is off its share",
        "",
        ["topology", "cycle", "run", "off", "numaweave: cycle", "run", "off"],
        [
            [
                name,
                *(
                    cell
                    for who in ("mainline", "numaweave")
                    for cell in (
                        str(spreads[who]["cycle"]),
                        str(spreads[who]["longest_run"]),
                        f"{spreads[who]['discrepancy']:.3f}",
                    )
                ),
            ]
            for name, spreads in sorted(placed.items())
        ],
    )


def machines(evaluation: dict, each: bool) -> Table:
    lines = [
        [shortened(machine["name"]), *efficiencies(machine["schemes"], "local_ppm", "mean_ppm")]
        for machine in evaluation["machines"]
        if each
    ]
    for summary in evaluation["summaries"]:
        schemes = summary["schemes"]
        name = f"{summary['set']} ({summary['machines']})"
        lines.append(
            [f"{name}: mean", *efficiencies(schemes, "local_mean_ppm", "mean_ppm")],
        )
        lines.append(
            [f"{name}: worst", *efficiencies(schemes, "local_worst_ppm", "worst_ppm")],
        )
    return Table(
        "Efficiency: % of the bandwidth that weights make usable",
        "Of the nodes' own bandwidths, and of what each initiator reaches (mean over them).",
        ["machine", "mainline", "system", "each: mainline", "system", "initiator"],
        lines,
    )


def efficiencies(schemes: dict, local: str, rows: str) -> Iterator[str]:
    for key, names in ((local, SCHEMES[:2]), (rows, SCHEMES)):
        for name in names:
            value = (schemes.get(name) or {}).get(key)
            yield NONE if value is None else f"{value / 10_000:.2f}"


def shortened(name: str, width: int = 40) -> str:
    return name if len(name) <= width else name[: width - 3].rstrip() + "..."


def verdicts(claims: list[Claim]) -> str:
    return "\n".join(
        f"{'holds' if claim.holds else 'FAILS'}  {claim.text}: {claim.found}" for claim in claims
    )
