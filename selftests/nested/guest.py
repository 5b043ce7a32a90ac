# SPDX-License-Identifier: GPL-2.0
"""The nested guest: VMM processes that have or get it, and the agent in it."""

import os
import re
import socket
import subprocess
import time

from qmp import Qmp, QmpError

MEMORY = "256M"
NETDEV = "eth0"
DIRECTORY = "/tmp"

# Any of these in the guest's kernel log means that it has noticed, or is unwell.
BAD_LINES = re.compile(
    r"still resetting|[Rr]eset adapter|Link is Down|[Tt]ransmit [Qq]ueue|NETDEV WATCHDOG"
    r"|timed out|Tx Unit Hang|PF.*reset|could not|[Ff]ailed to"
    r"|WARNING:|BUG:|Oops|general protection|Call Trace|soft lockup|INFO: task|records were lost"
)


class VmmError(Exception):
    """The VMM has ended, or never came up."""


class AgentError(Exception):
    """The agent did not do it, or does not answer."""


class Vmm:
    """One QEMU with one VF."""

    number = 0

    def __init__(self, vf, incoming=False):
        Vmm.number += 1
        self.vf = vf
        self.path = f"{DIRECTORY}/vmm{Vmm.number}"
        lane = os.environ["VMF_LANE"]
        command = [
            # If this process is killed, the VMM goes too.
            "setpriv", "--pdeathsig", "KILL",
            "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-machine", "q35,kernel-irqchip=split", "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", MEMORY,
            "-kernel", os.environ["VMF_KERNEL"],
            "-initrd", f"/vmf/build/{lane}/nested.cpio",
            "-append", "console=ttyS0 quiet panic=-1 ipv6.disable=1 no_timer_check "
            "tsc=reliable nohz=off highres=off",
            "-serial", f"file:{self.path}.console",
            "-chardev", f"socket,id=agent,path={self.path}.agent,server=on,wait=off",
            "-serial", "chardev:agent",
            "-qmp", f"unix:{self.path}.qmp,server=on,wait=off",
            # Also if nothing tracks what the device writes: all is sent once more then.
            "-device", f"vfio-pci,host={vf},enable-migration=on",
        ]
        if incoming:
            command += ["-incoming", "defer"]
        with open(f"{self.path}.log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            self.qmp = Qmp(f"{self.path}.qmp", self.alive)
            self.agent = Agent(f"{self.path}.agent")
        except (QmpError, OSError) as error:
            self.process.kill()
            self.process.wait()
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

    def registers(self):
        """Where the guest is, if it is stuck."""
        try:
            text = self.qmp.execute("human-monitor-command", command_line="info registers")
            text += self.qmp.execute("human-monitor-command", command_line="info lapic")
        except QmpError as error:
            return [f"the VMM cannot be asked: {error}"]
        return re.findall(r"^(?:R[A-Z0-9 ]{2}=|ISR|IRR).*", text.replace("\r", ""), re.M)

    def wait(self, timeout=60):
        """Until it ends by itself; its exit status."""
        status = self.process.wait(timeout)
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


class Agent:
    """The far end of the guest's second serial port."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.buffer = b""

    def close(self):
        self.socket.close()

    def line(self, timeout):
        end = time.monotonic() + timeout
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
                return lines
            else:
                raise AgentError(f"{command}: {line}")


class Guest:
    """A guest, in whichever VMM it is at the time."""

    def __init__(self, vfs):
        self.vfs = vfs
        self.vmm = Vmm(vfs[0])
        try:
            self.greeting = self.vmm.agent.line(60)
            self.kmsg()
        except AgentError as error:
            self.vmm.kill()
            raise VmmError(f"the guest did not boot: {error}: {self.vmm.console()}") from error
        except BaseException:
            self.vmm.kill()
            raise

    def next_vf(self):
        """The VF to go to: each has its turn, so that source and destination differ."""
        return self.vfs[(self.vfs.index(self.vmm.vf) + 1) % len(self.vfs)]

    def run(self, *words, timeout=60):
        """One command of the agent; its lines."""
        return self.vmm.agent.run(" ".join(str(word) for word in words), timeout)

    def values(self, *words):
        """The answer to a command that says NAME=NUMBER."""
        pairs = " ".join(self.run(*words)).split()
        return {name: int(value) for name, value in (pair.split("=") for pair in pairs)}

    def number(self, path):
        return int(self.run("cat", path)[0])

    def carrier(self):
        return self.number(f"/sys/class/net/{NETDEV}/carrier")

    def carrier_changes(self):
        return self.number(f"/sys/class/net/{NETDEV}/carrier_changes")

    def uptime(self):
        """Seconds on the guest's own clock, which stands still while it is stopped."""
        return float(self.run("cat", "/proc/uptime")[0].split()[0])

    def interrupts(self):
        """How often each vector of the NIC has come, by the end of its name."""
        counts = {}
        for line in self.run("cat", "/proc/interrupts", NETDEV):
            words = line.split()
            counts[words[-1].removeprefix(NETDEV) or "-other"] = int(words[1])
        return counts

    def wait_carrier(self, timeout=30):
        end = time.monotonic() + timeout
        while not self.carrier():
            if time.monotonic() > end:
                raise AgentError(f"{NETDEV} has no carrier after {timeout} s")
            time.sleep(0.1)

    def kmsg(self):
        return self.run("kmsg")

    def bad_lines(self):
        """What the guest's kernel has said since the last time and should not."""
        return [line for line in self.kmsg() if BAD_LINES.search(line)]

    def kill(self):
        self.vmm.kill()
