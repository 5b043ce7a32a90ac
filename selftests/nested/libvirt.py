# SPDX-License-Identifier: GPL-2.0
"""libvirt on a test host, and a guest in a domain of it."""

import os
import shutil
import socket
import subprocess
import time

from pace import allow
from pf import MAC
from provider import is_software
from vmm import CPU, INITRD, KERNEL_ARGUMENTS, MACHINE, Agent, VmmError

ADDRESS = "10.83.0.{}"
NAME = "guest"
# What libvirt writes to.
WRITABLE = ("/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt")
HOOKS, PLANS = "/etc/libvirt/hooks/qemu.d", "/run/vmf"
VMFCTL = "/vmf/build/vmfctl"
HOOK = "/vmf/Documentation/admin-guide/qemu-hook.sh"
LOG = "/tmp/libvirtd.log"
AGENT, CONSOLE = "/tmp/domain.agent", "/tmp/domain.console"
# Where the kernel is for libvirt, which has the modules of the test host in place of those with it.
KERNEL = "/tmp/domain.kernel"

DAEMON_CONF = """
listen_tls = 0
listen_tcp = 1
listen_addr = "{address}"
auth_tcp = "none"
auth_unix_rw = "none"
host_uuid = "82576000-0000-4000-8000-0000000001{number:02}"
log_outputs = "2:stderr"
"""

# One user, and neither AppArmor nor control groups: the test host has none of them.
QEMU_CONF = """
security_driver = "none"
user = "root"
group = "root"
remember_owner = 0
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""

DOMAIN = """
<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>82576000-0000-4000-8000-000000000200</uuid>
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{arguments}</cmdline>
  </os>
  <features><acpi/><apic/><ioapic driver='qemu'/></features>
  <cpu mode='custom' match='exact'>
    <model fallback='forbid'>{cpu}</model>
    <feature policy='disable' name='tsc-deadline'/>
  </cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='file'><source path='{console}'/><target port='0'/></serial>
    <serial type='unix'><source mode='bind' path='{agent}'/><target port='1'/></serial>
    <memballoon model='none'/>
    {hostdev}
  </devices>
  <qemu:override>
    <qemu:device alias='ua-vf0'><qemu:frontend>
      <qemu:property name='enable-migration' type='string' value='on'/>
    </qemu:frontend></qemu:device>
  </qemu:override>
</domain>
"""

# How a domain has a function: libvirt finds the driver, or is told which, or somebody has bound it
# before; or it is a network interface, whose address libvirt has the PF give it; or in software.
PCI = "<source><address type='pci' domain='0x{}' bus='0x{}' slot='0x{}' function='0x{}'/></source>"
KINDS = {
    "managed": f"<hostdev mode='subsystem' type='pci' managed='yes'>{PCI}{{}}</hostdev>",
    "model": f"<hostdev mode='subsystem' type='pci' managed='yes'><driver model='igbvf_vfio_pci'/>{PCI}{{}}</hostdev>",
    "bound": f"<hostdev mode='subsystem' type='pci' managed='no'>{PCI}{{}}</hostdev>",
    "interface": f"<interface type='hostdev' managed='yes'><mac address='{MAC}'/><driver name='vfio'/>{PCI}{{}}"
                 "</interface>",
    "software": "<hostdev mode='subsystem' type='mdev' managed='no' model='vfio-pci' display='off'>"
                "<source><address uuid='{}'/></source>{}</hostdev>",
}
AT = ("<alias name='ua-vf0'/>"
      "<address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>")


def domain(vf, kind):
    """The XML of a domain with this function."""
    if is_software(vf):
        hostdev = KINDS["software"].format(vf, AT)
    else:
        hostdev = KINDS[kind].format(*vf.replace(".", ":").split(":"), AT)
    return DOMAIN.format(name=NAME, machine=MACHINE, kernel=KERNEL, initrd=INITRD, cpu=CPU, agent=AGENT,
                         console=CONSOLE, arguments=KERNEL_ARGUMENTS, hostdev=hostdev)


def text_of(path):
    """Of a file that need not be there."""
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


class Libvirt:
    """The daemon, as long as this lives; of one host, to the processes of that host."""

    def __init__(self, number):
        self.number = number
        self.address = ADDRESS.format(number)
        socket.sethostname(f"host{number}")
        if os.environ["VMF_NESTED_KERNEL"] != KERNEL:
            shutil.copy(os.environ["VMF_NESTED_KERNEL"], KERNEL)
            os.environ["VMF_NESTED_KERNEL"] = KERNEL
        for path in WRITABLE:
            subprocess.run(["mount", "-t", "tmpfs", "libvirt", path], check=True)
        # By these it finds the driver of a device.
        subprocess.run(["mount", "-o", "bind", "/run/modules", "/usr/lib/modules"], check=True)
        self.write("/etc/libvirt/libvirtd.conf", DAEMON_CONF.format(address=self.address, number=number))
        self.write("/etc/libvirt/qemu.conf", QEMU_CONF)
        os.makedirs(HOOKS)
        with open(HOOK, encoding="ascii") as file:
            self.write(f"{HOOKS}/vmf", file.read().replace("VMFCTL=vmfctl", f"VMFCTL={VMFCTL}"))
        os.chmod(f"{HOOKS}/vmf", 0o755)
        with open(LOG, "wb") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "libvirtd", "--listen"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + allow(120)
        while self.virsh("version")[0]:
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise VmmError(f"libvirt does not come up: {self.log()}")
            time.sleep(0.5)

    def write(self, path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def log(self):
        return text_of(LOG)

    def virsh(self, *words):
        """Its exit status, and what it says."""
        result = subprocess.run(["virsh", "-c", "qemu:///system", *words], capture_output=True, text=True,
                                check=False)
        return result.returncode, (result.stdout + result.stderr).strip()

    def migrate(self, to, vf, kind, *words):
        """A process that migrates the domain to another host, with what that one has in place of the
        function here."""
        self.write("/tmp/domain.xml", domain(vf, kind))
        return Command(["virsh", "-c", "qemu:///system", "migrate", "--live", "--p2p", NAME,
                        f"qemu+tcp://{to}/system", "--migrateuri", f"tcp://{to}", "--xml",
                        "/tmp/domain.xml", *words])

    def plan(self, vf, descriptor=b""):
        """For the hook: what comes to a VF of this host, or nothing."""
        os.makedirs(PLANS, exist_ok=True)
        with open(f"{PLANS}/{NAME}.desc", "wb") as file:
            file.write(descriptor)
        self.write(f"{PLANS}/{NAME}.plan", f"{vf} {PLANS}/{NAME}.desc\n" if vf else "")

    def kill_domain(self):
        """Its VMM ends, whatever it is at."""
        subprocess.run(["pkill", "-KILL", "-f", f"guest={NAME}"], check=True)

    def has_domain(self):
        return self.virsh("domstate", NAME)[0] == 0

    def destroy(self):
        self.virsh("destroy", NAME)

    def close(self):
        self.destroy()
        self.process.kill()
        self.process.wait()


class Command:
    """A process that goes on."""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def wait(self):
        """Its exit status, and what it says."""
        text = self.process.communicate()[0]
        return self.process.returncode, text.strip()


class Domain:
    """The domain, where it is now: what there is of a VMM for tests that do not look inside."""

    def __init__(self, libvirt, vf, machine):
        self.libvirt = libvirt
        self.vf = vf
        self.machine = machine
        self.agent = None

    def create(self):
        self.libvirt.write("/tmp/domain.xml", domain(self.vf, self.machine.libvirt))
        status, text = self.libvirt.virsh("create", "/tmp/domain.xml")
        if status:
            raise VmmError(f"{text} {self.log()}")
        return self.connect()

    def connect(self):
        """To the guest, which is here now."""
        self.agent = Agent(AGENT)
        return self

    def running(self):
        return self.libvirt.virsh("domstate", NAME) == (0, "running")

    def monitor(self, line):
        return self.libvirt.virsh("qemu-monitor-command", NAME, "--hmp", line)[1].replace("\r", "")

    def registers(self):
        return []

    def log(self):
        return "\n".join(text_of(f"/var/log/libvirt/qemu/{NAME}.log").splitlines()[-20:])

    def console(self):
        return text_of(CONSOLE)

    def kill(self):
        self.libvirt.destroy()
        if self.agent:
            self.agent.close()
