# SPDX-License-Identifier: GPL-2.0
"""What our driver costs while nothing is migrated, and while memory is, against plain vfio-pci.

Two guests are up, each with a VF, one of them by our driver. One of them is measured at a time, for
less than half a second, and then the other: what else the machine does favours neither. In the
middle the VFs are exchanged.
"""

import glob
import statistics
import subprocess
import time

import hardware
from bench_table import row
from guest import NETDEV, Guest
from migrate import Migration
from provider import TRACKED
from pf import HOST, MASK
from stage import Failure, check
from streams import PEER
from vmm import Machine

# How many are used: two guests, and where one would migrate to.
VFS = 3
PORT = 8259
SEND_MS = 400
SAMPLES = 32
PINGS = 30
PING_US = 10000
PING_SAMPLES = 8
# With each of the VFs half of them; while DMA is logged as well.
ROUNDS = 8
LOGGED_ROUNDS = 4
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
    """What has happened in the guest, and to it, in all the times that this was entered."""

    def __init__(self, guest):
        self.guest = guest
        self.before = None
        self.values = {}

    # What it takes to ask the guest is not counted.
    def __enter__(self):
        interrupts = sum(self.guest.interrupts().values())
        self.before = {"interrupts": interrupts, **counters(self.guest.vmm)}
        return self

    def __exit__(self, *_):
        after = counters(self.guest.vmm)
        after["interrupts"] = sum(self.guest.interrupts().values())
        for name, value in after.items():
            self.values[name] = self.values.get(name, 0) + value - self.before.get(name, 0)


def peer(*words, timeout=60):
    """The answers of the program at the test host's end."""
    done = subprocess.run([PEER, *(str(word) for word in words)], stdout=subprocess.PIPE,
                          timeout=timeout, check=False, text=True)
    lines = done.stdout.split("\n")
    if done.returncode:
        raise Failure(f"the peer says {lines}")
    pairs = " ".join(line[2:] for line in lines if line.startswith("= ")).split()
    return {name: int(value) for name, value in (pair.split("=") for pair in pairs)}


class End:
    """A guest with a VF by one of the drivers, or with what stands for one."""

    def __init__(self, vf, nic, number):
        self.address = f"10.82.0.{10 + number}"
        self.mac = f"02:00:00:00:83:0{number}"
        self.guest = Guest([vf], Machine(nic=nic))
        # Where it would migrate to.
        self.spare = None
        guest = self.guest
        guest.run("mac", NETDEV, self.mac)
        guest.run("address", NETDEV, self.address, MASK)
        guest.run("up", NETDEV, timeout=20)
        guest.wait_carrier()
        guest.run("offload", NETDEV, "sg", 0)
        subprocess.run(["busybox", "arp", "-s", self.address, self.mac], check=True)

    def send(self):
        return [self.guest.values("speed_send", HOST, PORT, SEND_MS)]

    def receive(self):
        self.guest.run("speed_sink", PORT)
        try:
            # It has to listen.
            time.sleep(0.1)
            return [peer("send", self.address, PORT, SEND_MS)]
        finally:
            self.guest.run("speed_sink_end")

    def answer(self):
        return list(peer("rtt", self.address, PINGS, PING_US).values())


def packets(samples):
    """Of several short times all together: the machine is slow in some of them and fast in others,
    and the one in the middle would be of either kind."""
    rates = [values["received"] * 1e6 / values["us"] for values in samples]
    sums = {name: sum(values[name] for values in samples) for name in samples[0]}
    check(sums["received"] > 0, f"nothing has arrived: {samples}")
    return {"pps": round(sums["received"] * 1e6 / sums["us"], 1),
            "samples": [round(rate, 1) for rate in rates], **sums}


def round_trips(times):
    answered = sorted(value / 1000 for value in times if value)
    check(len(answered) >= len(times) * 0.95, f"{len(answered)} of {len(times)} pings were answered")
    return {"median_us": round(statistics.median(answered), 1),
            "p99_us": round(answered[int(len(answered) * 0.99)], 1), "answered": len(answered)}


# What is measured, how often, and what becomes of it.
KINDS = {"from_guest": (End.send, SAMPLES, packets), "to_guest": (End.receive, SAMPLES, packets),
         "rtt": (End.answer, PING_SAMPLES, round_trips)}


def measure(ends):
    """The figures of each, by turns."""
    figures = {name: {} for name in ends}
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", PEER, "sink", str(PORT)]) as sink:
        try:
            time.sleep(0.3)
            for kind, (how, count, sum_up) in KINDS.items():
                samples = {name: [] for name in ends}
                counted = {name: Counted(end.guest) for name, end in ends.items()}
                # Neither the guest's memory nor its code is to be new to anyone.
                for end in ends.values():
                    how(end)
                for number in range(count):
                    for name in sorted(ends, reverse=number % 2):
                        with counted[name]:
                            samples[name] += how(ends[name])
                for name, seen in samples.items():
                    figures[name][kind] = {**sum_up(seen), "counters": counted[name].values}
        finally:
            sink.kill()
    return figures


def task_ns(vmm, name):
    """The time on a CPU of a task that a driver has made for the guest."""
    times = []
    for path in glob.glob(f"/proc/{vmm.process.pid}/task/*"):
        with open(f"{path}/comm", encoding="ascii") as comm, \
                open(f"{path}/schedstat", encoding="ascii") as schedstat:
            if comm.read().strip() == name:
                times.append(int(schedstat.read().split()[0]))
    check(len(times) == 1, f"the guest has {len(times)} tasks {name}")
    return times[0]


def measure_logged(ends):
    """The same with the DMA of ours logged."""
    vmm = ends["logged"].guest.vmm
    migration = Migration(ends["logged"].guest, bandwidth=SLOW, vf=ends["logged"].spare)
    try:
        migration.wait("active")
        begin, before = time.monotonic_ns(), task_ns(vmm, WATCHER)
        figures = measure(ends)
        figures["watcher"] = (task_ns(vmm, WATCHER) - before) / (time.monotonic_ns() - begin)
        migration.cancel()
        return figures
    except BaseException:
        migration.abandon()
        raise


def say(number, rounds, figures):
    for which, said in figures.items():
        if which != "watcher":
            print(f"# round {number} of {rounds}, {which}: " + ", ".join(
                f"{name} {said[name]['pps']} packets/s" for name in ("from_guest", "to_guest"))
                + f", round trip {said['rtt']['median_us']} us")


def run(stage, rounds=ROUNDS, control=False):
    """control: vfio-pci in both places, which shows how far apart two equals are by this."""
    driver = hardware.driver(stage.vfs[0])
    results = {"ours": [], "logged": []}
    stage.drop_guest()
    for half, (one, other, spare) in enumerate((stage.vfs[:3], (*stage.vfs[1::-1], stage.vfs[2]))):
        hardware.bind(one, "vfio-pci" if control else driver)
        hardware.bind(other, "vfio-pci")
        ours, plain = End(one, "plain" if control else "vf", 1), End(other, "plain", 2)
        ours.spare = spare
        try:
            for number in range(half, rounds, 2):
                results["ours"].append(measure({"ours": ours, "plain": plain}))
                say(number + 1, rounds, results["ours"][-1])
            for number in range(half, LOGGED_ROUNDS if TRACKED and not control else 0, 2):
                results["logged"].append(measure_logged({"logged": ours, "plain": plain}))
                say(number + 1, LOGGED_ROUNDS, results["logged"][-1])
        finally:
            ours.guest.kill()
            plain.guest.kill()
    hardware.bind(stage.vfs[0], driver)
    hardware.bind(stage.vfs[1], driver)
    return results


def median_of(results, which, of, kind, name):
    return statistics.median(one[of][kind][name] for one in results[which])


def ratios_of(results, which, kind, name, other="plain"):
    """The rounds' own, in order of size: what disturbs a round disturbs all of it."""
    return sorted(one[which][kind][name] / one[other][kind][name] for one in results[which])


def each(one, counter, per):
    """A counter of KVM, or of the guest, for each packet, interrupt or ping."""
    count = one["counters"].get("interrupts", 0) if per == "interrupts" else one[per]
    return one["counters"].get(counter, 0) / max(count, 1)


def median_each(results, which, of, kind, counter, per):
    return statistics.median(each(one[of][kind], counter, per) for one in results[which])


def count_rows(results, which):
    """Exits and interrupts: these do not depend on what else the machine has to do."""
    table = []
    for kind, per, unit in (("from_guest", "received", "packet"), ("to_guest", "received", "packet"),
                            ("rtt", "answered", "ping")):
        where = kind.replace("_", " ") + LOGGED[which]

        def line(what, counter, of, **target):
            ours, plain = (median_each(results, which, end, kind, counter, of) for end in (which, "plain"))
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
    return [which for which in LOGGED if results[which]]


def rows(results):
    table = []
    for which in kinds_of(results):
        def line(what, kind, name, target="", meets=lambda ratio: None):
            ours, plain = (median_of(results, which, end, kind, name) for end in (which, "plain"))
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
        for which in kinds_of(results):
            for end in (which, "plain"):
                halves = [one[end][kind] for one in results[which]]
                took = statistics.median(half["us"] / half["counters"]["exits"] for half in halves)
                rates = [rate for half in halves for rate in half["samples"]]
                beside = " beside it" if (which, end) == ("logged", "plain") else ""
                lines.append(
                    f"{kind}, {end}{beside}: {1e6 / median_of(results, which, end, kind, 'pps'):.0f} us and "
                    f"{median_each(results, which, end, kind, 'exits', 'received'):.2f} exits for a packet, "
                    f"{took:.0f} us for an exit with all that is between two of them; "
                    f"samples from {min(rates)} to {max(rates)} packets/s")
            lines.append(f"{kind}, {which}: ratios of the rounds " + " ".join(
                f"{ratio:.3f}" for ratio in ratios_of(results, which, kind, "pps")))
    if results["logged"]:
        share = statistics.median(one["watcher"] for one in results["logged"])
        lines.append(f"who watches for the log takes {share * 100:.1f} % of the host's one CPU")
    return lines
