# SPDX-License-Identifier: GPL-2.0
"""The memory of the guest at the destination is that at the source, to the byte.

A page that the device writes to while memory is being copied, and that nobody reports, keeps
what it had: the guest would run on with it, and no ping would tell.
"""

import os
import random
import socket
import time
import zlib

from guest import NETDEV
from migrate import Migration
from provider import TRACKED
from pf import GUEST
from ram import Difference, differing_pages
from rounds import Rounds
from stage import MAC, check, needs
from vmm import Machine
from watch import Driver

PORT = 8282
FRAMES, TRANSMITTED = 1, 2

# The copy of memory is held by few bytes a second, so that the first time takes some seconds, and
# by what the VMM is told of the link: a byte could be sent while the guest is stopped, and the
# device alone has more.
HOLD = {"max_bandwidth": 20 << 20, "downtime_limit": 1, "avail_switchover_bandwidth": 1000}
# Then what is dirty is little, if it is known; the VMM is not to do nothing else than to ask.
SLOW = {"max_bandwidth": 1 << 20}
# How often the VMM has asked what is dirty when it is let go. If that is always all, it takes longer.
ROUNDS = {True: 5, False: 3}
# And how many bursts there are after each page was copied once.
BURSTS = 8
ALL_PAGES = 256 << 20 >> 12
# In a round the device can write to some hundred: what igbvf gives it, and the rings.
FEW_PAGES = ALL_PAGES // 16
# Of what is sent after the hold: some bursts, and not all that is not zero.
LITTLE = 32 << 20

# What igbvf can have at least, and what it has.
SMALLEST = 64
USUAL = 256
# In buffers of half a page, for headers and the rest.
JUMBO = 3000
HEADERS = 28


class Traffic:
    """Numbered frames both ways, and datagrams of random bytes that the guest keeps.

    The guest keeps up: a burst is less than the smallest ring holds, and it has all of it
    before the next one.
    """

    def __init__(self, stage):
        self.stage = stage
        self.guest = stage.guest
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.random = random.Random(int.from_bytes(os.urandom(4), "little"))
        self.largest = 1472
        self.bursts = self.datagrams = self.bytes = self.transmitted = 0
        self.sum = 1
        self.guest.run("listen", NETDEV)
        self.guest.run("hold", PORT)

    def receive(self):
        """To the guest, which may take its time."""
        for _ in range(32):
            data = self.random.randbytes(self.random.randint(18, self.largest))
            self.socket.sendto(data, (GUEST, PORT))
            self.datagrams += 1
            self.bytes += len(data)
            self.sum = zlib.adler32(data, self.sum)
        self.stage.to_guest(FRAMES, MAC, 16)

    def transmit(self, count=10):
        pf, first = self.stage.pf, self.transmitted
        to = ":".join(f"{byte:02x}" for byte in pf.mac)
        self.guest.run("send", NETDEV, TRANSMITTED, to, MAC, count)
        self.transmitted += count
        seen = pf.receive(TRANSMITTED, first, count)
        check(seen == list(range(first, first + count)), f"frames from {first} of the guest: {seen}")

    def burst(self):
        self.receive()
        self.transmit()
        self.stage.check_arrived(NETDEV, FRAMES)
        self.bursts += 1

    def end(self):
        """All that was sent is there, once, as it was."""
        self.stage.check_arrived(NETDEV, FRAMES)
        held = self.guest.values("held")
        wanted = {"datagrams": self.datagrams, "bytes": self.bytes, "sum": self.sum}
        check(held == wanted, f"{wanted} sent, {held} are in the guest")
        self.guest.run("listen_end")
        self.stage.sent.clear()

    def close(self):
        self.socket.close()


def hold_and_compare(stage, channels, steps=(), vf=None):
    """Traffic while memory is copied; then both VMMs are stopped, and have to have the same.

    steps: what the guest does on the way, a step between two bursts. Each moves its transmit rings,
    after which all memory counts as written, in two reports. vf: where to, if not to the next one.
    """
    guest, source = stage.guest, stage.guest.vmm
    tracked = source.tracked
    traffic, rounds, all_before = Traffic(stage), Rounds(source), logs_of_all(source)
    migration = Migration(guest, channels=channels, bandwidth=HOLD["max_bandwidth"], downtime=1, vf=vf,
                          paused=True)
    try:
        migration.set(**HOLD)
        begin, left, late, count, copied = time.monotonic(), list(steps), 0, 0, 1
        while left or late < BURSTS or count < ROUNDS[tracked]:
            held = migration.wait("setup", "active").get("ram", {})
            count = held.get("dirty-sync-count", 0)
            if count > copied and not left:
                late += 1
                if tracked:
                    migration.set(**SLOW)
            traffic.burst()
            if left and count:
                left.pop(0)(stage, traffic)
                # The reports of everything, and the copy of what they say.
                copied = count + 3 if tracked else 1
        took = time.monotonic() - begin
        # The last ones are under way when the guest stops.
        traffic.receive()
        migration.let_go()
        migration.complete(keep=True)
        after = migration.info["ram"]["transferred"] - held["transferred"]
        print(f"# {traffic.bursts} bursts in {took:.1f} s and {held['transferred'] >> 20} MiB, "
              f"then {after >> 20} MiB; stopped for {migration.info['downtime']} ms")
        try:
            compare(source, migration.destination)
            check_rounds(rounds, 2 * len(steps), tracked)
            check(steps or logs_of_all(source) == all_before, "a log of the driver was of all memory")
            check((after < LITTLE) == tracked, f"{after} bytes were left to send")
        finally:
            # It has to run to be asked, if something is wrong.
            source.quit()
            guest.vmm.qmp.execute("cont")
            guest.vmm.machine = guest.vmm.machine.but(paused=False)
            stage.moved()
    finally:
        if guest.vmm is not source and source.process.poll() is None:
            source.kill()
        migration.abandon()
        traffic.close()
    check(stage.pf.ping(30) is not None, "the guest does not answer after the migration")
    traffic.end()


def logs_of_all(vmm):
    """How often the driver did not know what was written."""
    return Driver(vmm.vf).counter("logs_of_all")


def check_rounds(rounds, whole, tracked):
    """Was it known what to copy, or was it all?

    whole: how often it may have been all although it is known. tracked: is it?
    """
    seen = rounds.all()
    texts = [str(this) for this in seen]
    if len(texts) > 20:
        texts[10:-10] = [f"... {len(texts) - 20} more ..."]
    print("# of each round, pages written by the device, as VFIO says/to be copied that were not before: "
          + " ".join(texts))
    check(len(seen) > ROUNDS[tracked], f"{len(seen)} rounds")
    check(rounds.logged() == TRACKED, f"asked to log: {rounds.logged()}")
    device = [this.device for this in seen]
    if tracked:
        check(sum(device) > 0, "the driver has not reported anything")
        many = [pages for pages in device if pages >= FEW_PAGES]
        check(len(many) <= whole, f"many pages reported, more than {whole} times: {many}")
    else:
        check(min(device) >= ALL_PAGES, f"{min(device)} pages are dirty, and not all")


def compare(source, destination):
    """Nobody writes to either memory any more."""
    for vmm in (source, destination):
        check(not vmm.running(), f"the guest of {vmm.vf} runs")
    check(destination.qmp.execute("query-migrate")["status"] == "completed", "not all has arrived")
    begin = time.monotonic()
    files = [f"{vmm.path}.ram" for vmm in (source, destination)]
    differences = [Difference(*files, page) for page in differing_pages(*files)]
    clocks = [this for this in differences if this.is_wall_clock()]
    bad = [this for this in differences if this not in clocks]
    for this in bad[:10]:
        print(f"# {this}")
    took = time.monotonic() - begin
    print(f"# {len(bad)} pages differ, and {len(clocks)} with a clock; compared in {took:.1f} s")
    check(not bad, f"{len(bad)} pages are not the same at the destination")
    # A VMM has one virtual CPU here.
    check(len(clocks) <= 1, f"{len(clocks)} pages with a clock")


def set_up_anew(*words):
    """A step: igbvf switches its queues off, and sets them up as they are to be now."""
    def step(stage, traffic):
        guest = stage.guest
        if words[0] == "mtu":
            # No longer ones while they are not welcome.
            traffic.largest = words[1] - HEADERS
        for command in ("down", "up") if words[0] == "down_up" else words[:1]:
            guest.run(command, NETDEV, *words[1:], timeout=30)
        guest.wait_carrier()
        check(stage.pf.ping_until(), f"the guest does not answer after {words}")
        # That the link is down for a moment, it may say.
        bad = [line for line in guest.bad_lines() if "Link is Down" not in line]
        check(not bad, f"the guest's kernel says after {words}: {bad}")
    return step


def T18_memory_is_the_same(stage, channels):
    """Through one channel with the receive ring that igbvf has; and through several with the
    smallest, that the device goes round all the time."""
    set_up_anew("ring", SMALLEST if channels else USUAL, USUAL)(stage, None)
    hold_and_compare(stage, channels)


def T19_rings_made_anew_while_copying(stage, channels):
    """Buffers and rings are others all the time: what is known of the former ones must not get lost."""
    hold_and_compare(stage, channels, [
        set_up_anew("ring", SMALLEST, SMALLEST),
        set_up_anew("mtu", JUMBO),
        set_up_anew("down_up"),
        set_up_anew("ring", USUAL, USUAL),
        set_up_anew("mtu", 1500),
        set_up_anew("down_up"),
    ])


def variant(test, backend, channels):
    """A test with one kind of machine and migration."""
    # Rings that move cost some copies of all memory.
    @needs(Machine(memory_file=True, backend=backend), seconds=300)
    def run(stage):
        test(stage, channels)
    run.__name__ = f"{test.__name__}_{backend}_{channels or 1}"
    run.__doc__ = test.__doc__
    return run


# Without IOMMUFD in the kernel, there is no log either: type1 says that all is dirty.
TESTS = tuple(
    variant(test, backend, channels)
    for backend in (("type1", "iommufd") if TRACKED else ("type1",))
    for channels in (0, 4)
    for test in (T18_memory_is_the_same, T19_rings_made_anew_while_copying)
)
