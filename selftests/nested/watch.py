# SPDX-License-Identifier: GPL-2.0
"""What a guest and its device go through, as its VMM, the driver and the kernel's log have it."""

import time

from guest import NETDEV
from provider import in_debugfs, in_sysfs
from stage import check

# A migration that is over is cleaned up a little later.
SECONDS = 10

# Steps of the device of a guest that was to leave, and stays: before and after it was stopped.
IN_PRE_COPY = ("RUNNING PRE_COPY", "PRE_COPY RUNNING")
IN_STOP_COPY = ("RUNNING PRE_COPY", "PRE_COPY PRE_COPY_P2P", "PRE_COPY_P2P STOP_COPY", "STOP_COPY STOP",
                "STOP RUNNING_P2P", "RUNNING_P2P RUNNING")


class Driver:
    """What the driver says of a VF, or of a function in software."""

    def __init__(self, vf):
        self.vf = vf

    def lines(self, name):
        with open(f"{in_debugfs(self.vf)}/{name}", encoding="ascii") as file:
            return file.read().splitlines()

    def arcs(self):
        """How often each step was taken."""
        words = (line.split() for line in self.lines("arcs"))
        return {f"{start} {end}": int(calls) for start, end, calls, *_ in words if calls.isdigit()}

    def counter(self, name):
        """Of software none is counted."""
        return int(dict(line.split() for line in self.lines("counters")).get(name, 0))

    def messages(self):
        """Those of the host to the PF: each open, reset and close of the device needs some."""
        return self.counter("mailbox_messages")

    def last_error(self):
        return self.lines("last_error")[0]

    def put(self, name, text):
        with open(f"{in_sysfs(self.vf)}/migration_format/{name}", "w", encoding="ascii") as file:
            file.write(text)


class Watch:
    """A guest that is to stay where it is, whatever becomes of a migration."""

    def __init__(self, stage):
        self.stage = stage
        self.guest = stage.guest
        self.vmm = self.guest.vmm
        self.driver = Driver(self.vmm.vf)
        self.arcs = self.driver.arcs()
        self.messages = self.driver.messages()
        self.carrier_changes = self.guest.carrier_changes()
        # Events from before are not of interest to anybody.
        self.vmm.qmp.events.clear()
        self.uptime = self.guest.uptime()
        self.begin = time.monotonic()

    def steps(self):
        """Those that the device has taken since."""
        return {name: calls - self.arcs.get(name, 0) for name, calls in self.driver.arcs().items()
                if calls != self.arcs.get(name, 0)}

    def stopped(self):
        """How often the guest was stopped since."""
        self.vmm.running()
        return sum(event["event"] == "STOP" for event in self.vmm.qmp.events)

    def check_pings(self, count=3):
        for number in range(count):
            check(self.stage.pf.ping() is not None, f"ping {number} is not answered")

    def check_never_stopped(self):
        """It ran all the time, by its own clock too."""
        check(self.stopped() == 0, "the guest was stopped")
        real = time.monotonic() - self.begin
        own = self.guest.uptime() - self.uptime
        check(own > real - 0.1, f"{own:.2f} s of the guest's time have passed in {real:.2f} s")

    def check_goes_on(self, steps):
        """At the source, with the device as it was, which has taken these steps and no other."""
        check(self.guest.vmm is self.vmm, "the guest has moved")
        end = time.monotonic() + SECONDS
        while not (self.vmm.running() and self.steps() == dict.fromkeys(steps, 1)):
            check(time.monotonic() < end, f"running: {self.vmm.running()}, steps: {self.steps()}")
            time.sleep(0.05)
        # The driver has sent none: nobody has reset the device.
        check(self.driver.messages() == self.messages, "the device was reset")
        # At the destination it may have run for a moment, and been heard.
        self.stage.heard_elsewhere()
        check(self.stage.pf.ping_until(), "the guest does not answer")
        self.check_pings()
        check(self.guest.carrier_changes() == self.carrier_changes, "the carrier has changed")
        check(self.guest.values("stats", NETDEV)["tx_timeout_count"] == 0, "transmission timed out")
