# SPDX-License-Identifier: GPL-2.0
"""HMATs made by hand, most of them wrong, and what is to come of each.

The format is that of ACPI 6.5, section 5.2.28. All tables but one are for the
topology dual-socket-cxl: two nodes with CPUs and two without, and a proximity
domain for each node, of the same number.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

LATENCY, BANDWIDTH = 0, 3  # data types, for reads and writes alike
UNKNOWN = 0xFFFF  # a value
GB = 1024  # MB/s
NODES = 4
INITIATORS = (0, 1)
MATRIX = [[300, 150, 100, 50], [150, 300, 50, 100]]  # GB/s
NEAREST = [300, 300, 100, 100]  # of it, what each node's nearest initiator sees
OPEN = [0] * NODES

Rows = list[list[int]]


@dataclass
class Firmware:
    """Tables, and what numaweave is expected to make of them.

    Bandwidths in MB/s, 0 where nothing is known. `system` is what holds for each
    node, `matrix` what initiators have of their own, a row for each.
    """

    name: str
    tables: list[bytes]
    system: list[int] = field(default_factory=lambda: mb(NEAREST))
    matrix: Rows = field(default_factory=lambda: [OPEN, OPEN])
    warning: str | None = None  # words of the one warning
    topology: str = "dual-socket-cxl"
    append: str = ""  # kernel arguments


def mb(row: list[int]) -> list[int]:
    return [value * GB for value in row]


def table(*structures: bytes, revision: int = 2) -> bytes:
    body = bytes(4) + b"".join(structures)
    header = struct.pack("<4sIBB6s8sI4sI", b"HMAT", 36 + len(body), revision, 0, *OEM)
    return header + body


OEM = (b"NUMAWV", b"HANDMADE", 1, b"NUMA", 1)


def structure(kind: int, body: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHI", kind, 0, 8 + len(body) if length is None else length) + body


def proximity(processor: int, memory: int) -> bytes:
    """Says that the nearest initiator of a memory is a processor."""
    return structure(0, struct.pack("<HHIIIQQ", 1, 0, processor, memory, 0, 0, 0))


def cache(memory: int) -> bytes:
    return structure(2, struct.pack("<IIQIHH", memory, 0, 1 << 20, 0x0040_1111, 0, 0))


def locality(
    rows: Rows,
    *,
    initiators: list[int] | None = None,
    targets: list[int] | None = None,
    data_type: int = BANDWIDTH,
    unit: int = GB,
    count: int | None = None,  # of initiators, where it lies
) -> bytes:
    initiators = list(INITIATORS)[: len(rows)] if initiators is None else initiators
    targets = list(range(NODES)) if targets is None else targets
    values = [value for row in rows for value in row]
    body = struct.pack("<BBBB", 0, data_type, 0, 0)
    body += struct.pack("<III", len(initiators) if count is None else count, len(targets), 0)
    body += struct.pack("<Q", unit)
    body += struct.pack(f"<{len(initiators) + len(targets)}I", *initiators, *targets)
    return structure(1, body + struct.pack(f"<{len(values)}H", *values))


ATTACHED = [proximity(0, 0), proximity(1, 1), proximity(0, 2), proximity(1, 3)]
GOOD = table(*ATTACHED, locality(MATRIX))
GOOD_ROWS = [mb(row) for row in MATRIX]
MALFORMED = "is malformed (the length of a structure is wrong)"
REFUSED = "the kernel has not taken the firmware's HMAT"
NO_BANDWIDTH = "HMAT has no bandwidth of any node"
TOO_LARGE = "HMAT has bandwidths beyond 32 bits"
SEVERAL = "HMAT has several bandwidths for the same nodes"


def firmwares() -> list[Firmware]:
    return [*sane(), *cut(), *nonsense(), *impossible(), *contradictory()]


def sane() -> list[Firmware]:
    """Tables that nothing is to be said of, some of them unusual."""
    far = [[300, 1, 2, 3], [4, 200, 5, 6]]
    strange = [[300, 150, 7, 100, 50, 9], [150, 300, 7, 50, 100, 9], [8] * 6]
    tenths = locality(MATRIX, unit=GB * 10)
    return [
        Firmware("good", [GOOD], matrix=GOOD_ROWS),
        Firmware("absent", [], system=[0, 0], matrix=[[0, 0]] * 2, topology="no-hmat"),
        Firmware("revision 1", [table(*ATTACHED, tenths, revision=1)], matrix=GOOD_ROWS),
        Firmware(
            "asymmetric",
            [table(locality(far))],
            system=mb([300, 200, 5, 6]),
            matrix=[mb(row) for row in far],
        ),
        Firmware(
            "domains without node",  # a device's, or memory that is not there yet
            [
                table(
                    *ATTACHED,
                    locality(strange, initiators=[0, 1, 77], targets=[0, 1, 99, 2, 3, 0xFFFF_FFFF]),
                )
            ],
            matrix=GOOD_ROWS,
        ),
        Firmware(
            "unknown structures",
            [
                table(
                    structure(3, b"\xff" * 5),
                    *ATTACHED,
                    structure(0xFFFF, b""),
                    cache(2),
                    locality(MATRIX),
                    structure(0x7FFF, b"\0" * 99),
                )
            ],
            matrix=GOOD_ROWS,
        ),
        Firmware(
            "largest",
            [table(locality([[1, 1]], targets=[0, 2], unit=0xFFFF_FFFF))],
            system=[0xFFFF_FFFF, 0, 0xFFFF_FFFF, 0],
            matrix=[[0xFFFF_FFFF, 0, 0xFFFF_FFFF, 0], OPEN],
        ),
        Firmware(
            "smallest",
            [table(locality([[1, 0xFFFE, 1, 2]], unit=1))],
            system=[1, 0xFFFE, 1, 2],
            matrix=[[1, 0xFFFE, 1, 2], OPEN],
        ),
    ]


def cut() -> list[Firmware]:
    """The good table without its end. QEMU makes the header's length fit.

    The kernel takes what lies behind the end for the rest of the structure."""
    last = len(GOOD) - len(locality(MATRIX))
    return [
        Firmware(
            "cut in header",
            [GOOD[:38]],
            system=OPEN,
            warning="is malformed (it is no HMAT, or cut short)",
        ),
        Firmware("cut in structure", [GOOD[: last + 14]], system=OPEN, warning=MALFORMED),
        Firmware("cut in domains", [GOOD[: last + 32 + 6]], system=OPEN, warning=MALFORMED),
        Firmware("cut in entries", [GOOD[:-3]], system=OPEN, warning=MALFORMED),
    ]


def nonsense() -> list[Firmware]:
    """Bytes that mean nothing, and lengths that cannot be."""
    return [
        Firmware("zeros", [table(bytes(200))], system=OPEN, warning=MALFORMED),
        Firmware("ones", [table(b"\xff" * 200)], system=OPEN, warning=MALFORMED),
        Firmware(
            "revision 255",
            [table(*ATTACHED, locality(MATRIX), revision=255)],
            system=OPEN,
            warning="is malformed (its revision 255 is unknown)",
        ),
        Firmware(
            "zero length",
            [table(*ATTACHED, locality(MATRIX), structure(9, bytes(16), length=0))],
            system=OPEN,
            warning=MALFORMED,
        ),
        Firmware(
            "more initiators than room",
            [table(*ATTACHED, locality(MATRIX, count=1000))],
            system=OPEN,
            warning=MALFORMED,
        ),
        Firmware("no bandwidth", [table(*ATTACHED)], system=OPEN, warning=NO_BANDWIDTH),
        Firmware(
            "latency only",
            [table(*ATTACHED, locality(MATRIX, data_type=LATENCY))],
            system=OPEN,
            warning=NO_BANDWIDTH,
        ),
        Firmware(
            "values unknown",
            [table(*ATTACHED, locality([[UNKNOWN, 0] * 2, [0, UNKNOWN] * 2]))],
            system=OPEN,
            warning=NO_BANDWIDTH,
        ),
    ]


def impossible() -> list[Firmware]:
    """Values that do not fit, and what the kernel alone refuses."""
    near = locality([[300, 150], [150, 300]], targets=[0, 1])
    known = mb([300, 300, 0, 0])
    rows = [mb([300, 150, 0, 0]), mb([150, 300, 0, 0])]
    beyond = {"beyond 32 bits": 1 << 32, "beyond 64 bits": 1 << 63}
    return [
        *(
            Firmware(
                name,
                [table(*ATTACHED, near, locality([[3, 2], [2, 3]], targets=[2, 3], unit=unit))],
                system=known,
                matrix=rows,
                warning=TOO_LARGE,
            )
            for name, unit in beyond.items()
        ),
        Firmware(
            "memory without node",
            [table(*ATTACHED, proximity(0, 55), locality(MATRIX))],
            system=OPEN,
            warning=REFUSED,
        ),
        Firmware(
            "short cache",
            [table(*ATTACHED, structure(2, bytes(8)), locality(MATRIX))],
            system=OPEN,
            warning=REFUSED,
        ),
        Firmware("kernel told not to", [GOOD], system=OPEN, warning=REFUSED, append="numa=nohmat"),
    ]


def contradictory() -> list[Firmware]:
    """Two words on the same nodes."""
    other = [[50, 60, 70, 80], [60, 50, 80, 70]]
    return [
        Firmware(
            "contradiction",  # the last structure counts
            [table(*ATTACHED, locality(other), locality(MATRIX))],
            matrix=GOOD_ROWS,
            warning=SEVERAL,
        ),
        Firmware("repetition", [table(*ATTACHED, *[locality(MATRIX)] * 2)], matrix=GOOD_ROWS),
        Firmware(
            "contradiction and beyond 32 bits",
            [
                table(
                    *ATTACHED,
                    locality(other),
                    locality([[1]], initiators=[0], targets=[0], unit=1 << 40),
                    locality(MATRIX),
                )
            ],
            matrix=GOOD_ROWS,
            warning="HMAT has bandwidths beyond 32 bits, which are taken as unknown; several",
        ),
        Firmware(  # the first table counts
            "two tables",
            [GOOD, table(*ATTACHED, locality(other))],
            matrix=GOOD_ROWS,
        ),
    ]
