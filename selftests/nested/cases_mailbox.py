# SPDX-License-Identifier: GPL-2.0
"""Messages between guest and PF, while the guest goes from one to the next."""

import time

from guest import NETDEV
from stage import MAC, check

OTHER = "02:00:00:00:82:0f"


def wait_rounds(guest, more):
    """Until the loop in the guest has gone so many more rounds."""
    goal = guest.values("mac_loop_done")["done"] + more
    end = time.monotonic() + 30
    while (seen := guest.values("mac_loop_done"))["done"] < goal:
        check(time.monotonic() < end, f"the loop does not go on: {seen}, not {goal}")
        time.sleep(0.05)


def T14_address_changes_while_migrating(stage):
    """The guest is stopped anywhere in an exchange: each message has its answer all the same."""
    guest = stage.guest
    changes = guest.carrier_changes()
    guest.run("mac_loop", NETDEV, MAC, OTHER)
    for _ in range(3):
        wait_rounds(guest, 20)
        stage.migrate(up=False)
        wait_rounds(guest, 20)
    result = guest.values("mac_loop_end")
    print(f"# {result['done']} messages, {result['failed']} not agreed to")
    check(result["failed"] == 0, f"{result}")
    check(guest.carrier_changes() == changes, "the carrier has changed")
    guest.run("mac", NETDEV, MAC)
    check(stage.pf.ping_until(), "the guest does not answer in the end")


TESTS = (
    T14_address_changes_while_migrating,
)
