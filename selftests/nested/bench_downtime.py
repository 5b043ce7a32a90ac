# SPDX-License-Identifier: GPL-2.0
"""How long a guest is away for the network when it is migrated, in three ways.

ours: its VF is migrated by our driver. virtio: it has an emulated NIC. replug: its VF, which
has the plain driver, is pulled out before the migration and another one plugged in after it.

The same means sees all three: the test host's pings, and the datagrams that the guest sends
to it. The longest time without any of them, from the first thing that is done for a migration
until all arrives again, is the downtime.
"""

import statistics
import time

from bench_table import row
from guest import NETDEV
from hardware import NO_MAC
from host import HERE
from migrate import Migration
from pace import allow
from pf import GUEST, HOST, MASK
from stage import MAC, check
from streams import TCP_PORT, UDP_PORT, Peer
from switch import Switch, Tap, still_neighbour
from vmm import DIRECTORY, AgentError, Machine

EVENTS = f"{DIRECTORY}/bench.events"
PING_MS = 20
UDP_US = 20000
# How many are used.
VFS = 2
# What stands for them if the NIC is emulated.
TAPS = ("tap1", "tap2")
COUNT = 5

# What is left to send when the guest is stopped, if the VMM can tell what has changed.
LIMIT_MS = 300

# Events have the time of day, all else is by the clock that never goes back.
CLOCKS = time.time() - time.monotonic()

# What a migration does to the network while the guest still runs or runs again is downtime, too.
KINDS = {"ping": "ping-answered", "udp": "udp-received"}


class Watch:
    """The traffic that shows when the guest is away."""

    def __init__(self, stage):
        self.stage = stage
        self.peer = None

    def __enter__(self):
        still_neighbour()
        words = (UDP_PORT, TCP_PORT, UDP_US, 0)
        self.stage.guest.run("offload", NETDEV, "sg", 0)
        self.stage.guest.run("streams_start", HOST, *words)
        self.peer = Peer("--ping-ms", PING_MS, "--events", EVENTS, GUEST, *words)
        self.settle(2)
        return self

    def __exit__(self, *_):
        self.peer.close()

    def settle(self, seconds=1.0, timeout=60):
        """Until all has arrived again, and goes on to do so."""
        first = self.peer.ask("report")
        end = time.monotonic() + allow(timeout)
        while True:
            now = self.peer.ask("report")
            if all(now[name] > first[name] + 2 for name in ("ping_answered", "udp_received")):
                break
            check(time.monotonic() < end, f"nothing has come in {timeout} s: {first} {now}")
            time.sleep(0.05)
        time.sleep(seconds)

    def end(self):
        """When each thing has arrived, in seconds."""
        self.settle()
        self.peer.ask("end", 90)
        self.stage.guest.run("streams_end")
        times = {kind: [] for kind in KINDS.values()}
        with open(EVENTS, encoding="ascii") as events:
            for line in events:
                when, kind, _ = line.split()
                if kind in times:
                    times[kind].append(int(when) / 1e9)
        return times


def silence(times, begin, end):
    """The longest of those that are at least partly between these two: its beginning and end."""
    gaps = [(a, b) for a, b in zip(times, times[1:]) if b > begin and a < end]
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=(begin, begin))


def ms(seconds):
    return round(seconds * 1000, 1)


def length_ms(gap):
    return ms(gap[1] - gap[0])


def arcs(vf):
    """What each step of the state machine has cost so far, in nanoseconds."""
    costs = {}
    try:
        with open(f"/sys/kernel/debug/igbvf_vfio_pci/{vf}/arcs", encoding="ascii") as lines:
            for line in lines:
                words = line.split()
                if len(words) == 7 and words[2].isdigit():
                    costs[f"{words[0]} {words[1]}"] = int(words[6])
    except OSError:
        pass
    return costs


# Steps at the source that the guest does not wait for, and those at the destination.
BEFORE = {"source": ("RUNNING PRE_COPY", "PRE_COPY RUNNING", "STOP RUNNING_P2P", "RUNNING_P2P RUNNING"),
          "destination": ("RUNNING RUNNING_P2P", "RUNNING_P2P STOP", "STOP RESUMING")}


def spent(before, after, end):
    """Milliseconds of the device's own work that the guest waits for, step by step."""
    return {arc: round((ns - before.get(arc, 0)) / 1e6, 3) for arc, ns in after.items()
            if ns > before.get(arc, 0) and arc not in BEFORE[end]}


def all_said(migration):
    """What both VMMs have said and when, by the clock of the events."""
    # What they have said meanwhile comes with an answer.
    migration.destination.running()
    said = []
    for name, events in (("source", migration.source.qmp.events),
                         ("destination", [*migration.destination.qmp.events, migration.resume])):
        for event in events:
            what = event["event"]
            if what == "VFIO_MIGRATION":
                what = event["data"]["device-state"]
            elif what not in ("STOP", "RESUME"):
                continue
            at = event["timestamp"]
            said.append((at["seconds"] + at["microseconds"] / 1e6 - CLOCKS, f"{name} {what}"))
    return sorted(said)


class Round:
    """One migration, from the first thing that is done for it."""

    def __init__(self):
        self.begin = time.monotonic()
        self.end = None
        self.said = []
        self.figures = {}

    def done(self, watch, migration, phases=lambda migration: ()):
        """phases: what tells them, if there is one clock to tell them by."""
        watch.settle(0)
        self.end = time.monotonic()
        info = migration.info
        self.said = [one for one in phases(migration) if one[0] > self.begin]
        self.figures.update(qemu_ms=info["downtime"], total_ms=info["total-time"],
                            sent=info["ram"]["transferred"])
        watch.settle(1)

    def see(self, times):
        gaps = {}
        for name, kind in KINDS.items():
            gaps[name] = silence(times[kind], self.begin, self.end)
            self.figures[f"{name}_ms"] = length_ms(gaps[name])
        stop = next((when for when, what in self.said if what == "source STOP"), None)
        if stop is None:
            return
        said = list(self.said)
        for name, gap in gaps.items():
            said += [(gap[0], f"last {name}"), (gap[1], f"next {name}")]
        self.figures["phases"] = [(what, ms(when - stop)) for when, what in sorted(said)]


def migrate_ours(stage, watch):
    guest = stage.guest
    source, destination = guest.vmm.vf, guest.next_vf()
    before = {vf: arcs(vf) for vf in (source, destination)}
    one = Round()
    migration = stage.migrate(up=False)
    # The VMM that waits for the guest was started before, as on another host.
    one.begin = migration.begin
    one.done(watch, migration, all_said)
    one.figures["save"] = spent(before[source], arcs(source), "source")
    one.figures["load"] = spent(before[destination], arcs(destination), "destination")
    return one


def migrate_virtio(stage, watch):
    one = Round()
    migration = stage.migrate(up=False, downtime=LIMIT_MS)
    one.begin = migration.begin
    one.done(watch, migration, all_said)
    return one


def unplug(stage):
    """Until the guest has let it go."""
    vmm = stage.guest.vmm
    vmm.qmp.execute("device_del", id="nic")
    while vmm.qmp.wait_event("DEVICE_DELETED")["data"].get("device") != "nic":
        pass
    # What libvirt does: a VF that nobody has does not keep its last owner's address.
    stage.guest.host.hardware.set_mac(vmm.vf, NO_MAC)


def plug(stage, nic):
    """Until the guest has set it up: its address is given to it as soon as it is there. Returns
    how long it took to plug it in, to find it in the guest, and to set it up."""
    times = [time.monotonic()]
    guest = stage.guest
    vmm = guest.vmm
    guest.host.hardware.set_mac(vmm.vf, MAC)
    vmm.machine = vmm.machine.but(nic=nic)
    for line in vmm.monitor("device_add " + vmm.machine.nic_options(vmm.vf)).splitlines():
        # Without DMA logging it says so each time.
        check(line.startswith("warning:") or not line.strip(), f"device_add: {line}")
    times.append(time.monotonic())
    end = time.monotonic() + 60
    while True:
        try:
            guest.run("address", NETDEV, GUEST, MASK)
            break
        except AgentError:
            check(time.monotonic() < end, "the guest has not found its new NIC")
            time.sleep(0.01)
    times.append(time.monotonic())
    guest.run("up", NETDEV, timeout=20)
    times.append(time.monotonic())
    return [ms(b - a) for a, b in zip(times, times[1:])]


class Replug(Migration):
    """The VF goes when all else is ready."""

    def __init__(self, stage, **where):
        self.stage = stage
        self.unplugged = None
        source = stage.guest.vmm
        source.machine = source.machine.but(nic="none")
        self.begun = None
        super().__init__(stage.guest, downtime=LIMIT_MS, **where)

    def start(self, relay):
        self.begun = time.monotonic()
        unplug(self.stage)
        self.unplugged = time.monotonic()
        super().start(relay)


def migrate_replug(stage, watch, **where):
    one = Round()
    migration = Replug(stage, **where)
    one.begin = migration.begun
    try:
        migration.complete()
    except BaseException:
        migration.abandon()
        raise
    completed = time.monotonic()
    add, found, up = plug(stage, "plain")
    one.done(watch, migration)
    one.figures.update(unplug_ms=ms(migration.unplugged - migration.begun),
                       migrate_ms=ms(completed - migration.unplugged),
                       plug_ms=add, found_ms=found, up_ms=up)
    stage.guest.run("offload", NETDEV, "sg", 0)
    return one


def change_driver(stage, ends, driver, nic):
    """The guest has the same VF again, by another driver of the test hosts."""
    unplug(stage)
    for host, vf in ends:
        host.hardware.bind(vf, driver)
    plug(stage, nic)


def measure(stage, how, count):
    with Watch(stage) as watch:
        rounds = []
        for number in range(1, count + 1):
            begin = time.monotonic()
            rounds.append(how(stage, watch))
            print(f"# {how.__name__} {number} of {count}: {time.monotonic() - begin:.1f} s")
        times = watch.end()
    for one in rounds:
        one.see(times)
    # The same measure while nothing is migrated.
    quiet = [length_ms(silence(times[kind], one.begin - 0.9, one.begin - 0.1))
             for one in rounds for kind in KINDS.values()]
    return {"rounds": [one.figures for one in rounds], "quiet_ms": max(quiet)}


def vf_guest():
    """With a port, so that its VF can be pulled later on."""
    return Machine(nic="vf", hotplug=True)


def run(stage, rounds=COUNT):
    """All three, with two VFs; the guest that is left has the plain driver's."""
    results = {}
    vfs = stage.vfs
    ours = HERE.hardware.driver(vfs[0])
    stage.drop_guest()
    with Switch(stage.pf) as switch, Tap(switch, TAPS[0], left=True), Tap(switch, TAPS[1], left=True):
        stage.vfs = list(TAPS)
        stage.use(Machine(nic="virtio"))
        results["virtio"] = measure(stage, migrate_virtio, rounds)
        stage.drop_guest()
    stage.vfs = vfs
    stage.use(vf_guest())
    results["ours"] = measure(stage, migrate_ours, rounds)
    stage.guest.run("down", NETDEV)
    change_driver(stage, [(HERE, vf) for vf in vfs], "vfio-pci", "plain")
    check(stage.pf.ping_until(), "the guest does not answer with the plain driver")
    results["replug"] = measure(stage, migrate_replug, rounds)
    unplug(stage)
    for vf in vfs:
        HERE.hardware.bind(vf, ours)
    stage.drop_guest()
    return results


def median(result, name):
    return statistics.median(one[name] for one in result["rounds"])


def device_ms(result):
    """The device's own save and load, median of the rounds."""
    return statistics.median(sum(one["save"].values()) + sum(one["load"].values())
                             for one in result["rounds"])


def rows(results):
    """What bench.py prints: name, ours, other, ratio, target, met."""
    device = device_ms(results["ours"])
    table = []
    for name, what in (("ping", "downtime as pings see it, ms"),
                       ("udp", "downtime as datagrams see it, ms")):
        ours, virtio, replug = (median(results[which], f"{name}_ms")
                                for which in ("ours", "virtio", "replug"))
        table.append(row(f"{what}: virtio-net", ours, virtio, f"<= {virtio:.1f} + {device:.1f}",
                         ours <= virtio + device))
        table.append(row(f"{what}: replug", ours, replug, "<= 0.10", ours <= replug / 10))
    for which in ("virtio", "replug"):
        table.append(row(f"downtime as QEMU says it, ms: {which}", median(results["ours"], "qemu_ms"),
                         median(results[which], "qemu_ms")))
        table.append(row(f"whole migration, ms: {which}", median(results["ours"], "total_ms"),
                         median(results[which], "total_ms")))
    return table


def causes(results):
    """Where the time goes: the steps of each migration of ours, and what the device did in them."""
    lines = [f"longest silence without any migration: {results[which]['quiet_ms']} ms ({which})"
             for which in ("ours", "virtio", "replug")]
    for which in ("virtio", "ours"):
        for one in results[which]["rounds"]:
            lines.append(f"{which}, ms after the guest was stopped: "
                         + ", ".join(f"{what} {when}" for what, when in one["phases"]))
    for one in results["ours"]["rounds"]:
        lines.append(f"device, ms: save {sum(one['save'].values()):.1f} ({one['save']}), "
                     f"load {sum(one['load'].values()):.1f} ({one['load']})")
    for one in results["replug"]["rounds"]:
        lines.append(f"replug, ms: unplug {one['unplug_ms']}, migrate {one['migrate_ms']}, "
                     f"plug {one['plug_ms']}, found by the guest {one['found_ms']}, set up {one['up_ms']}, "
                     f"of all {one['ping_ms']}")
    return lines
