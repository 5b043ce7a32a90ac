# SPDX-License-Identifier: GPL-2.0
"""A test host, and what is to be had in it: this one, and where there are two, the other one.

The other one is asked by remote calls, to a process that serves them (serve.py) and has the same
modules. Texts, numbers and tuples come as they are, all else stays there and is a proxy here: what
is called often returns no lists.
"""

import contextlib
import os
import re
import subprocess
import time

import hardware
from libvirt import Domain, Libvirt
from pace import allow
from provider import in_debugfs, in_sysfs, is_software
from software import AVAILABLE, Software
from switch import Bridge, Tap
from udev import Udev
from vmm import BACKENDS, NEWER, Machine, Vmm

ADDRESS = "10.83.0.{}"
PORT = 18812
# What takes longer is given up: the other host is gone.
CALL_SECONDS = 300
# Of migrations between hosts, and up.
MIGRATION_PORT = 49152
VMFCTL = "/vmf/build/vmfctl"


class Host:
    """One test host, to its own processes."""

    def __init__(self):
        self.number = int(os.environ.get("VMF_HOST", "1"))
        self.lane = os.environ["VMF_LANE"]
        self.kernel = os.uname().release
        self.vfs = tuple(os.environ.get("VMF_VFS", "").split())
        self.backends = BACKENDS
        self.newer = os.path.exists(NEWER)
        self.software = ()
        self.network = contextlib.ExitStack()
        self.bridge = None
        self.udev = None
        self.libvirt = None
        # For who is at the other host.
        self.hardware = hardware

    def vmm(self, vf, fields, incoming=False):
        """A VMM with this function, in a machine of these fields."""
        machine = Machine(**dict(fields))
        if machine.libvirt:
            if not is_software(vf):
                hardware.unbind(vf)
            return Domain(self.start_libvirt(), vf, machine).create()
        return Vmm(vf, machine, incoming)

    def ways(self, vmm, to):
        """Where a VMM of this host listens for one of another, and where that one finds it."""
        if to is self:
            return (f"unix:{vmm.path}.migration",) * 2
        port = MIGRATION_PORT + vmm.number
        return f"tcp:0.0.0.0:{port}", f"tcp:{ADDRESS.format(self.number)}:{port}"

    def make_software(self, count):
        """So many functions, on a bridge with this host's port of the wire."""
        self.bridge = self.network.enter_context(Bridge(os.environ["VMF_WIRE"]))
        if AVAILABLE:
            self.software = tuple(self.network.enter_context(Software(self.bridge, 10 * self.number + n))
                                  for n in range(count))

    def make_tap(self, name):
        """A port of that bridge, for a NIC that a VMM emulates."""
        self.network.enter_context(Tap(self.bridge, name, left=True))

    def start_udev(self):
        """That of the second host is systemd's, which lets it do less, if the kernel has what that needs."""
        self.udev = Udev(VMFCTL, by_systemd=self.number == 2 and os.path.exists("/proc/self/ns/pid"))

    def start_libvirt(self):
        self.libvirt = self.libvirt or Libvirt(self.number)
        return self.libvirt

    def arrived(self, vf, machine):
        """The domain that libvirt has brought."""
        return Domain(self.libvirt, vf, machine).connect()

    def close(self):
        if self.libvirt:
            self.libvirt.close()
            self.libvirt = None
        if self.udev:
            self.udev.close()
            self.udev = None
        self.network.close()
        self.software = ()

    def vmfctl(self, *words):
        """Its exit status, and what it says."""
        result = subprocess.run([VMFCTL, *words], capture_output=True, text=True, check=False)
        return result.returncode, result.stdout + result.stderr

    def key(self, vf):
        """All that is compared of a function, in one line."""
        status, text = self.vmfctl("describe", vf)
        words = [line.split()[1] for line in text.splitlines() if line.split()[:1] == ["key"]]
        if status or len(words) != 1:
            raise RuntimeError(f"no key of {vf}: {text}")
        return words[0]

    def descriptor(self, vf):
        with open(f"{in_sysfs(vf)}/migration_format/descriptor", "rb") as file:
            return file.read()

    def release(self, newer):
        """Of the usual QEMU, or of the newer one."""
        text = subprocess.run([Machine(newer=newer).program()[0], "--version"], capture_output=True, text=True,
                              check=True).stdout
        return re.search(r"version (\d+\.\d+)", text).group(1)

    def last_error(self, vf):
        """Of its driver."""
        with open(f"{in_debugfs(vf)}/last_error", encoding="ascii") as file:
            return file.read().splitlines()[0]

    def put(self, vf, name, text):
        """To an attribute of the function's driver."""
        with open(f"{in_sysfs(vf)}/migration_format/{name}", "w", encoding="ascii") as file:
            file.write(text)

    def kind(self, vf):
        return "sw" if is_software(vf) else "hw"


HERE = Host()


def other():
    """The connection to the other host, which ends when this is closed."""
    # Only where there is one.
    import rpyc  # pylint: disable=import-outside-toplevel,import-error

    end = time.monotonic() + allow(200)
    while True:
        try:
            return rpyc.connect(ADDRESS.format(2), PORT, service=rpyc.ClassicService,
                                config={"sync_request_timeout": allow(CALL_SECONDS)}, keepalive=True)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


class Pair:
    """Both hosts, each with a function in software as well."""

    def __init__(self):
        self.connection = other()
        self.there = self.connection.modules["host"].HERE
        try:
            for host in (HERE, self.there):
                host.make_software(1)
                host.start_udev()
        except BaseException:
            self.close()
            raise

    def close(self):
        """The other host closes what it has when it notices."""
        try:
            HERE.close()
        finally:
            self.connection.close()

    def drop_domains(self):
        """A migration that has failed may have left one at either host."""
        for host in (HERE, self.there):
            if host.libvirt:
                host.libvirt.destroy()
