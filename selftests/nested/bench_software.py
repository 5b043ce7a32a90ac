# SPDX-License-Identifier: GPL-2.0
"""What the function in software does, against virtio-net in the VMM.

Two guests are up, one with each, on the same switch, and measured by turns as in bench_datapath.
Then: does the function take time while there is nothing to do, and what is there to send again
while a guest is migrated that has it, against one that has a VF?
"""

import statistics
import time

from bench_datapath import End, measure, median_each, median_of, ratios_of, say, task_ns
from bench_table import row
from cases_memory import HOLD
from migrate import Migration
from rounds import Rounds
from software import AVAILABLE, WHY_NONE, functions
from stage import check
from switch import Tap
from vmm import MEMORY

# How many are used: a guest, and where one would migrate to.
VFS = 2
ROUNDS = 4
TASK = "igbvf-mdev"
REST_SECONDS = 5
COPIES = 3
SENT = {"software": "a guest with software", "vf": "a guest with a VF"}


def rest(end):
    """Of the task of the device, the milliseconds on a CPU in a second with nothing to do."""
    vmm = end.guest.vmm
    time.sleep(1)
    begin, before = time.monotonic(), task_ns(vmm, TASK)
    check(before > 0, "the time of the task is not counted")
    time.sleep(REST_SECONDS)
    return (task_ns(vmm, TASK) - before) / 1e6 / (time.monotonic() - begin)


def sent_again(end, vf):
    """Bytes in each round after the first, of an idle guest that is not let go; what QEMU was told."""
    rounds = Rounds(end.guest.vmm)
    migration = Migration(end.guest, bandwidth=HOLD["max_bandwidth"], downtime=1, vf=vf)
    try:
        migration.set(**HOLD)
        first, since, count = None, None, 0
        while not first or count < COPIES or time.monotonic() < since + REST_SECONDS:
            ram = migration.wait("setup", "active").get("ram", {})
            if first:
                count = ram["dirty-sync-count"] - first["dirty-sync-count"]
            elif ram.get("dirty-sync-count", 0) > 1:
                first, since = ram, time.monotonic()
            time.sleep(0.02)
        migration.cancel()
    except BaseException:
        migration.abandon()
        raise
    return {"bytes": (ram["transferred"] - first["transferred"]) / count, "count": count,
            "tracked": end.guest.vmm.tracked, "rounds": [str(one) for one in rounds.all()[:12]]}


def run(stage, rounds=ROUNDS):
    if not AVAILABLE:
        print(f"# no software to measure: {WHY_NONE}")
        return {}
    results = {"software": []}
    stage.drop_guest()
    with functions(stage, 2) as (here, there):
        software = End(here, "vf", 1)
        try:
            with Tap(stage.switch, "tap9", left=True) as tap:
                virtio = End(tap.name, "virtio", 2)
                try:
                    for number in range(rounds):
                        results["software"].append(measure({"software": software, "virtio": virtio}))
                        say(number + 1, rounds, results["software"][-1])
                    results["rest"] = rest(software)
                finally:
                    virtio.guest.kill()
            results["sent"] = {"software": sent_again(software, there)}
        finally:
            software.guest.kill()
    plain = End(stage.vfs[0], "vf", 1)
    try:
        results["sent"]["vf"] = sent_again(plain, stage.vfs[1])
    finally:
        plain.guest.kill()
    return results


def count_rows(results):
    """Exits: these do not depend on what else the machine has to do."""
    table = []
    for kind, per, unit in (("from_guest", "received", "packet"), ("to_guest", "received", "packet"),
                            ("rtt", "answered", "ping")):
        for what, counter in (("exits", "exits"), ("exits to the VMM for MMIO", "mmio_exits")):
            figures = (median_each(results, "software", end, kind, counter, per)
                       for end in ("software", "virtio"))
            table.append(row(f"{what} per {unit}, {kind.replace('_', ' ')}",
                             *(round(figure, 3) for figure in figures)))
    return table


def rows(results):
    table = []
    if not results:
        return table
    for what, kind, name, target, meets in (
            ("packets per second from the guest", "from_guest", "pps", ">= 1.00", lambda ratio: ratio >= 1),
            ("packets per second to the guest", "to_guest", "pps", ">= 1.00", lambda ratio: ratio >= 1),
            ("round trip, median, us", "rtt", "median_us", "", lambda ratio: None),
            ("round trip, p99, us", "rtt", "p99_us", "", lambda ratio: None)):
        ours, virtio = (median_of(results, "software", end, kind, name) for end in ("software", "virtio"))
        ratio = statistics.median(ratios_of(results, "software", kind, name, "virtio"))
        table.append(row(what, ours, virtio, target, meets(ratio), ratio))
    table += count_rows(results)
    # The guest's driver looks at its device every 2 s.
    table.append(row("CPU time of the device at rest, ms in a second", round(results["rest"], 3), None,
                     "< 1", results["rest"] < 1))
    ours, plain = (results["sent"][which]["bytes"] for which in ("software", "vf"))
    # Where a VF's writes are logged, it is as good.
    few = {} if results["sent"]["vf"]["tracked"] else {"target": "<= 0.10", "met": ours <= plain / 10}
    table.append(row("bytes sent in each round after the first: of a VF", round(ours), round(plain), **few))
    return table


def causes(results):
    if not results:
        return []
    lines = []
    for kind in ("from_guest", "to_guest"):
        for end in ("software", "virtio"):
            took = statistics.median(one[end][kind]["us"] / one[end][kind]["counters"]["exits"]
                                     for one in results["software"])
            lines.append(
                f"{kind}, {end}: {1e6 / median_of(results, 'software', end, kind, 'pps'):.0f} us and "
                f"{median_each(results, 'software', end, kind, 'exits', 'received'):.2f} exits for a packet, "
                f"{took:.0f} us for an exit with all that is between two of them")
        lines.append(f"{kind}: ratios of the rounds " + " ".join(
            f"{ratio:.3f}" for ratio in ratios_of(results, "software", kind, "pps", "virtio")))
    for which, said in results["sent"].items():
        lines.append(f"{SENT[which]} of {MEMORY}, idle: of each round, pages written by the device, as VFIO "
                     "says/to be copied that were not before: " + " ".join(said["rounds"])
                     + f"; {said['count']} rounds after the first pass")
    return lines
