# SPDX-License-Identifier: GPL-2.0
"""Live migration of the nested guest from one VMM of the test host to another."""

import time

from guest import Vmm

# The destination says when it has what it needs before the source stops: of our
# driver, the descriptor that the destination's driver has to agree to.
CAPABILITIES = ("return-path", "switchover-ack")

# What the device writes is not known in advance here: all memory counts as dirty at
# the end. So the time that the guest is stopped is that of copying it.
DOWNTIME_MS = 100000
BANDWIDTH = 1 << 40

ENDED = ("completed", "failed", "cancelled")


class MigrationError(Exception):
    """It did not end as it was to."""


class Migration:
    """One migration, under way from the moment it is made."""

    def __init__(self, guest, capabilities=(), bandwidth=BANDWIDTH, **parameters):
        self.guest = guest
        self.source = guest.vmm
        self.destination = Vmm(guest.next_vf(), incoming=True)
        self.info = None
        try:
            self.start(capabilities, bandwidth, parameters)
        except BaseException:
            self.destination.kill()
            raise

    def start(self, capabilities, bandwidth, parameters):
        """Sets both ends up, and sends the source on its way."""
        on = [{"capability": name, "state": True} for name in (*CAPABILITIES, *capabilities)]
        uri = f"unix:{self.destination.path}.migration"
        for vmm in (self.destination, self.source):
            # The source may have been a destination, with others.
            now = vmm.qmp.execute("query-migrate-capabilities")
            off = [{"capability": c["capability"], "state": False} for c in now
                   if c["state"] and c["capability"] == "pause-before-switchover"]
            vmm.qmp.execute("migrate-set-capabilities", capabilities=off + on)
        self.source.qmp.execute("migrate-set-parameters", downtime_limit=DOWNTIME_MS,
                                max_bandwidth=bandwidth, **parameters)
        self.destination.qmp.execute("migrate-incoming", uri=uri)
        self.begin = time.monotonic()
        self.source.qmp.execute("migrate", uri=uri)

    def query(self):
        return self.source.qmp.execute("query-migrate")

    def wait(self, *wanted, timeout=120):
        """Until the source says one of these states; what it says of itself then."""
        end = time.monotonic() + timeout
        while True:
            info = self.query()
            status = info.get("status")
            if status in wanted:
                return info
            if status in ENDED or time.monotonic() > end:
                raise MigrationError(f"{status}, not {' or '.join(wanted)}: {info.get('error-desc', '')} "
                                     f"source: {self.source.log()} destination: {self.destination.log()}")
            time.sleep(0.02)

    def complete(self):
        """To the end; from then on the guest is at the destination."""
        self.info = self.wait("completed")
        # Both have to say so: the source has sent all before the destination runs.
        self.resumed = self.destination.qmp.wait_event("RESUME")["seen"]
        self.guest.vmm = self.destination
        self.source.quit()
        return self

    def cancel(self):
        """The guest goes on where it was, the destination has nothing to do any more."""
        self.source.qmp.execute("migrate_cancel")
        self.wait("cancelled")
        # It ends by itself: what it was to load is not complete.
        self.destination.wait()
        if not self.source.qmp.execute("query-status")["running"]:
            raise MigrationError("the guest does not run after a cancel")

    def abandon(self):
        """For an end of any other kind: no process may stay behind."""
        if self.guest.vmm is not self.destination:
            self.destination.kill()
