# SPDX-License-Identifier: GPL-2.0
"""Numbered traffic both ways while the guest is migrated: nothing twice, nothing damaged."""

import time

from cases_filters import GROUP, VLAN
from guest import NETDEV
from stage import MAC, check, needs
from streams import Streams

ROUND_TRIPS = 5
VLAN_NETDEV = f"{NETDEV}.{VLAN}"


def kept(guest):
    """What a migration must not change."""
    return {
        "address": guest.run("mac", NETDEV),
        "MTU": guest.number(f"/sys/class/net/{NETDEV}/mtu"),
        "carrier changes": guest.carrier_changes(),
        "transmission timeouts": guest.values("stats", NETDEV)["tx_timeout_count"],
    }


def check_vlan_and_group(stage):
    stage.to_guest(1, GROUP, 10)
    stage.to_guest(2, MAC, 10, VLAN)
    stage.check_arrived(NETDEV, 1)
    stage.check_arrived(VLAN_NETDEV, 2)


def check_carrier(guest, seconds):
    """The whole time, on the guest's clock: its watchdog looks every 2 s."""
    begin = guest.uptime()
    while guest.uptime() < begin + seconds:
        check(guest.carrier() == 1, "the carrier is gone")
        time.sleep(0.5)


def finish(streams):
    streams.stop()
    for line in streams.figures():
        print("# " + line)
    streams.check()
    # What the guest has handed to the device leaves it, here or there.
    check(streams.lost("host") == 0, f"of what the guest sent is lost: {streams.report}")


def T04_traffic_while_migrating(stage):
    """UDP, TCP and pings during one migration; what the guest has set up is there after it."""
    guest = stage.guest
    guest.run("vlan", NETDEV, VLAN)
    guest.run("up", VLAN_NETDEV)
    guest.run("join", NETDEV, GROUP)
    for netdev in (NETDEV, VLAN_NETDEV):
        guest.run("listen", netdev)
    check_vlan_and_group(stage)
    before = kept(guest)
    check(before["transmission timeouts"] == 0, "transmission has timed out before")
    with Streams(stage) as streams:
        time.sleep(2)
        stage.migrate()
        print(f"# all kinds of traffic arrive again {streams.flows():.1f} s after that")
        check_carrier(guest, 10)
        finish(streams)
    after = kept(guest)
    check(after == before, f"{before} before, {after} after the migration")
    check_vlan_and_group(stage)
    # As it was, for others.
    guest.run("listen_end")
    stage.sent.clear()
    guest.run("leave")
    guest.run("vlan_del", VLAN_NETDEV)


# It is many migrations in one.
@needs(seconds=450)
def T04_there_and_back(stage):
    """The same traffic all the time, while the guest goes there and back, and again."""
    guest = stage.guest
    before = kept(guest)
    with Streams(stage) as streams:
        for number in range(1, 2 * ROUND_TRIPS + 1):
            migration = stage.migrate()
            took = streams.flows()
            print(f"# migration {number}: stopped for {migration.info['downtime']} ms, "
                  f"all traffic arrives after {took:.1f} s more")
        finish(streams)
    after = kept(guest)
    check(after == before, f"{before} before, {after} after {2 * ROUND_TRIPS} migrations")


TESTS = (T04_traffic_while_migrating, T04_there_and_back)
