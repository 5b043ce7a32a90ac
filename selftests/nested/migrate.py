# SPDX-License-Identifier: GPL-2.0
"""Live migration of the nested guest from one VMM of the test host to another."""

import re
import time

from pace import allow

# The destination says when it has what it needs before the source stops: of our
# driver, the descriptor that the destination's driver has to agree to.
CAPABILITIES = ("return-path", "switchover-ack")

# All that a migration here may use: what one does not, is off.
KNOWN = ("return-path", "switchover-ack", "multifd", "pause-before-switchover")

BANDWIDTH = 1 << 40

ENDED = ("completed", "failed", "cancelled")

# What QEMU calls it that it finds a channel closed.
CLOSED = re.compile("Channel error|Unable to write to socket: Broken pipe")


def downtime_ms(vmm):
    """If it is, little is left to copy when the guest stops. If not, all memory counts as dirty for
    ever, and the time it takes to copy it is not to keep the guest from stopping."""
    return 300 if vmm.tracked else 100000


class MigrationError(Exception):
    """It did not end as it was to."""


class Migration:
    """One migration, under way from the moment it is made.

    channels: of multifd, 0 for one stream. bandwidth: bytes per second, few of them keep it in
    the copy of memory until set() says otherwise. relay: what sits between the two VMMs, see
    relay.py. vf: where to, if not to the next one, and host, if not this one. machine: what is
    other at the destination.
    """

    def __init__(self, guest, capabilities=(), channels=0, bandwidth=BANDWIDTH, downtime=None,
                 relay=None, vf=None, host=None, **machine):
        self.guest = guest
        self.source = guest.vmm
        self.host = host or guest.host
        self.destination = self.host.vmm(
            vf or guest.next_vf(), self.source.machine.but(**machine).fields(), incoming=True)
        self.info = None
        # The event at the destination, and when it was seen here.
        self.resume = None
        self.resumed = None
        try:
            on = {*CAPABILITIES, *capabilities, *(["multifd"] if channels else [])}
            for vmm in (self.destination, self.source):
                vmm.qmp.execute("migrate-set-capabilities", capabilities=[
                    {"capability": name, "state": name in on} for name in KNOWN])
                if channels:
                    vmm.qmp.execute("migrate-set-parameters", multifd_channels=channels)
            self.set(max_bandwidth=bandwidth, downtime_limit=downtime or downtime_ms(self.source))
            self.start(relay)
        except BaseException:
            self.destination.kill()
            raise

    def start(self, relay):
        own, uri = self.host.ways(self.destination, self.guest.host)
        self.destination.qmp.execute("migrate-incoming", uri=own)
        if relay:
            uri = relay.between(uri)
        self.begin = time.monotonic()
        self.source.qmp.execute("migrate", uri=uri)

    def set(self, **parameters):
        """Parameters that may change on the way."""
        self.source.qmp.execute("migrate-set-parameters", **parameters)

    def let_go(self):
        """What has held it holds it no longer."""
        self.set(max_bandwidth=BANDWIDTH, downtime_limit=downtime_ms(self.source),
                 avail_switchover_bandwidth=0)

    def query(self):
        return self.source.qmp.execute("query-migrate")

    def wait(self, *wanted, timeout=120):
        """Until the source says one of these states; what it says of itself then."""
        end = time.monotonic() + allow(timeout)
        while True:
            info = self.query()
            status = info.get("status")
            if status in wanted:
                return info
            if status in ENDED or time.monotonic() > end:
                raise MigrationError(f"{status}, not {' or '.join(wanted)}: {info.get('error-desc', '')} "
                                     f"source: {self.source.log()} destination: {self.destination.log()}")
            time.sleep(0.02)

    def complete(self, keep=False):
        """To the end; from then on the guest is at the destination.

        keep: the source's VMM stays, with the guest as it was stopped, for who asked for it to end.
        """
        self.info = self.wait("completed")
        # Both have to say so: the source has sent all before the destination runs.
        if not self.destination.machine.paused:
            self.resume = self.destination.qmp.wait_event("RESUME")
            self.resumed = self.resume["seen"]
        self.guest.vmm, self.guest.host = self.destination, self.host
        if not keep:
            self.source.quit()
        return self

    def cancel(self):
        """The guest goes on where it was, the destination has nothing to do any more."""
        self.source.qmp.execute("migrate_cancel")
        # QEMU 10.0 closes the channel before it notes that it was told to (migrate_fd_cancel()).
        # Who reads from it or writes to it may be faster, and then it is an error of the channel.
        info = self.wait("cancelled", "failed")
        if info["status"] == "failed" and not CLOSED.search(info.get("error-desc", "")):
            raise MigrationError(f"failed, not cancelled: {info.get('error-desc', '')}")
        # It ends by itself: what it was to load is not complete.
        self.destination.wait()
        if not self.source.running():
            raise MigrationError("the guest does not run after a cancel")

    def abandon(self):
        """For an end of any other kind: no process may stay behind."""
        if self.guest.vmm is not self.destination:
            self.destination.kill()
