# SPDX-License-Identifier: GPL-2.0
"""libvirt moves the guest between two hosts, by "virsh migrate --live --p2p" and as the admin guide says."""

import time

from cases_traffic import finish, kept
from guest import NETDEV
from host import ADDRESS, HERE
from libvirt import NAME
from pace import allow
from stage import check, needs
from streams import Streams
from vmm import Machine

MACHINE = Machine(backend="type1", libvirt=True)
DRIVER = "igbvf_vfio_pci"
SECOND = "02:00:00:00:82:02"


def start(stage, host, vf, *words, patient=True):
    """virsh under way."""
    libvirt = stage.guest.host.libvirt
    # A host that cannot log what the VF writes sends all memory again with the guest stopped.
    limit = "100000" if patient else "1"
    check(libvirt.virsh("migrate-setmaxdowntime", NAME, limit)[0] == 0, "no limit of the downtime")
    return libvirt.migrate(ADDRESS.format(host.number), vf, *words)


def move(stage, host, vf):
    guest = stage.guest
    begin = time.monotonic()
    status, text = start(stage, host, vf).wait()
    check(status == 0, f"virsh says: {text}")
    guest.vmm.agent.close()
    guest.vmm, guest.host = host.arrived(vf, guest.vmm.machine), host
    print(f"# host {host.number}, {host.kind(vf)}: virsh has taken {time.monotonic() - begin:.1f} s")
    check(stage.pf.ping_until(), "the guest does not answer after the migration")


def stays(stage, vmm):
    """The guest is where it was, and answers; the other host has done with it."""
    limit = time.monotonic() + allow(60)
    while stage.there().libvirt.has_domain():
        check(time.monotonic() < limit, "the other host still has the domain")
        time.sleep(0.5)
    check(stage.guest.vmm is vmm and vmm.running(), "the guest does not run where it was")
    check(stage.pf.ping_until(), "the guest does not answer")


@needs(MACHINE, seconds=400)
def libvirt_there_and_back(stage):
    """The driver is found by its alias, as managed='yes' has it; under traffic."""
    guest, there = stage.guest, stage.there()
    there.start_libvirt()
    check(HERE.driver(guest.vmm.vf) == DRIVER, f"libvirt has bound it to {HERE.driver(guest.vmm.vf)}")
    before = kept(guest)
    with Streams(stage) as streams:
        for host, vf in ((there, there.vfs[0]), (HERE, HERE.vfs[1])):
            host.unbind(vf)
            move(stage, host, vf)
            check(host.driver(vf) == DRIVER, f"libvirt has bound it to {host.driver(vf)}")
            streams.flows()
        finish(streams)
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


def refused(stage, host, vf, reason):
    vmm = stage.guest.vmm
    status, text = start(stage, host, vf).wait()
    check(status == 1 and reason in text, f"virsh says: {status}: {text}")
    stays(stage, vmm)


@needs(MACHINE, seconds=400)
def libvirt_is_refused(stage):
    """By the driver, which is older than the guest needs, and by the hook before that; and the guest goes
    where there is no reason."""
    guest, there = stage.guest, stage.there()
    there.start_libvirt()
    guest.run("join", NETDEV, SECOND)
    for vf in there.vfs[2:4]:
        there.put(vf, "max_profile_version", "1")
    refused(stage, there, there.vfs[2], "load of migration failed: Operation not supported")
    check("required features: got 0x1, want 0x0" in there.last_error(there.vfs[2]), "the driver has not refused")
    descriptor = HERE.descriptor(guest.vmm.vf)
    there.libvirt.plan(there.vfs[3], descriptor)
    refused(stage, there, there.vfs[3], "Hook script execution failed")
    check("EOPNOTSUPP" in there.libvirt.log(), "libvirt's log does not have the reason of the hook")
    there.libvirt.plan(there.vfs[1], descriptor)
    move(stage, there, there.vfs[1])
    move(stage, HERE, HERE.vfs[1])


@needs(MACHINE, seconds=400)
def libvirt_to_software_and_back(stage):
    """The XML of the destination has a mediated device in the place of the VF."""
    there = stage.there()
    there.start_libvirt()
    there.libvirt.plan(None)
    before = kept(stage.guest)
    move(stage, there, there.software[0])
    move(stage, HERE, HERE.vfs[0])
    after = kept(stage.guest)
    check(after == before, f"{before} before, {after} after")


@needs(MACHINE, seconds=300)
def libvirt_loses_an_end(stage):
    """Cancelled by domjobabort, or the VMM at the destination is killed: the guest goes on where it was."""
    guest, there = stage.guest, stage.there()
    there.start_libvirt()
    for end, reason in ((lambda: HERE.libvirt.virsh("domjobabort", NAME), "canceled by client"),
                        (there.libvirt.kill_domain, "migration failed")):
        vmm, job = guest.vmm, start(stage, there, there.vfs[0], "--bandwidth", "1", patient=False)
        limit = time.monotonic() + allow(60)
        while "status: active" not in (text := vmm.monitor("info migrate").lower()):
            check(time.monotonic() < limit, f"no migration: {text}")
            time.sleep(0.5)
        text = vmm.monitor("info migrate_capabilities")
        check("switchover-ack: on" in text, f"libvirt does not set what the guide says: {text}")
        end()
        status, text = job.wait()
        print(f"# virsh says: {text}")
        check(status == 1 and reason in text, f"no {reason}")
        stays(stage, vmm)
    move(stage, there, there.vfs[0])


TESTS = (libvirt_there_and_back, libvirt_is_refused, libvirt_to_software_and_back, libvirt_loses_an_end)
