# SPDX-License-Identifier: GPL-2.0
"""Two hosts and a switch between them that learns: a guest moves from one to the other, and back."""

import time

from cases_filters import VLAN
from cases_refusal import DESCRIPTOR_AT
from cases_traffic import VLAN_NETDEV, finish, kept
from guest import NETDEV
from host import HERE
from migrate import Migration
from pace import allow
from pf import MAC
from stage import check, needs
from streams import Streams
from vmm import Machine

# What both hosts have.
MACHINE = Machine(backend="type1")
# Numbered frames to a guest that says nothing: of each stream one in so many seconds, for so long.
FRAME_SECONDS = 0.02
WATCH_SECONDS = 4
# One that is not announced is never found. It takes less than half a second, but others may be at work.
FOUND_SECONDS = 3
# A second address, which an older host has no words for.
SECOND = "02:00:00:00:82:02"
DRIVER = "igbvf_vfio_pci"


@needs(MACHINE, seconds=400)
def there_and_back_with_traffic(stage):
    """From a VF to a VF of the other host, to software there, to software here and to a VF again."""
    guest, there = stage.guest, stage.there()
    before = kept(guest)
    with Streams(stage) as streams:
        for host, vf in ((there, there.vfs[0]), (there, there.software[0]), (HERE, HERE.software[0]),
                         (HERE, HERE.vfs[1])):
            migration = stage.migrate(host=host, vf=vf)
            took = streams.flows()
            print(f"# host {host.number}, {host.kind(vf)}: stopped for {migration.info['downtime']} ms, all "
                  f"traffic arrives after {took:.1f} s more")
        finish(streams)
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


def found_after(stage, host, vf):
    """Frames go to the guest all the time, which has nothing to say: for how many seconds after it runs
    again do they not arrive, in no VLAN and in one?"""
    guest = stage.guest
    streams = {1: (NETDEV, None), 2: (VLAN_NETDEV, VLAN)}
    stage.sent.clear()
    for netdev, _ in streams.values():
        guest.run("listen", netdev)
    migration = Migration(guest, host=host, vf=vf)
    try:
        # The end of the VMM takes time, too.
        migration.complete(keep=True)
    except BaseException:
        migration.abandon()
        raise
    begin, sent = time.monotonic(), []
    while time.monotonic() < begin + WATCH_SECONDS:
        sent.append(time.monotonic() - begin)
        for stream, (_, vlan) in streams.items():
            stage.to_guest(stream, MAC, 1, vlan)
        time.sleep(FRAME_SECONDS)
    migration.source.quit()
    result = []
    for stream, (netdev, _) in streams.items():
        limit = time.monotonic() + allow(10)
        while (seen := guest.values("frames", netdev, stream))["next"] < len(sent):
            if time.monotonic() > limit:
                break
            time.sleep(0.1)
        check(seen["received"] and not seen["duplicated"], f"at {netdev}: {seen} of {len(sent)}")
        # Once it is found it is not lost again.
        first = len(sent) - seen["received"]
        check(seen["lost"] == first, f"lost in between at {netdev}: {seen} of {len(sent)}")
        result.append(sent[first])
    guest.run("listen_end")
    stage.sent.clear()
    return result


@needs(MACHINE, seconds=400)
def a_silent_guest_is_found(stage):
    """On either provider: the host tells the switch, as the guest has no reason to say anything."""
    guest, there = stage.guest, stage.there()
    guest.run("vlan", NETDEV, VLAN)
    guest.run("up", VLAN_NETDEV)
    # The switch has heard it here, in the VLAN as well: who was never heard is sent to at all ports.
    guest.run("listen", VLAN_NETDEV)
    guest.run("send", VLAN_NETDEV, 3, "ff:ff:ff:ff:ff:ff", MAC, 1)
    guest.run("listen_end")
    for host, vf in ((there, there.vfs[0]), (HERE, HERE.vfs[0]), (there, there.software[0]),
                     (HERE, HERE.software[0]), (there, there.vfs[0]), (HERE, HERE.vfs[0])):
        seconds = found_after(stage, host, vf)
        text = ", ".join(f"{one:.2f} s" for one in seconds)
        print(f"# host {host.number}, {host.kind(vf)}: found after {text} (in VLAN {VLAN})")
        check(max(seconds) < FOUND_SECONDS, f"found after {text}")
    guest.run("vlan_del", VLAN_NETDEV)


@needs(MACHINE, seconds=300)
def refused_by_an_older_host(stage):
    """What the keys say beforehand is what happens: the guest stays where it is, and goes when the other
    host has a newer driver."""
    guest, there = stage.guest, stage.there()
    guest.run("join", NETDEV, SECOND)
    for vf in (there.vfs[0], there.software[0]):
        there.put(vf, "max_profile_version", "1")
        try:
            status, text = HERE.vmfctl("check", HERE.key(guest.vmm.vf), "--against", there.key(vf))
            check(status == 1 and "EOPNOTSUPP" in text, f"of the keys is said: {status}: {text}")
            refuse(stage, there, vf)
        finally:
            there.put(vf, "max_profile_version", "2")
    status, text = HERE.vmfctl("check", HERE.key(guest.vmm.vf), "--against", there.key(there.vfs[0]))
    check(status == 0, f"of the keys is said: {text}")
    stage.migrate(host=there, vf=there.vfs[0])
    stage.migrate(host=HERE, vf=HERE.vfs[0])


@needs(MACHINE, seconds=60)
def bound_by_a_rule(stage):
    """udev binds the functions that a rule of the administrator's names, and no others."""
    for host in (HERE, stage.there()):
        hardware, (named, other) = host.hardware, host.vfs[2:4]
        host.udev.rule("50-vmf.rules", f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{named}", ENV{{VMF_BIND}}="1"\n')
        for vf in (named, other):
            hardware.unbind(vf)
        try:
            end = time.monotonic() + allow(30)
            while hardware.driver(named) != DRIVER:
                check(time.monotonic() < end, f"{named} of host {host.number} has the driver {hardware.driver(named)}")
                hardware.add(named)
                time.sleep(1)
            hardware.add(other)
            time.sleep(3)
            check(not hardware.driver(other), f"{other} of host {host.number} was bound to {hardware.driver(other)}")
        finally:
            host.udev.rule("50-vmf.rules", "")
            for vf in (named, other):
                hardware.bind(vf, DRIVER)


def refuse(stage, host, vf):
    guest = stage.guest
    guest.vmm.qmp.events.clear()
    migration = Migration(guest, host=host, vf=vf)
    try:
        migration.wait("failed")
        check(migration.destination.wait() == 1, "the destination has not refused")
        error = host.last_error(vf)
        for reason in ("EOPNOTSUPP", DESCRIPTOR_AT, "required features: got 0x1, want 0x0"):
            check(reason in error, f"no {reason} in the driver's: {error}")
    finally:
        migration.abandon()
    check(guest.vmm.running(), "the guest does not run")
    check(not [event for event in guest.vmm.qmp.events if event["event"] == "STOP"], "the guest was stopped")
    check(stage.pf.ping_until(), "the guest does not answer")


TESTS = (there_and_back_with_traffic, a_silent_guest_is_found, refused_by_an_older_host, bound_by_a_rule)
