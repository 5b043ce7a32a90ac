# SPDX-License-Identifier: GPL-2.0
"""The function in software: a guest moves to it from a VF, and back."""

import errno
import os

import doctor
import software
from cases_failure import cancel, check_free, kill_destination, kill_source, lose_guest
from cases_memory import hold_and_compare
from cases_refusal import DESCRIPTOR_AT, refuse, refused_a_feature_that_an_older_destination_lacks
from cases_traffic import finish, kept
from provider import is_software
from relay import ANSWER, COPY, DESCRIPTOR, STATE
from software import functions
from stage import check, needs
from streams import Streams
from vmm import NEWER, Machine

ROUND_TRIPS = 5
# The destination of each migration: is it the newer VMM, and how many channels are there? They are
# an odd number, so that each comes to software once, and once to a VF.
WAYS = ((False, 0), (True, 0), (True, 4), (False, 0), (False, 4))

# One guest for all of them: memory can be compared, and the back end is that of the lane.
MACHINE = Machine(memory_file=True)
OTHER = MACHINE.but(backend="type1")


@needs(MACHINE)
def there_and_back(stage):
    """To software, from there to other software, and to a VF again: the guest sees nothing of it, and
    says nothing until it is asked. What software has not written is not sent once more."""
    guest = stage.guest
    before = kept(guest)
    with functions(stage, 2) as (first, second):
        for vf in (first, second, stage.vfs[1]):
            exact = is_software(guest.vmm.vf)
            migration = stage.migrate(vf=vf)
            memory = migration.info["ram"]
            check(not exact or memory["downtime-bytes"] * 10 < memory["total"],
                  f"sent while the guest was stopped: {memory['downtime-bytes']} of {memory['total']} bytes")
            check(migration.first < 1, f"the first ping is answered after {migration.first:.1f} s")
            check(guest.carrier() == 1, "the carrier is gone")
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


# It is many migrations in one.
@needs(MACHINE, seconds=600)
def there_and_back_with_traffic(stage):
    """UDP, TCP and pings all the time, from a VF to software and back, again and again, in either
    VMM and through one channel or several."""
    guest = stage.guest
    before = kept(guest)
    if not os.path.exists(NEWER):
        print("# the archive has no newer QEMU: that of the release in its place")
    with functions(stage) as (there,), Streams(stage) as streams:
        for number in range(1, 2 * (stage.repeat or ROUND_TRIPS) + 1):
            newer, channels = WAYS[number % len(WAYS) - 1]
            vf = there if number % 2 else stage.vfs[number // 2 % 2]
            migration = stage.migrate(vf=vf, newer=newer and os.path.exists(NEWER), channels=channels)
            took = streams.flows()
            print(f"# migration {number}, to {vf} in {'the newer' if newer else 'the usual'} QEMU through "
                  f"{channels or 1} channels: stopped for {migration.info['downtime']} ms, all traffic "
                  f"arrives after {took:.1f} s more")
        finish(streams)
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


@needs(MACHINE, seconds=300)
def an_end_is_lost_on_the_way(stage):
    """To software and from it: the guest goes on where it was, with the migration cancelled or the
    destination gone; and where it has arrived, with the source gone."""
    guest = stage.guest
    before, first = kept(guest), guest.vmm.vf
    with functions(stage) as (there,):
        for vf in (there, first):
            for point in (DESCRIPTOR, STATE):
                cancel(stage, point, vf)
            for point in (COPY, ANSWER):
                kill_destination(stage, point, vf)
            kill_source(stage, vf)
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


@needs(MACHINE, seconds=200)
def refused_before_the_guest_stops(stage):
    """Either provider says why, and takes the guest when there is no reason any more."""
    with functions(stage) as (there,):
        for vf, number, reason, edit in (
                (there, errno.EXDEV, "subsystem id: got 0x1234", doctor.attribute(1, "subdevice", 0x1234)),
                (stage.vfs[1], errno.EDOM, "rx-queues: got 0x4, want 0x2", doctor.limit(1, 4))):
            refuse(stage, number, (DESCRIPTOR_AT, reason), {DESCRIPTOR: edit}, vf=vf)
            refused_a_feature_that_an_older_destination_lacks(stage, vf)


@needs(MACHINE, seconds=200)
def memory_is_the_same(stage):
    """What a VF writes, and what software writes, while memory is copied."""
    with functions(stage) as (there,):
        hold_and_compare(stage, 0, vf=there)
        hold_and_compare(stage, 4, vf=stage.vfs[0])


@needs(MACHINE, seconds=300)
def source_killed(stage):
    """The guest is lost, and leaves nothing behind: another one boots in software, by the back end that
    the kernel has besides if there is one, and is lost on its way to a VF."""
    with functions(stage) as (there,):
        lose_guest(stage, STATE, there)
        stage.machine = OTHER
        stage.set_up(vf=there)
        if OTHER != MACHINE:
            hold_and_compare(stage, 0, vf=stage.vfs[0])
            stage.migrate(vf=there)
        check_free(stage, lose_guest(stage, COPY, stage.vfs[0]))


WHY_NONE = software.WHY_NONE
TESTS = (
    there_and_back,
    there_and_back_with_traffic,
    an_end_is_lost_on_the_way,
    refused_before_the_guest_stops,
    memory_is_the_same,
    source_killed,
) if software.AVAILABLE else ()
