# SPDX-License-Identifier: GPL-2.0
"""What our driver costs while nothing is migrated, and while memory is: the same VF in the same
guest and the same VMM, in turns with our driver and with plain vfio-pci.

The guest's VF is pulled and plugged in again between the turns, so that nothing else differs.
"""

import glob
import statistics
import subprocess
import time

from bench_downtime import change_driver, vf_guest
from bench_net import bind, driver_of, still_neighbour
from bench_table import row
from guest import NETDEV
from migrate import TRACKED, Migration
from pf import GUEST, HOST
from stage import Failure, check
from streams import PEER

PORT = 8259
SEND_MS = 400
SAMPLES = 16
PINGS = 150
PING_US = 10000
ROUNDS = 7
# Bytes per second that keep a migration in its first look at memory: DMA is logged, and no report is
# asked for.
SLOW = 1000
# What the task is called that watches the guest meanwhile.
WATCHER = "vfio-dma-log"


def counters(vmm):
    """What KVM counts of this guest."""
    values = {}
    for folder in glob.glob(f"/sys/kernel/debug/kvm/{vmm.process.pid}-*"):
        for path in glob.glob(f"{folder}/*"):
            try:
                with open(path, encoding="ascii") as file:
                    values[path.rsplit("/", 1)[1]] = int(file.read())
            except (OSError, ValueError):
                # Folders, and files that are no number.
                continue
    check("exits" in values, "KVM does not count the exits of the guest")
    return values


class Counted:
    """What has happened in the guest, and to it, in between."""

    def __init__(self, guest):
        self.guest = guest
        self.values = None

    def read(self):
        return {**counters(self.guest.vmm), "interrupts": sum(self.guest.interrupts().values())}

    def __enter__(self):
        self.values = self.read()
        return self

    def __exit__(self, *_):
        after = self.read()
        self.values = {name: after[name] - self.values.get(name, 0) for name in after
                       if after[name] > self.values.get(name, 0)}


def peer(*words, timeout=60):
    """The answers of the program at the test host's end."""
    done = subprocess.run([PEER, *(str(word) for word in words)], stdout=subprocess.PIPE,
                          timeout=timeout, check=False, text=True)
    lines = done.stdout.split("\n")
    if done.returncode:
        raise Failure(f"the peer says {lines}")
    pairs = " ".join(line[2:] for line in lines if line.startswith("= ")).split()
    return {name: int(value) for name, value in (pair.split("=") for pair in pairs)}


def packets(samples, counted):
    """Of several short times, the one in the middle: what else the machine does is not the same
    in all of them."""
    rates = [values["received"] * 1e6 / values["us"] for values in samples]
    check(statistics.median(rates) > 0, f"nothing has arrived: {samples}")
    sums = {name: sum(values[name] for values in samples) for name in samples[0]}
    return {"pps": round(statistics.median(rates), 1), "samples": [round(rate, 1) for rate in rates],
            **sums, "counters": counted.values}


def from_guest(guest, count=SAMPLES):
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", PEER, "sink", str(PORT)]) as sink:
        try:
            # It has to listen.
            time.sleep(0.3)
            with Counted(guest) as counted:
                samples = [guest.values("speed_send", HOST, PORT, SEND_MS) for _ in range(count)]
        finally:
            sink.kill()
    return packets(samples, counted)


def to_guest(guest, count=SAMPLES):
    guest.run("speed_sink", PORT)
    try:
        time.sleep(0.3)
        with Counted(guest) as counted:
            samples = [peer("send", GUEST, PORT, SEND_MS) for _ in range(count)]
    finally:
        guest.run("speed_sink_end")
    return packets(samples, counted)


def round_trips(guest):
    with Counted(guest) as counted:
        times = sorted(value for value in peer("rtt", GUEST, PINGS, PING_US).values())
    answered = [value / 1000 for value in times if value]
    check(len(answered) >= PINGS * 0.95, f"{len(answered)} of {PINGS} pings were answered")
    return {"median_us": round(statistics.median(answered), 1),
            "p99_us": round(answered[int(len(answered) * 0.99)], 1),
            "answered": len(answered), "counters": counted.values}


KINDS = {"from_guest": from_guest, "to_guest": to_guest, "rtt": round_trips}


def turn(stage):
    guest = stage.guest
    guest.run("offload", NETDEV, "sg", 0)
    still_neighbour()
    check(stage.pf.ping_until(), "the guest does not answer")
    # Neither the guest's memory nor its code is to be new to anyone.
    from_guest(guest, 2)
    to_guest(guest, 2)
    return {name: how(guest) for name, how in KINDS.items()}


def watcher_ns(vmm):
    """The time on a CPU of who watches the guest for the log."""
    times = []
    for path in glob.glob(f"/proc/{vmm.process.pid}/task/*"):
        with open(f"{path}/comm", encoding="ascii") as comm, \
                open(f"{path}/schedstat", encoding="ascii") as schedstat:
            if comm.read().strip() == WATCHER:
                times.append(int(schedstat.read().split()[0]))
    check(len(times) == 1, f"{len(times)} tasks watch the guest")
    return times[0]


def logged_turn(stage):
    """A turn with DMA logged."""
    vmm = stage.guest.vmm
    migration = Migration(stage.guest, bandwidth=SLOW)
    try:
        migration.wait("active")
        begin, before = time.monotonic_ns(), watcher_ns(vmm)
        figures = turn(stage)
        figures["watcher"] = (watcher_ns(vmm) - before) / (time.monotonic_ns() - begin)
        migration.cancel()
        return figures
    except BaseException:
        migration.abandon()
        raise


def run(stage, rounds=ROUNDS):
    vf = stage.vfs[0]
    ours = driver_of(vf)
    stage.drop_guest()
    stage.use(vf_guest())
    results = []
    for number in range(1, rounds + 1):
        figures = {}
        # In turns also within a round, so that no drift favours one of them.
        order = ("ours", "plain") if number % 2 else ("plain", "ours")
        for which in order:
            driver, nic = {"ours": (ours, "vf"), "plain": ("vfio-pci", "plain")}[which]
            if driver_of(vf) != driver:
                change_driver(stage, [vf], driver, nic)
            figures[which] = turn(stage)
            if which == "ours" and TRACKED:
                figures["logged"] = logged_turn(stage)
        for which, said in figures.items():
            print(f"# round {number} of {rounds}, {which}: " + ", ".join(
                f"{name} {said[name]['pps']} packets/s" for name in ("from_guest", "to_guest"))
                + f", round trip {said['rtt']['median_us']} us")
        results.append(figures)
    stage.drop_guest()
    bind(vf, ours)
    return {"rounds": results}


def median_of(results, which, kind, name):
    return statistics.median(one[which][kind][name] for one in results["rounds"])


def ratios_of(results, which, kind, name):
    """The rounds' own, in order of size: what disturbs a round disturbs all of it."""
    return sorted(one[which][kind][name] / one["plain"][kind][name] for one in results["rounds"])


def each(one, counter, per):
    """A counter of KVM, or of the guest, for each packet, interrupt or ping."""
    count = one["counters"].get("interrupts", 0) if per == "interrupts" else one[per]
    return one["counters"].get(counter, 0) / max(count, 1)


def median_each(results, which, kind, counter, per):
    return statistics.median(each(one[which][kind], counter, per) for one in results["rounds"])


def count_rows(results, which):
    """Exits and interrupts: these do not depend on what else the machine has to do."""
    table = []
    for kind, per, unit in (("from_guest", "received", "packet"), ("to_guest", "received", "packet"),
                            ("rtt", "answered", "ping")):
        where = kind.replace("_", " ") + LOGGED[which]

        def line(what, counter, of, **target):
            ours, plain = (median_each(results, one, kind, counter, of) for one in (which, "plain"))
            if target:
                # Page 0 is trapped: a watchdog's few accesses every 2 s.
                target["met"] = ours - plain < 0.01
            table.append(row(f"{what}, {where}", round(ours, 3), round(plain, 3), **target))

        line(f"exits per {unit}", "exits", per)
        line("exits per interrupt", "exits", "interrupts")
        none = {} if kind == "rtt" else {"target": "< 0.01 added"}
        line(f"exits to the VMM for MMIO per {unit}", "mmio_exits", per, **none)
        line("exits to the VMM for MMIO per interrupt", "mmio_exits", "interrupts", **none)
        line(f"interrupts per {unit}", "interrupts", per)
    return table


# What is said of a row, and the least that is to be left of the packets.
LOGGED = {"ours": "", "logged": ", logged"}
LEAST = {"ours": 0.97, "logged": 0.80}


def kinds_of(results):
    return [which for which in LOGGED if which in results["rounds"][0]]


def rows(results):
    table = []
    for which in kinds_of(results):
        def line(what, kind, name, target="", meets=lambda ratio: None):
            ours, plain = (median_of(results, one, kind, name) for one in (which, "plain"))
            ratio = statistics.median(ratios_of(results, which, kind, name))
            table.append(row(what + LOGGED[which], ours, plain, target, meets(ratio), ratio))

        least = LEAST[which]
        for kind, where in (("from_guest", "from the guest"), ("to_guest", "to the guest")):
            line(f"packets per second {where}", kind, "pps", f">= {least:.2f}",
                 lambda ratio, least=least: ratio >= least)
        if which == "ours":
            line("round trip, median, us", "rtt", "median_us", "<= 1.03", lambda ratio: ratio <= 1.03)
        else:
            line("round trip, median, us", "rtt", "median_us")
        line("round trip, p99, us", "rtt", "p99_us")
        table += count_rows(results, which)
    return table


def causes(results):
    """What differs, if packets per second do: is it the number of exits, or what each takes?"""
    lines = []
    for kind in ("from_guest", "to_guest"):
        for which in (*kinds_of(results), "plain"):
            halves = [one[which][kind] for one in results["rounds"]]
            took = statistics.median(half["us"] / half["counters"]["exits"] for half in halves)
            rates = [rate for half in halves for rate in half["samples"]]
            text = (f"{kind}, {which}: {1e6 / median_of(results, which, kind, 'pps'):.0f} us and "
                    f"{median_each(results, which, kind, 'exits', 'received'):.2f} exits for a packet, "
                    f"{took:.0f} us for an exit with all that is between two of them; "
                    f"samples from {min(rates)} to {max(rates)} packets/s")
            if which != "plain":
                text += ", ratios of the rounds " + " ".join(
                    f"{ratio:.3f}" for ratio in ratios_of(results, which, kind, "pps"))
            lines.append(text)
    if "logged" in kinds_of(results):
        share = statistics.median(one["logged"]["watcher"] for one in results["rounds"])
        lines.append(f"who watches for the log takes {share * 100:.1f} % of the host's one CPU")
    return lines
