# SPDX-License-Identifier: GPL-2.0
"""The function in software: a guest moves to it from a VF, and back."""

import contextlib
import os

from cases_traffic import finish, kept
from stage import check, needs
from streams import Streams
from switch import Switch, Tap

UUID = "82576000-0000-4000-8000-00000000000{}"
TYPE = "/sys/class/mdev_bus/igbvf_mdev/mdev_supported_types/igbvf_mdev-82576vf"
DEVICES = "/sys/bus/mdev/devices"
ROUND_TRIPS = 5


class Software:
    """A function in software with its wire in a port of the switch, as long as this lives."""

    def __init__(self, switch, number):
        self.uuid = UUID.format(number)
        self.tap = Tap(switch, f"tap{number}")

    def write(self, path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def __enter__(self):
        self.write(f"{TYPE}/create", self.uuid)
        try:
            with self.tap as tap:
                self.write(f"{DEVICES}/{self.uuid}/network/backend_fd", str(tap.fd))
        except BaseException:
            self.remove()
            raise
        return self.uuid

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        self.write(f"{DEVICES}/{self.uuid}/remove", "1")


@contextlib.contextmanager
def two_functions(stage):
    with Switch(stage.pf) as switch, Software(switch, 1) as first, Software(switch, 2) as second:
        try:
            yield switch, first, second
        finally:
            # Who has one keeps it from being removed.
            if stage.current and "-" in stage.current.vmm.vf:
                stage.drop_guest()


def there_and_back(stage):
    """To software, from there to other software, and to a VF again: the guest sees nothing of it, and
    says nothing until it is asked."""
    guest = stage.guest
    before = kept(guest)
    with two_functions(stage) as (switch, first, second):
        for vf in (first, second):
            migration = stage.migrate(vf=vf)
            check(migration.first < 1, f"the first ping is answered after {migration.first:.1f} s")
            check(guest.carrier() == 1, "the carrier is gone")
        migration = stage.migrate(up=False, vf=stage.vfs[1])
        # Software tells the network that the guest is there; a VF does not, and the host has to.
        switch.forget()
        check(stage.pf.ping_until(), "the guest does not answer after the migration")
        check(guest.carrier() == 1, "the carrier is gone")
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


# It is many migrations in one.
@needs(seconds=600)
def there_and_back_with_traffic(stage):
    """UDP, TCP and pings all the time, from a VF to software and back, again and again."""
    guest = stage.guest
    before = kept(guest)
    with two_functions(stage) as (_, software, _), Streams(stage) as streams:
        for number in range(1, 2 * (stage.repeat or ROUND_TRIPS) + 1):
            vf = software if number % 2 else stage.vfs[number // 2 % 2]
            migration = stage.migrate(vf=vf)
            took = streams.flows()
            print(f"# migration {number}, to {vf}: stopped for {migration.info['downtime']} ms, "
                  f"all traffic arrives after {took:.1f} s more")
        finish(streams)
    after = kept(guest)
    check(after == before, f"{before} before, {after} after")


WHY_NONE = "this kernel cannot emulate devices: no CONFIG_VFIO_MDEV"
TESTS = (there_and_back, there_and_back_with_traffic) if os.path.exists(TYPE) else ()
