# SPDX-License-Identifier: GPL-2.0
"""libvirt moves the guest between two hosts, by "virsh migrate --live --p2p" and as the admin guide says."""

import os
import time

from cases_hosts import DRIVER, SECOND
from cases_traffic import finish, kept
from guest import NETDEV
from hardware import NO_MAC
from host import ADDRESS, HERE
from libvirt import NAME
from pace import allow
from pf import MAC
from stage import check, needs
from streams import Streams
from vmm import Machine

MACHINE = Machine(backend="type1", libvirt="managed")
INTERFACE = MACHINE.but(libvirt="interface")
SAVED, STREAM = "/tmp/guest.save", "/tmp/guest.vmf"
PARALLEL = ("--parallel", "--parallel-connections", "2")


def start(stage, host, vf, *words, patient=True, kind=None):
    """virsh under way. kind: how the domain has its function there, if not as at the start."""
    libvirt = stage.guest.host.libvirt
    # A host that cannot log what the VF writes sends all memory again with the guest stopped.
    limit = "100000" if patient else "1"
    check(libvirt.virsh("migrate-setmaxdowntime", NAME, limit)[0] == 0, "no limit of the downtime")
    return libvirt.migrate(ADDRESS.format(host.number), vf, kind or stage.machine.libvirt, *words)


def has_driver(host, vf):
    driver = host.hardware.driver(vf)
    check(driver == DRIVER, f"libvirt has bound {vf} to {driver}")


def has_address(host, vf, wanted):
    """By the word of the PF."""
    address = host.hardware.mac(vf)
    check(address == wanted, f"{vf} of host {host.number} has {address}")


def move(stage, host, vf, *words, kind=None):
    guest = stage.guest
    begin = time.monotonic()
    status, text = start(stage, host, vf, *words, kind=kind).wait()
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
    """The driver is found by its alias, as managed='yes' has it, or is named; under traffic, and back with
    multifd."""
    guest, there = stage.guest, stage.there()
    there.start_libvirt()
    has_driver(HERE, guest.vmm.vf)
    before = kept(guest)
    with Streams(stage) as streams:
        for host, vf, kind, *words in ((there, there.vfs[0], "managed"), (HERE, HERE.vfs[1], "model", *PARALLEL)):
            host.hardware.unbind(vf)
            move(stage, host, vf, *words, kind=kind)
            has_driver(host, vf)
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
    # As who does not leave that to libvirt.
    HERE.hardware.unbind(HERE.vfs[0])
    HERE.hardware.bind(HERE.vfs[0], DRIVER)
    move(stage, HERE, HERE.vfs[0], kind="bound")
    after = kept(stage.guest)
    check(after == before, f"{before} before, {after} after")


@needs(MACHINE, seconds=300)
def libvirt_saves_and_restores(stage):
    """To a file, in which the tool finds the stream of the device, and from it. In software: where nobody
    knows what a VF writes, all memory is in the file twice."""
    stage.there()
    stage.drop_guest()
    stage.set_up(vf=HERE.software[0])
    guest, libvirt = stage.guest, HERE.libvirt
    before = kept(guest)
    status, text = libvirt.virsh("save", NAME, SAVED)
    check(status == 0, f"virsh says: {text}")
    guest.vmm.agent.close()
    try:
        for words, wanted in ((("extract", SAVED, "-o", STREAM), "vf.net.igbvf-82576 version 2"),
                              (("verify", STREAM), "accepted as vf.net.igbvf-82576 version 2")):
            status, text = HERE.vmfctl(*words)
            check(status == 0 and wanted in text, f"vmfctl {words[0]} says: {text}")
        status, text = libvirt.virsh("restore", SAVED)
        check(status == 0, f"virsh says: {text}")
    finally:
        for file in (SAVED, STREAM):
            if os.path.exists(file):
                os.unlink(file)
    guest.vmm = HERE.arrived(guest.vmm.vf, guest.vmm.machine)
    check(stage.pf.ping_until(), "the guest does not answer after it was restored")
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


@needs(INTERFACE, seconds=400)
def libvirt_network_interface(stage):
    """As an interface of the domain: libvirt has the PF give the VF its address, and takes it away."""
    guest, there = stage.guest, stage.there()
    there.start_libvirt()
    there.libvirt.plan(None)
    has_address(HERE, guest.vmm.vf, MAC)
    for host, vf in ((there, there.vfs[1]), (HERE, HERE.vfs[0])):
        left = guest.host, guest.vmm.vf
        host.hardware.unbind(vf)
        move(stage, host, vf)
        has_driver(host, vf)
        has_address(host, vf, MAC)
        has_address(*left, NO_MAC)


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


TESTS = (libvirt_there_and_back, libvirt_is_refused, libvirt_to_software_and_back, libvirt_loses_an_end,
         libvirt_saves_and_restores, libvirt_network_interface)
