# SPDX-License-Identifier: GPL-2.0
"""What the guest has agreed on with one PF function holds with the next."""

import time

from guest import NETDEV
from stage import MAC, check

VLAN = 5
SECOND = "02:00:00:00:82:02"
GROUP = "01:00:5e:52:00:05"
# Several buffers of the receive ring. The answer has to fit one page of the guest: what it
# sends from memory that the IOMMU maps to pages which are not adjacent, QEMU's model drops
# (net_tx_pkt_add_raw_fragment_pci() wants all of a buffer in one mapping).
JUMBO = 3000

# Streams that have to arrive, with the interface where, destination and tag.
WANTED = {
    1: (NETDEV, MAC, None),
    2: (NETDEV, GROUP, None),
    3: (NETDEV, SECOND, None),
    4: (f"{NETDEV}.{VLAN}", MAC, VLAN),
}
# And those that must not: then the others came through a filter, and not without one.
UNWANTED = {
    5: ("01:00:5e:52:00:46", None),
    6: ("02:00:00:00:82:77", None),
    7: (MAC, VLAN + 1),
}


def T08_interface_down_while_migrating(stage):
    """Nothing to restore but registers: set up at the destination, it works."""
    guest = stage.guest
    guest.run("down", NETDEV)
    stage.migrate(up=False)
    check(stage.pf.ping(0.5) is None, "an interface that is down answers")
    guest.run("up", NETDEV)
    guest.wait_carrier()
    check(stage.pf.ping_until(), "the guest does not answer")
    check(guest.values("stats", NETDEV)["tx_timeout_count"] == 0, "transmission timed out")


def check_filters(stage):
    for stream, (_, to, vlan) in WANTED.items():
        stage.to_guest(stream, to, 10, vlan)
    for stream, (to, vlan) in UNWANTED.items():
        stage.to_guest(stream, to, 10, vlan)
    # What was wanted, last: when it is there, what was sent before would be there too.
    stage.to_guest(1, MAC, 10)
    for stream, (netdev, _, _) in WANTED.items():
        stage.check_arrived(netdev, stream)
    for stream in UNWANTED:
        seen = stage.guest.values("frames", NETDEV, stream)["received"]
        check(seen == 0, f"{seen} frames of stream {stream} have passed the filter")
    check(stage.pf.ping(size=JUMBO) is not None, "no answer to a jumbo frame")


def check_transmission(stage, first, count=20):
    stage.guest.run("send", NETDEV, 8, ":".join(f"{byte:02x}" for byte in stage.pf.mac), MAC, count)
    seen = stage.pf.receive(8, first, count)
    check(seen == list(range(first, first + count)), f"frames from the guest: {seen}")
    return first + count


def T11_T12_T13_vlan_filters_and_jumbo_frames(stage):
    """A VLAN, a group, a second address, an MTU of 9000: twice from VF to VF."""
    guest = stage.guest
    guest.run("vlan", NETDEV, VLAN)
    guest.run("up", f"{NETDEV}.{VLAN}")
    guest.run("mtu", NETDEV, 9000)
    guest.run("join", NETDEV, GROUP)
    guest.run("join", NETDEV, SECOND)
    for netdev in (NETDEV, f"{NETDEV}.{VLAN}"):
        guest.run("listen", netdev)
    guest.wait_carrier()
    check(stage.pf.ping_until(), "the guest does not answer")
    # igbvf starts the interface anew for another MTU, and may say so.
    guest.kmsg()
    changes = guest.carrier_changes()
    check_filters(stage)
    sent = check_transmission(stage, 0)
    for _ in range(2):
        stage.migrate()
        check_filters(stage)
        sent = check_transmission(stage, sent)
    check(guest.carrier_changes() == changes, "the carrier has changed")
    stage.check_guest()
    # As it was, for others.
    guest.run("listen_end")
    stage.sent.clear()
    guest.run("leave")
    guest.run("vlan_del", f"{NETDEV}.{VLAN}")
    guest.run("mtu", NETDEV, 1500)
    guest.wait_carrier()
    check(stage.pf.ping_until(), "the guest does not answer in the end")
    time.sleep(0.1)
    guest.kmsg()


TESTS = (
    T08_interface_down_while_migrating,
    T11_T12_T13_vlan_filters_and_jumbo_frames,
)
