# SPDX-License-Identifier: GPL-2.0
"""The results as SVG plots."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from .claims import by_nodes
from .tables import SCHEMES, shortened

# Told apart by those who see few colours, too (Okabe and Ito).
MAINLINE, OURS, SECOND = "#737373", "#0072b2", "#d55e00"
COLOURS = {"mainline": MAINLINE, "system": OURS, "initiator": SECOND}
STYLE = {
    "svg.fonttype": "path",
    "svg.hashsalt": "numaweave",  # the same plot is the same file
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e5e5e5",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "figure.constrained_layout.use": True,
}


def draw(results: dict, folder: Path) -> list[Path]:
    """Draws what there are results of; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with mpl.rc_context(STYLE):
        for name, plot in (
            ("decisions", decisions),
            ("faults", faults),
            ("orders", orders),
            ("efficiency", efficiency),
        ):
            figure = plot(results)
            if figure is None:
                continue
            files.append(folder / f"{name}.svg")
            figure.savefig(files[-1], metadata={"Date": None})
            plt.close(figure)
    return files


def decisions(results: dict) -> plt.Figure:
    """Instructions against nodes, one panel a path."""
    figure, panels = plt.subplots(1, 2, figsize=(9, 4), sharey=True)
    titles = {"index": "By a page's index", "task": "By the task's cursor"}
    for axes, (path, title) in zip(panels, titles.items(), strict=True):
        for provider, way, cached, label, colour, line in (
            ("mainline", "direct", None, "mainline", MAINLINE, "-"),
            ("numaweave", "livepatch", True, "numaweave, through the livepatch", OURS, "-"),
            ("numaweave", "direct", True, "numaweave, the function alone", OURS, ":"),
        ):
            found = by_nodes(results["decisions"], provider, way, cached, path)
            nodes = sorted(found)
            values = [found[count] for count in nodes]
            axes.plot(nodes, values, line, marker="o", color=colour, label=label)
        axes.set(title=title, xlabel="nodes of the policy")
        axes.set_xscale("log", base=2)
        axes.set_xticks(nodes, [str(count) for count in nodes])
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    panels[0].set_ylabel("instructions per decision")
    panels[0].legend(loc="upper left")
    return figure


def faults(results: dict) -> plt.Figure:
    """Instructions per fault, with the takeover as a share of without."""
    rows = results["faults"]
    figure, axes = plt.subplots(figsize=(5, 1.2 + 0.6 * len(rows)))
    ratios = [100 * (row["numaweave"] / row["mainline"] - 1) for row in rows]
    bars = axes.barh([row["page"] for row in rows], ratios, color=OURS, height=0.5)
    axes.bar_label(bars, [f"{ratio:+.2f} %" for ratio in ratios], padding=4)
    axes.axvline(2, color=SECOND, linewidth=1)
    axes.set(title="Instructions per page fault", xlabel="% more than mainline (limit: 2 %)")
    axes.set_xlim(min(0, *ratios), max(2.4, *ratios))
    axes.grid(axis="y", visible=False)
    axes.invert_yaxis()
    return figure


def orders(results: dict) -> plt.Figure | None:
    """Discrepancy and longest run on each topology."""
    placed = results.get("orders")
    if not placed:
        return None
    names = sorted(placed)
    figure, panels = plt.subplots(1, 2, figsize=(9, 1.4 + 0.26 * len(names)), sharey=True)
    for axes, key, title in (
        (panels[0], "discrepancy", "Most pages that a node is off its share"),
        (panels[1], "longest_run", "Most pages in a row on one node"),
    ):
        series = {
            label: [placed[name][who][key] for name in names]
            for who, label in (("mainline", "mainline"), ("numaweave", "system"))
        }
        dumbbells(axes, names, series)
        axes.set(title=title, xlabel="pages")
        axes.set_xlim(left=0)
    panels[0].axvline(1, color=SECOND, linewidth=1)
    panels[1].legend(["mainline", "numaweave"], loc="lower right")
    return figure


def efficiency(results: dict) -> plt.Figure | None:
    """Efficiency for the initiators of each machine."""
    if "machines" not in results:
        return None
    machines = [
        machine
        for machine in results["machines"]["machines"]
        if all(machine["schemes"][name]["mean_ppm"] is not None for name in SCHEMES)
    ]
    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.22 * len(machines)))
    series = {
        name: [machine["schemes"][name]["mean_ppm"] / 10_000 for machine in machines]
        for name in SCHEMES
    }
    dumbbells(axes, [shortened(machine["name"]) for machine in machines], series)
    axes.set(
        title="Bandwidth that weights make usable",
        xlabel="% of what an initiator can reach, mean over the initiators",
    )
    axes.set_xlim(0, 102)
    axes.legend(["mainline", "numaweave, system scope", "numaweave, initiator scope"])
    return figure


def dumbbells(axes: Axes, names: list[str], series: dict[str, list[float]]) -> None:
    """A line for each name, and a point on it for each series."""
    places = range(len(names))
    for label, values in series.items():
        # A ring, so that mainline shows behind an equal value.
        ring = {"markersize": 9, "fillstyle": "none"} if label == "mainline" else {}
        colour = COLOURS[label]
        axes.plot(values, places, "o", color=colour, label=label, zorder=3, clip_on=False, **ring)
    lows, highs = (
        [extreme(values) for values in zip(*series.values(), strict=True)] for extreme in (min, max)
    )
    axes.hlines(places, lows, highs, color="#cccccc", linewidth=2, zorder=2)
    axes.set_yticks(places, names)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(len(names) - 0.5, -0.5)
