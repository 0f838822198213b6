# SPDX-License-Identifier: GPL-2.0
"""QEMU's command line for a topology, and whether KVM can run it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .topology import Topology

QEMU = "qemu-system-x86_64"
DATA_TYPES = {
    "latency": "access-latency",
    "bandwidth": "access-bandwidth",
    "read_bandwidth": "read-bandwidth",
    "write_bandwidth": "write-bandwidth",
}

PROBE_SECONDS = 20
# For DIMMs that the guest plugs in by the monitor.
SPARE_SLOTS = 2
KVM = ("-accel", "kvm", "-cpu", "host")
# The CPUs in turn, not in parallel: where one changes code that another runs, as the kernel does to
# patch itself, QEMU 10 can keep the old code for good when the other translates it between QEMU's
# look at what is translated and the write. The breakpoint of a patch that was long done has been
# seen to trap then ("Oops: int3" where the instruction is whole).
TCG = ("-accel", "tcg,thread=single", "-cpu", "max")
# The TSC counts instructions, and idle time passes at once. A string instruction counts as often as
# it repeats: without these features the kernel clears a page by 512 repetitions, not by 4096.
COUNTING = (
    *("-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"),
    *("-cpu", "max,-erms,-fsrm"),
)


@dataclass
class Channels:
    """The guest's serial ports: a file, and sockets that QEMU inherits."""

    console: Path
    stdio: int
    control: int
    # Where the guest has QEMU's own monitor: both ends of a pair of sockets.
    monitor: tuple[int, int] | None = None


def kvm_usable(kernel: Path, cache: Path) -> bool:
    """Whether KVM really runs a guest; asked once a boot of this machine."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    try:
        known, answer = cache.read_text().split()
        if known == boot:
            return answer == "yes"
    except (OSError, ValueError):
        pass
    usable = probe_kvm(kernel)
    cache.write_text(f"{boot} {'yes' if usable else 'no'}\n")
    return usable


def probe_kvm(kernel: Path) -> bool:
    """Boots the kernel up to its panic for want of a root file system.

    Less proves nothing: there are machines where KVM starts and runs a few
    instructions, but no kernel.
    """
    command = [
        *(QEMU, *KVM, "-machine", "q35", "-m", "512", "-nodefaults", "-display", "none"),
        *("-no-reboot", "-serial", "stdio", "-kernel", str(kernel)),
        *("-append", "console=ttyS0 panic=-1"),
    ]
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0 and b"Kernel panic - not syncing: VFS" in done.stdout


def command(
    topology: Topology,
    kernel: Path,
    initramfs: Path,
    append: str,
    accelerator: tuple[str, ...],
    channels: Channels,
    tables: list[Path],
) -> list[str]:
    hmat = "on" if topology.matrices else "off"
    args = [QEMU, "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"]
    args += ["-name", f"numaweave-{topology.name}"]
    args += ["-machine", f"q35,hmat={hmat},usb=off,vmport=off"]
    args += accelerator
    args += ["-kernel", str(kernel), "-initrd", str(initramfs), "-append", append]
    args += memory(topology, SPARE_SLOTS if channels.monitor else 0) + numa(topology)
    for table in tables:
        args += ["-acpitable", f"file={str(table).replace(',', ',,')}"]
    ports = [
        (4, f"file,path={channels.console}"),
        (3, f"socket,fd={channels.stdio}"),
        (5, f"socket,fd={channels.control}"),
    ]
    if channels.monitor:
        port, monitor = channels.monitor
        ports.append((7, f"socket,fd={port}"))
        args += ["-chardev", f"socket,fd={monitor},id=monitor"]
        args += ["-mon", "chardev=monitor,mode=control"]
    for index, (irq, backend) in enumerate(ports):
        # An interrupt of its own for each port: QEMU does not share ISA lines.
        args += ["-chardev", f"{backend},id=serial{index}"]
        args += ["-device", f"isa-serial,index={index},irq={irq},chardev=serial{index}"]
    return args


def memory(topology: Topology, spare_slots: int) -> list[str]:
    hotplug = [(i, node.hotplug_mb) for i, node in enumerate(topology.nodes) if node.hotplug_mb]
    size = f"{topology.memory_mb}M"
    slots = len(hotplug) + spare_slots
    if slots:
        maximum = topology.memory_mb + sum(mb for _, mb in hotplug) + 1024
        size += f",slots={slots},maxmem={maximum}M"
    args = ["-m", size, "-smp", f"{topology.cpus},sockets={topology.cpus},cores=1,threads=1"]
    for i, node in enumerate(topology.nodes):
        if node.memory_mb:
            args += ["-object", f"memory-backend-ram,id=ram{i},size={node.memory_mb}M"]
    for i, mb in hotplug:
        args += ["-object", f"memory-backend-ram,id=dimm{i},size={mb}M"]
        args += ["-device", f"pc-dimm,id=slot{i},memdev=dimm{i},node={i}"]
    return args


def numa(topology: Topology) -> list[str]:
    args = []
    for i, node in enumerate(topology.nodes):
        option = f"node,nodeid={i}"
        if topology.matrices:
            option += f",initiator={node.initiator}"
        if node.memory_mb:
            option += f",memdev=ram{i}"
        args += ["-numa", option]
        for cpu in node.cpus:
            args += ["-numa", f"cpu,node-id={i},socket-id={cpu}"]
    for i, row in enumerate(topology.distances):
        for j, distance in enumerate(row):
            if i != j:
                args += ["-numa", f"dist,src={i},dst={j},val={distance}"]
    for kind, matrix in topology.matrices.items():
        for row, initiator in enumerate(topology.initiators):
            for target, value in enumerate(matrix[row]):
                if value:
                    unit = f"latency={value}" if kind == "latency" else f"bandwidth={value}M"
                    args += [
                        "-numa",
                        f"hmat-lb,initiator={initiator},target={target},hierarchy=memory,"
                        f"data-type={DATA_TYPES[kind]},{unit}",
                    ]
    return args
