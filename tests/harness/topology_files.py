# SPDX-License-Identifier: GPL-2.0
"""What is wrong with a topology file is said by file, key and reason."""

from __future__ import annotations

import tempfile
from pathlib import Path

from guest import topology

from .item import Result
from .topologies import FOLDER, names

GOOD = """\
description = "good"
distances = [[10, 20], [20, 10]]
latency = [[100, 250]]
bandwidth = [[300, "102400M"]]

[[node]]
memory = "512M"
cpus = 2

[[node]]
memory = "1G"
initiator = 0
"""

# (what to replace in GOOD, by what, the key that the error names, and why)
BAD = [
    ("[[node]]", "[[node]", "syntax", "line"),
    ('"good"', "1", "description", "string"),
    ("distances", "distance", "distance", "unknown"),
    ("[10, 20], ", "", "distances", "2 rows"),
    ("[20, 10]]", "[20]]", "distances[1]", "2 values"),
    ("[20, 10]]", "[20, 11]]", "distances[1][1]", "itself"),
    ("[10, 20]", "[10, 10]", "distances[0][1]", "itself"),
    ("[10, 20]", "[10, 255]", "distances[0][1]", "254"),
    ("[10, 20]", '[10, "20"]', "distances[0][1]", "number"),
    ("[[100, 250]]", "[[100, -1]]", "latency[0][1]", "nanoseconds"),
    ("[[100, 250]]", "[[0, 0]]", "latency", "nothing"),
    ("[[100, 250]]", "[[100, 250], [1, 1]]", "latency", "1 rows"),
    ('"102400M"', '"102400"', "bandwidth[0][1]", "GB/s"),
    ('"102400M"', "true", "bandwidth[0][1]", "GB/s"),
    ('"102400M"', "0.3", "bandwidth[0][1]", "whole number"),
    ('[[300, "102400M"]]', '[[300, "1M"]]', "bandwidth", "16 bits"),
    ("latency", "read_bandwidth", "bandwidth", "excludes"),
    ('"512M"', "512", "node[0].memory", "128M"),
    ('"512M"', '"128M"', "node[0].memory", "256M"),
    ("cpus = 2", "cpus = -1", "node[0].cpus", "0 to 64"),
    ("cpus = 2", "cpus = true", "node[0].cpus", "number"),
    ("cpus = 2", "cpus = 0", "node", "CPUs"),
    ("cpus = 2", "cpu = 2", "node[0].cpu", "unknown"),
    ("cpus = 2", "cpus = 2\ninitiator = 1", "node 0", "own initiator"),
    ("initiator = 0", "initiator = 1", "node 1", "no CPUs"),
    ('memory = "1G"', "", "node[1]", "neither"),
    ('memory = "1G"', 'hotplug = "100M"', "node[1].hotplug", "multiple of 128M"),
    ("initiator = 0", "[[node]]\nmemory = '1M'\ncpus = 1", "node 2", "before those without"),
    ('memory = "1G"', "hotplug = '1G'\ncount = 2", "node 1", "the last"),
    ("initiator = 0", "count = 64", "node", "at most 64"),
    ("initiator = 0", "count = 0", "node[1].count", "1 to 64"),
    ("initiator = 0", "cpus = 63", "node", "65 CPUs"),
]


def run(_log: Path) -> Result:
    result = Result()
    for name in names():
        result.check(name, complaint(name))
    result.check("good", complaint_about(GOOD))
    for old, new, key, reason in BAD:
        assert old in GOOD
        found = complaint_about(GOOD.replace(old, new, 1)) or "no error"
        named = found.startswith(f"{{file}}: {key}: ") and reason in found
        result.check(f"{old!r} as {new!r}", None if named else f"{found!r} lacks {key}, {reason}")
    result.check("no node", None if "node: at least" in complaint_about("") else "no error")
    return result


def complaint_about(text: str) -> str:
    """What `load` has against a file of that text, the file's name as {file}."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.toml"
        file.write_text(text)
        return (complaint(str(file)) or "").replace(str(file), "{file}")


def complaint(name: str) -> str | None:
    try:
        topology.load(name, FOLDER)
    except topology.TopologyError as error:
        return str(error)
    return None
