# SPDX-License-Identifier: GPL-2.0
"""What happened when: states of a device as its VMM says, and packets as the peer has seen them."""

import bisect
import math
import time


class DeviceStates:
    """Of one VMM with one device, in one migration; times are those of time.monotonic()."""

    def __init__(self, vmm, start):
        self.qmp = vmm.qmp
        self.vf = vmm.vf
        self.start = start
        # It may be in another one later on.
        self.end = math.inf
        # QEMU's times are those of the wall clock.
        self.offset = time.time() - time.monotonic()

    @property
    def changes(self):
        """(time, state) from the beginning on."""
        changes = [(self.start, "running")]
        for event in self.qmp.events:
            if event["event"] == "VFIO_MIGRATION":
                stamp = event["timestamp"]
                when = stamp["seconds"] + stamp["microseconds"] / 1e6 - self.offset
                if self.start < when < self.end:
                    changes.append((when, event["data"]["device-state"]))
        return changes

    def now(self):
        return self.changes[-1][1]

    def first(self, *names):
        """When was it in one of these states for the first time?"""
        return next(when for when, state in self.changes if state in names)

    def last(self, name):
        return [when for when, state in self.changes if state == name][-1]

    def spent(self, end):
        """Seconds in each state but RUNNING."""
        total = {}
        changes = self.changes
        for (when, state), (until, _) in zip(changes, [*changes[1:], (end, None)]):
            # After the migration the source is of no interest.
            until = min(until, end)
            if state != "running" and until > when:
                total[state] = total.get(state, 0) + until - when
        return list(total.items())


class Packets:
    """The events of a peer, which are those of the test host's end of the wire."""

    def __init__(self, path):
        self.kinds = {}
        with open(path, encoding="ascii") as lines:
            for line in lines:
                when, kind, number = line.split()
                self.kinds.setdefault(kind, []).append((int(when) / 1e9, int(number)))

    def points(self, kind):
        return self.kinds.get(kind, [])

    def times(self, kind):
        return [when for when, _ in self.points(kind)]

    def silence(self, kind, middle):
        """The time without one of them, around a moment."""
        times = self.times(kind)
        after = bisect.bisect(times, middle)
        if after in (0, len(times)):
            raise ValueError(f"no {kind} on both sides of the moment")
        return times[after] - times[after - 1]

    def answered_and_lost(self, sent, answered):
        """The times of those sent that were answered, and of those that were not."""
        numbers = {number for _, number in self.points(answered)}
        both = ([], [])
        for when, number in self.points(sent):
            both[number not in numbers].append(when)
        return both
