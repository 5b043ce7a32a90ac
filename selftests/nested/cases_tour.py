# SPDX-License-Identifier: GPL-2.0
"""Every way between the ends of two hosts, decided as the registry says.

An end is a host, a VF or software, a back end of VFIO and a release of QEMU. One guest under traffic
goes from end to end until it has gone every way from either host to the other; what the registry
says of a way is asked first, by two keys, and that is what has to happen.
"""

import base64
import dataclasses
import re
import string

import emulator
from host import HERE
from migrate import Migration, MigrationError
from qmp import QmpError
from stage import check
from streams import Streams
from vmm import Machine

SECONDS = 9000
ERRNO = re.compile(r"\bE[A-Z]+\b")


@dataclasses.dataclass(frozen=True)
class End:
    """Where a guest can be."""

    host: int
    kind: str
    backend: str
    newer: bool

    def machine(self):
        return {"backend": self.backend, "newer": self.newer}


def ends_of(host):
    kinds = (["hw"] if host.vfs else []) + (["sw"] if host.software else [])
    return [End(host.number, kind, backend, newer) for kind in kinds for backend in host.backends
            for newer in ((False, True) if host.newer else (False,))]


class Tour:
    """The ways, and what has become of those that were gone."""

    def __init__(self, stage, there):
        self.stage = stage
        self.hosts = {host.number: host for host in (HERE, there)}
        self.ends = [end for host in self.hosts.values() for end in ends_of(host)]
        self.names = {end: self.name(end) for end in self.ends}
        self.letters = dict(zip(self.ends, string.ascii_lowercase))
        # What the registry says of a way, and then what happened.
        self.said = {}
        self.cells = {}
        self.failed = []
        self.at = None
        self.streams = None

    def name(self, end):
        kind = "VF" if end.kind == "hw" else "software"
        return f"{kind}, {end.backend}, QEMU {self.hosts[end.host].release(end.newer)}"

    def way(self, start, end):
        return f"{self.letters[start]} ({self.names[start]}) to {self.letters[end]} ({self.names[end]})"

    def function(self, end):
        host = self.hosts[end.host]
        return host.vfs[0] if end.kind == "hw" else host.software[0]

    def ask(self):
        """Of all ways, before the guest has gone any."""
        keys = {(end.host, end.kind): self.hosts[end.host].key(self.function(end)) for end in self.ends}
        for start in self.ends:
            for end in self.ends:
                if start.host != end.host:
                    status, text = HERE.vmfctl("check", keys[start.host, start.kind], "--against",
                                               keys[end.host, end.kind])
                    self.said[start, end] = None if status == 0 else text.splitlines()[-1]

    def next(self):
        """The end to go to: the way there was not gone, or leads to where there is such a way."""
        left = {}
        for start, end in self.said:
            if (start, end) not in self.cells:
                left.setdefault(start, []).append(end)
        if not left:
            return None
        if self.at in left:
            # Refusals first: the guest is here still, after that.
            return max(left[self.at], key=lambda end: (bool(self.said[self.at, end]), len(left.get(end, ()))))
        for ends in ([self.at], [end for start, end in self.said if start == self.at]):
            for end in ends:
                if end in left and not self.said[self.at, end]:
                    return end
        # Any that is open leads on.
        return next((end for start, end in self.said if start == self.at and not self.said[start, end]), None)

    def begin(self, end):
        """A guest with traffic, at this end."""
        self.stage.machine = Machine(**end.machine())
        self.stage.set_up(vf=self.function(end))
        self.at = end
        self.streams = Streams(self.stage)
        self.streams.start()

    def go(self, end):
        """One migration, and what has become of it in a word or two."""
        said = self.said[self.at, end]
        migration = Migration(self.stage.guest, vf=self.function(end), host=self.hosts[end.host],
                              **end.machine())
        try:
            migration.complete()
        except (MigrationError, QmpError, OSError) as error:
            migration.abandon()
            check(said, f"{self.way(self.at, end)} was to work: {error}")
            reason = self.hosts[end.host].last_error(self.function(end))
            check(ERRNO.search(said).group() in reason, f"for {said} was said {reason}")
            check(self.stage.guest.vmm.running(), "the guest does not run after a refusal")
            self.streams.flows()
            return "refused"
        check(not said, f"{self.way(self.at, end)} was to be refused: {said}")
        self.at = end
        self.streams.flows()
        self.stage.check_guest()
        return f"{migration.info['downtime']} ms"

    def run(self):
        self.ask()
        self.begin(self.ends[0])
        again = set()
        while (end := self.next()):
            way = self.at, end
            try:
                word = self.go(end)
                self.cells.setdefault(way, word)
                print(f"# {len(self.cells)} of {len(self.said)}: {self.way(*way)}: {word}")
            except Exception as error:  # pylint: disable=broad-except
                print(f"# {self.way(*way)}: {error}")
                self.stage.explain()
                if way in again or not emulator.has_failed(self.stage.current.vmm):
                    self.cells[way] = "FAILED"
                    self.failed.append(way)
                again.add(way)
                self.drop()
                self.begin(self.ends[0])
        self.streams.stop()
        for line in self.streams.figures():
            print("# " + line)
        self.streams.check()

    def drop(self):
        if self.streams:
            self.streams.close()
        self.stage.drop_guest()

    def grid(self, host, other):
        """The ways from one host to the other: a line for each start, a column for each end."""
        starts, to = ([end for end in self.ends if end.host == number] for number in (host, other))
        lines = ["    " + "".join(f"{self.letters[end]:>10}" for end in to)]
        for start in starts:
            words = (self.cells.get((start, end), "-") for end in to)
            lines.append(f"  {self.letters[start]} " + "".join(f"{word:>10}" for word in words))
        return lines

    def report(self):
        lines = []
        for number, host in self.hosts.items():
            lines += ["", f"Host {number}: Linux {host.kernel}" + ("" if host.vfs else ", no NIC with functions, "
                                                                  "no IOMMU")]
            lines += [f"  {self.letters[end]}  {self.names[end]}" for end in self.ends if end.host == number]
        for host, other in ((1, 2), (2, 1)):
            lines += ["", f"From host {host}, and for how long the guest was stopped:", *self.grid(host, other)]
        return lines[1:]


def the_tour(stage):
    """All ways, each as the registry has said."""
    stage.drop_guest()
    tour = Tour(stage, stage.there())
    try:
        tour.run()
    finally:
        tour.drop()
    text = "\n".join(tour.report()) + "\n"
    for line in text.splitlines():
        print(f"# {line}")
    print(f"@vmf file hosts.txt {base64.b64encode(text.encode()).decode()}")
    check(not tour.failed, f"{len(tour.failed)} of {len(tour.cells)} ways failed")
    check(len(tour.cells) == len(tour.said), "not all ways were gone")


the_tour.seconds = SECONDS


TESTS = (the_tour,)
