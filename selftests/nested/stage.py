# SPDX-License-Identifier: GPL-2.0
"""What all tests share: the PF's end of the wire, and a guest that is up."""

import time

from guest import NETDEV, Guest
from host import Pair
from kernel_log import KernelLog
from migrate import Migration, MigrationError
from mtty import cards
from pace import allow
from pf import GUEST, MAC, MASK, Pf
from provider import is_software
from qmp import QmpError
from vmm import AgentError, Machine, VmmError

ATTEMPTS = 3


class Failure(Exception):
    """What a test expects is not so."""


class Hopeless(Exception):
    """There is no guest to test with."""


def check(condition, what):
    if not condition:
        raise Failure(what)


def needs(machine=Machine(), seconds=None):
    """Of a test: the kind of machine its guest has, and its time, if not the usual ones."""
    def mark(test):
        test.machine = machine
        if seconds:
            test.seconds = seconds
        return test
    return mark


class Stage:
    def __init__(self, netdev, vfs, repeat=None):
        self.vfs = vfs
        # How often a test does what it does many times, if not as often as it would.
        self.repeat = repeat
        self.pf = Pf(netdev)
        self.log = KernelLog()
        # That the PF is a port of, if there is one.
        self.switch = None
        self.current = None
        self.machine = Machine()
        # The hosts, where there are two.
        self.pair = None
        # Frames from here to the guest are numbered for each stream.
        self.sent = {}

    def close(self):
        self.drop_guest()
        if self.pair:
            self.pair.close()
        self.pf.close()
        self.log.close()

    def drop_guest(self):
        if self.current:
            self.current.kill()
            self.current = None
            self.sent = {}
        if self.pair:
            self.pair.drop_domains()

    def there(self):
        """The other one of two hosts."""
        self.pair = self.pair or Pair()
        return self.pair.there

    @property
    def guest(self):
        """A guest with its interface up, that answers."""
        if not self.current:
            self.set_up()
        return self.current

    def use(self, machine):
        """A guest of this kind, from now on."""
        if machine != self.machine:
            self.drop_guest()
            self.machine = machine
        return self.guest

    def set_up(self, look=lambda guest: None, attempts=ATTEMPTS, vf=None):
        """The emulation below the guest is not perfect, and what went wrong up to here was not
        migrated yet: it has three attempts, and what fails is said.

        look: for a test that wants to see the guest before its interface is up; one that boots
        it where another guest was gives it no second attempt. vf: if not the first one.
        """
        vfs = cards() if self.machine.nic == "serial" else self.vfs
        for attempt in range(1, attempts + 1):
            begin = time.monotonic()
            try:
                self.current = Guest(vfs, self.machine, vf)
                look(self.current)
                if self.machine.nic != "serial":
                    self.bring_up()
                break
            except (VmmError, AgentError, Failure) as error:
                for line in str(error).splitlines():
                    print("# " + line)
                self.explain()
                self.drop_guest()
                if attempt == attempts:
                    raise Hopeless("no guest has come up") from error
                print("# the guest did not come up, and is started once more")
        print(f"# the guest is up after {time.monotonic() - begin:.1f} s")

    def bring_up(self):
        guest = self.current
        guest.run("mac", NETDEV, MAC)
        guest.run("address", NETDEV, GUEST, MASK)
        guest.run("up", NETDEV, timeout=20)
        guest.wait_carrier()
        # The last one with this address.
        self.heard_elsewhere()
        check(self.pf.ping_until(), "the guest does not answer before any migration")
        guest.kmsg()

    def migrate(self, up=True, **how):
        """To the next VF, as Migration has it. With the interface up, how soon does the guest answer?"""
        guest, source = self.guest, self.guest.vmm.vf
        migration = Migration(guest, **how)
        try:
            migration.complete()
        except (MigrationError, QmpError, OSError):
            migration.abandon()
            raise
        self.moved()
        migration.first = None
        sent = migration.info["ram"]["downtime-bytes"]
        text = (f"# {source} to {guest.vmm.vf}: stopped for {migration.info['downtime']} ms, "
                f"{sent / (1 << 20):.1f} MiB of memory sent meanwhile")
        if up:
            begin = time.monotonic()
            # A frame may be lost where there is traffic: if one is, the time tells.
            check(self.pf.ping_until(), "the guest does not answer after the migration")
            migration.first = time.monotonic() - begin
            text += f", the first ping is answered after {migration.first * 1000:.0f} ms"
        print(text)
        return migration

    def moved(self):
        """Where the guest is now, software tells the network; for a VF the host has to see to it."""
        if not is_software(self.current.vmm.vf):
            self.heard_elsewhere()

    def heard_elsewhere(self):
        """What a switch knows of the guest need not be so any more."""
        if self.switch:
            self.switch.forget()

    def to_guest(self, stream, to, count, vlan=None):
        """Sends the next frames of a stream; how many there were in all."""
        first = self.sent.get(stream, 0)
        self.pf.send(stream, to, first, count, vlan)
        self.sent[stream] = first + count
        return self.sent[stream]

    def check_arrived(self, netdev, stream, timeout=10):
        """Every frame of the stream has arrived at this interface, once and unharmed."""
        end = time.monotonic() + allow(timeout)
        while True:
            seen = self.guest.values("frames", netdev, stream)
            if seen["received"] >= self.sent[stream] or time.monotonic() > end:
                break
            time.sleep(0.1)
        check(seen == {"received": self.sent[stream], "next": self.sent[stream], "lost": 0,
                       "duplicated": 0, "damaged": 0},
              f"stream {stream} at {netdev}: {self.sent[stream]} sent, {seen}")

    def check_guest(self):
        """Nothing in the guest's log says that it has noticed. One that was lost has none."""
        bad = self.current.bad_lines() if self.current else []
        check(not bad, "the guest's kernel says: " + "; ".join(bad))

    def explain(self):
        """After a failure: what the test host, the VMM and the guest have to say, the last of it."""
        lines = [f"host: [{seconds:.3f}] {text}" for seconds, text in self.log.records()[-20:]]
        lines += self.explain_guest() if self.current else []
        for line in lines:
            print("#   " + line)

    def explain_guest(self):
        vmm = self.current.vmm
        lines = vmm.log().splitlines() + vmm.console().splitlines()[-20:]
        try:
            now = f"the guest is up for {self.current.uptime()} s, the host for {time.monotonic():.3f} s"
            return lines + self.current.run("kmsg", timeout=10)[-20:] + [now]
        except (AgentError, OSError) as error:
            return lines + [f"the guest cannot be asked: {error}"] + vmm.registers()
