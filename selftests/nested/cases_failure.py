# SPDX-License-Identifier: GPL-2.0
"""Migrations that are cancelled, or lose an end, at each point of the device's stream."""

import re

from guest import NETDEV
from kernel_log import KernelLog
from migrate import Migration
from relay import ANSWER, COPY, DESCRIPTOR, STATE, Relay
from stage import MAC, check
from vmm import Vmm
from watch import IN_PRE_COPY, IN_STOP_COPY, Watch

VLAN = 5
THIRD = "02:00:00:00:82:03"
GROUP = "01:00:5e:52:00:05"
# What the guest asks the PF for beside its own address: streams, destinations and tags.
FILTERS = {2: (THIRD, None), 3: (GROUP, None), 4: (MAC, VLAN)}

# Has the guest been stopped when the stream is held at this point?
STEPS = {DESCRIPTOR: IN_PRE_COPY, COPY: IN_PRE_COPY, STATE: IN_STOP_COPY, ANSWER: IN_STOP_COPY}
RUNS = (DESCRIPTOR, COPY)

# What the kernel of the test host says of any VMM that comes or goes.
USUAL = re.compile(r"enabling device|resetting|kvm: user requested TSC rate")


class Held:
    """A migration that has stopped at a point of the stream; what then becomes of it is the test.

    vf: where to, if not to the next one; so below, too.
    """

    def __init__(self, stage, point, vf=None):
        self.stage = stage
        self.point = point
        self.relay = Relay(hold=point)
        self.log = KernelLog()
        self.said = []
        self.watch = Watch(stage)
        self.migration = Migration(stage.guest, relay=self.relay, vf=vf)

    def __enter__(self):
        try:
            self.relay.wait_held()
            if self.point == ANSWER:
                # It has all, and runs; the source does not know yet.
                self.migration.destination.qmp.wait_event("RESUME")
                self.stage.heard_elsewhere()
            if self.point != STATE:
                self.watch.check_pings()
            stopped = self.watch.stopped()
            check(stopped == (self.point not in RUNS), f"at the {self.point} it was stopped {stopped} times")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.relay.close()
        finally:
            self.migration.abandon()
        self.said = [line for line in self.log.lines() if not USUAL.search(line)]
        self.log.close()

    def check_quiet(self):
        """That an end is lost is nothing to talk about."""
        check(not self.said, "the test host's kernel says: " + "; ".join(self.said))


def check_guest_goes_on(held):
    """At the source."""
    held.check_quiet()
    if held.point in RUNS:
        held.watch.check_never_stopped()
    held.watch.check_goes_on(STEPS[held.point])


def cancel(stage, point, vf=None):
    with Held(stage, point, vf) as held:
        held.migration.cancel()
    check_guest_goes_on(held)


def kill_destination(stage, point, vf=None):
    """At the ANSWER the guest has run there for a moment, of which the source cannot know."""
    with Held(stage, point, vf) as held:
        held.migration.destination.kill()
        held.migration.wait("failed")
    check_guest_goes_on(held)


def variant(name, how, point):
    """A test after which the guest can go to the VF of the destination that failed: it is that of the
    next test if the guest was not to stop, else it goes there now."""
    def test(stage):
        how(stage, point)
        if point not in RUNS:
            stage.migrate()
    test.__name__ = f"{name}_at_the_{point}"
    return test


def kill_source(stage, vf=None):
    """The destination has all, and goes on with the guest. Returns the source."""
    guest = stage.guest
    source = guest.vmm
    changes = guest.carrier_changes()
    with Held(stage, ANSWER, vf) as held:
        source.kill()
        guest.vmm = held.migration.destination
    held.check_quiet()
    check(stage.pf.ping_until(), "the guest does not answer")
    check(guest.carrier_changes() == changes, "the carrier has changed")
    check(guest.vmm.running(), "the guest does not run")
    return source


def source_killed_at_the_answer(stage):
    source = kill_source(stage)
    # Nothing holds the VF any more.
    stage.migrate(vf=source.vf)


def lose_guest(stage, point, vf=None):
    """Kills the source; the two VFs."""
    source = stage.guest.vmm
    with Held(stage, point, vf) as held:
        source.kill()
        status = held.migration.destination.wait()
        check(status == 1, f"the destination ended with {status}: {held.migration.destination.log()}")
    held.check_quiet()
    stage.drop_guest()
    return source.vf, held.migration.destination.vf


def check_filters(stage, wanted):
    """Do frames that are not sent to its own address arrive at the guest?"""
    for stream, (to, vlan) in FILTERS.items():
        stage.to_guest(stream, to, 10, vlan)
    stage.to_guest(1, MAC, 10)
    stage.check_arrived(NETDEV, 1)
    for stream in FILTERS:
        seen = stage.guest.values("frames", NETDEV, stream)["received"]
        check(bool(seen) == wanted, f"{seen} frames of stream {stream} have arrived")


def source_killed_at_the_state(stage):
    """The guest is lost, and leaves nothing behind: neither of the VFs is held by anybody, and the
    next guest does not get what was sent to the last one."""
    guest = stage.guest
    guest.run("vlan", NETDEV, VLAN)
    guest.run("up", f"{NETDEV}.{VLAN}")
    guest.run("join", NETDEV, THIRD)
    guest.run("join", NETDEV, GROUP)
    guest.run("listen", NETDEV)
    check_filters(stage, True)
    killed, other = lose_guest(stage, STATE)
    at = stage.vfs.index(killed)
    stage.vfs = stage.vfs[at:] + stage.vfs[:at]
    macs = []
    stage.set_up(lambda fresh: macs.extend(fresh.run("mac", NETDEV)), attempts=1)
    check(stage.guest.vmm.vf == killed, "this is another VF")
    check(MAC not in macs, "the VF has kept the address")
    stage.guest.run("listen", NETDEV)
    check_filters(stage, False)
    stage.migrate(vf=other)
    check_filters(stage, False)
    stage.guest.run("listen_end")
    stage.sent.clear()


def check_free(stage, vfs):
    for vf in vfs:
        Vmm(vf, stage.machine, incoming=True).quit()


def source_killed_at_the_copy(stage):
    """Before the guest was stopped. Both VFs can be had again."""
    check_free(stage, lose_guest(stage, COPY))


TESTS = (
    *(variant("T20_cancelled", cancel, point) for point in (DESCRIPTOR, STATE)),
    *(variant("destination_killed", kill_destination, point) for point in (DESCRIPTOR, COPY, STATE, ANSWER)),
    source_killed_at_the_answer,
    source_killed_at_the_state,
    source_killed_at_the_copy,
)
