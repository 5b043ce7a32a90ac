# SPDX-License-Identifier: GPL-2.0
"""Interrupts, carrier and counters after a migration, and a migration that is cancelled."""

import time

from guest import NETDEV
from migrate import Migration
from stage import MAC, check

# What igbvf does every 2 s hides a lost interrupt for that long and no longer.
WATCHDOG = 2.0


def T06_idle_guest_answers_at_once(stage):
    """No interrupt is lost: each vector comes once after a migration, and then with each frame.

    If the one for frames did not come, every ping would wait for igbvf's own watchdog.
    """
    guest, pings, firsts = stage.guest, 5, []
    for _ in range(3):
        time.sleep(0.5)
        before = guest.interrupts()
        firsts.append(stage.migrate().first)
        begin = time.monotonic()
        for number in range(pings):
            check(stage.pf.ping() is not None, f"ping {number} is not answered")
        took = time.monotonic() - begin
        after = guest.interrupts()
        # Nobody else raises that of the mailbox while the guest is idle.
        check(after["-other"] > before["-other"], f"no interrupt of the mailbox: {before} {after}")
        check(after["-tx-0"] > before["-tx-0"], f"no interrupt for transmission: {before} {after}")
        check(took < (pings - 1) * WATCHDOG / 2, f"{pings} pings took {took:.1f} s")
    check(sorted(firsts)[1] < WATCHDOG / 2, f"the first answers took {firsts} s")


def T16_carrier_stays_up(stage):
    """For more than 10 s, in which igbvf's watchdog looks at the link several times."""
    guest = stage.guest
    changes = guest.carrier_changes()
    stage.migrate()
    begin, before = guest.uptime(), guest.interrupts()
    while guest.uptime() < begin + 11:
        check(guest.carrier() == 1, "the carrier is gone")
        time.sleep(1)
    after = guest.interrupts()
    # It ends with an interrupt for reception each time, and nothing else happens here.
    runs = after["-rx-0"] - before["-rx-0"]
    check(runs >= 4, f"the watchdog ran {runs} times in 11 s")
    check(guest.carrier_changes() == changes, "the carrier has changed")
    check(guest.values("stats", NETDEV)["tx_timeout_count"] == 0, "transmission timed out")
    check(stage.pf.ping() is not None, "the guest does not answer in the end")


def T20_cancelled_migration(stage):
    """In the copy of memory, and after the device has stopped: the guest goes on where it was."""
    guest, pf = stage.guest, stage.pf
    vf, changes = guest.vmm.vf, guest.carrier_changes()
    guest.run("listen", NETDEV)
    for how, state in (({"bandwidth": 1 << 20}, "active"),
                       ({"capabilities": ("pause-before-switchover",)}, "pre-switchover")):
        stage.to_guest(1, MAC, 20)
        stage.check_arrived(NETDEV, 1)
        migration = Migration(guest, **how)
        try:
            migration.wait(state)
            migration.cancel()
        finally:
            migration.abandon()
        check(guest.vmm.vf == vf, "the guest has moved")
        check(pf.ping(30) is not None, f"no answer after a cancel in state {state}")
        stage.to_guest(1, MAC, 20)
        stage.check_arrived(NETDEV, 1)
        print(f"# cancelled in state {state}")
    check(guest.carrier_changes() == changes, "the carrier has changed")
    # It can still be migrated, with nothing left of the attempts.
    stage.migrate()
    stage.to_guest(1, MAC, 20)
    stage.check_arrived(NETDEV, 1)
    guest.run("listen_end")
    stage.sent.clear()


def T24_counters_only_grow(stage):
    """What ethtool -S prints: igbvf takes a step back for a wrap, and adds 2^32."""
    guest, pings = stage.guest, 10
    last = guest.values("stats", NETDEV)
    for _ in range(3):
        stage.migrate()
        for _ in range(pings):
            check(stage.pf.ping() is not None, "a ping is not answered")
        # igbvf reads the counters of the device in its watchdog.
        end = guest.uptime() + 3 * WATCHDOG
        while True:
            now = guest.values("stats", NETDEV)
            if now["rx_packets"] >= last["rx_packets"] + pings or guest.uptime() > end:
                break
            time.sleep(0.2)
        for name, value in now.items():
            check(last[name] <= value < last[name] + (1 << 24),
                  f"{name} was {last[name]}, and is {value}")
        for name in ("rx_packets", "tx_packets"):
            check(now[name] >= last[name] + pings,
                  f"{name} was {last[name]}, and is {now[name]} after {pings} pings")
        last = now


TESTS = (
    T06_idle_guest_answers_at_once,
    T16_carrier_stays_up,
    T20_cancelled_migration,
    T24_counters_only_grow,
)
