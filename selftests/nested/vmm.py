# SPDX-License-Identifier: GPL-2.0
"""One QEMU with a nested guest in it, or waiting for one."""

import dataclasses
import os
import re
import socket
import subprocess
import time

from pace import allow
from provider import in_sysfs, is_software, is_tracked
from qmp import Qmp, QmpError

MEMORY = "256M"
DIRECTORY = "/tmp"
INITRD = "/vmf/build/nested.cpio"
# Hosts of two kernels have in common what a model of QEMU has that is old enough.
CPU = "Westmere" if "VMF_HOST" in os.environ else "host"
# The same for each VMM, also for one that is newer.
MACHINE = "pc-q35-10.0"
KERNEL_ARGUMENTS = ("console=ttyS0 quiet panic=-1 ipv6.disable=1 no_timer_check tsc=reliable nohz=off "
                    "highres=off")
# That of the lab's release, and that of its backports, see lab/root.sh.
QEMU = "qemu-system-x86_64"
NEWER = "/opt/newer-qemu"


class VmmError(Exception):
    """The VMM has ended, or never came up."""


class AgentError(Exception):
    """The agent did not do it, or does not answer."""


# How VFIO gets at the IOMMU: iommufd, or a type1 container.
BACKENDS = ("type1", "iommufd") if os.path.exists("/dev/iommu") else ("type1",)


@dataclasses.dataclass(frozen=True)
class Machine:
    """What both ends of a migration have in common: all but the VF."""

    backend: str = BACKENDS[-1]
    # Is it the newer QEMU?
    newer: bool = False
    # "vf": a VF that migrates. "plain": one that cannot. "virtio": emulated, and what stands
    # for the VF is a tap device. "serial": no NIC, and a serial card in its place, see mtty.py.
    # "none": nothing.
    nic: str = "vf"
    # The NIC can be pulled and plugged in.
    hotplug: bool = False
    # The guest's memory is a file, that can be read while it is stopped.
    memory_file: bool = False
    # The VMM is that of a domain of libvirt, which has its function in this way, see libvirt.py.
    libvirt: str = ""
    # At the destination the guest waits for a word before it runs.
    paused: bool = False

    def but(self, **changes):
        return dataclasses.replace(self, **changes)

    def fields(self):
        """For another host."""
        return tuple(dataclasses.asdict(self).items())

    def program(self):
        if not self.newer:
            return [QEMU]
        # Its firmware is its own; that of SeaBIOS is another package.
        return [f"{NEWER}/usr/bin/{QEMU}", "-L", f"{NEWER}/usr/share/qemu", "-L", "/usr/share/seabios"]

    def nic_options(self, vf):
        """Of -device, or of device_add."""
        # Migration also if nothing tracks what the device writes: all is sent once more then.
        device = f"sysfsdev={in_sysfs(vf)}" if is_software(vf) else f"host={vf}"
        return (f"vfio-pci,id=nic,{device},migration-events=on,"
                f"enable-migration={'off' if self.nic == 'plain' else 'on'}"
                + (",iommufd=iommufd0" if self.backend == "iommufd" else "")
                + (",bus=plug" if self.hotplug else ""))

    def arguments(self, vf, path):
        memory = ",memory-backend=ram" if self.memory_file else ""
        arguments = ["-machine", f"{MACHINE},kernel-irqchip=split{memory}", "-m", MEMORY]
        if self.memory_file:
            arguments += ["-object", f"memory-backend-file,id=ram,size={MEMORY},share=on,mem-path={path}.ram"]
        if self.backend == "iommufd":
            arguments += ["-object", "iommufd,id=iommufd0"]
        if self.hotplug:
            arguments += ["-device", "pcie-root-port,id=plug,chassis=1,slot=1"]
        if self.nic in ("vf", "plain", "serial"):
            arguments += ["-device", self.nic_options(vf)]
        if self.nic == "virtio":
            arguments += ["-netdev", f"tap,id=wire,ifname={vf},script=no,downscript=no",
                          "-device", "virtio-net-pci,id=nic,netdev=wire,romfile="]
        return arguments


class Vmm:
    """It goes when this process goes."""

    number = 0

    def __init__(self, vf, machine, incoming=False):
        Vmm.number += 1
        self.vf = vf
        self.machine = machine
        self.tracked = is_tracked(vf)
        self.number = Vmm.number
        self.path = f"{DIRECTORY}/vmm{Vmm.number}"
        command = [
            # If this process is killed, the VMM goes too.
            "setpriv", "--pdeathsig", "KILL",
            *machine.program(), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            # A deadline that is lost in the emulation below is the last of a guest's clock: it
            # sleeps for ever. A periodic timer comes again.
            "-accel", "kvm", "-cpu", f"{CPU},tsc-deadline=off", "-smp", "1",
            "-kernel", os.environ["VMF_NESTED_KERNEL"], "-initrd", INITRD,
            "-append", KERNEL_ARGUMENTS,
            "-serial", f"file:{self.path}.console",
            "-chardev", f"socket,id=agent,path={self.path}.agent,server=on,wait=off",
            "-serial", "chardev:agent",
            "-qmp", f"unix:{self.path}.qmp,server=on,wait=off",
            *machine.arguments(vf, self.path),
        ]
        if incoming:
            command += ["-incoming", "defer"]
            if machine.paused:
                command += ["-S"]
        with open(f"{self.path}.log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.qmp = Qmp(f"{self.path}.qmp", self.alive)
            self.agent = Agent(f"{self.path}.agent")
        except BaseException as error:
            self.process.kill()
            self.process.wait()
            self.remove_memory()
            if not isinstance(error, (QmpError, OSError)):
                raise
            raise VmmError(f"the VMM of {vf} did not start: {error}: {self.log()}") from error

    def alive(self):
        if self.process.poll() is not None:
            raise VmmError(f"the VMM of {self.vf} ended with {self.process.returncode}: {self.log()}")

    def log(self):
        with open(f"{self.path}.log", encoding="utf-8", errors="replace") as log:
            return log.read().strip()

    def console(self):
        with open(f"{self.path}.console", encoding="utf-8", errors="replace") as log:
            return log.read()

    def monitor(self, line):
        """A command of the human monitor, for what QMP has not."""
        return self.qmp.execute("human-monitor-command", command_line=line).replace("\r", "")

    def registers(self):
        """Where the guest is, if it is stuck."""
        try:
            text = self.monitor("info registers") + self.monitor("info lapic")
        except QmpError as error:
            return [f"the VMM cannot be asked: {error}"]
        return re.findall(r"^(?:R[A-Z0-9 ]{2}=|ISR|IRR).*", text, re.M)

    def running(self):
        return self.qmp.execute("query-status")["running"]

    def wait(self, timeout=60):
        """Until it ends by itself; its exit status."""
        status = self.process.wait(allow(timeout))
        self.close()
        return status

    def quit(self):
        try:
            self.qmp.execute("quit")
        except QmpError:
            pass
        return self.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        self.qmp.close()
        self.agent.close()
        self.remove_memory()

    def remove_memory(self):
        if self.machine.memory_file and os.path.exists(f"{self.path}.ram"):
            os.unlink(f"{self.path}.ram")


class Agent:
    """The far end of the guest's second serial port."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def line(self, timeout):
        end = time.monotonic() + allow(timeout)
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise AgentError(f"the agent said nothing for {timeout} s")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise AgentError("the VMM has closed the agent's port")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode("utf-8", "replace").rstrip("\r")

    def run(self, command, timeout):
        self.socket.sendall(command.encode() + b"\n")
        lines = []
        while True:
            line = self.line(timeout)
            if line.startswith("= "):
                lines.append(line[2:])
            elif line == "ok":
                # Not a list, see host.py.
                return tuple(lines)
            else:
                raise AgentError(f"{command}: {line}")
