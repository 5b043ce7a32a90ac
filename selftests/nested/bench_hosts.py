# SPDX-License-Identifier: GPL-2.0
"""How long a guest is away for a peer when it is migrated to another host, in four ways.

Those of bench_downtime, and that of ours between a VF and a function in software. The peer is behind
a switch that learns, as both hosts are, and has to find the guest again. The clocks of two hosts do not
agree, so that nothing is said of the steps in between.
"""

import functools
import itertools

from bench_downtime import COUNT, LIMIT_MS, Round, change_driver, measure, median, migrate_replug, vf_guest
from bench_table import row
from guest import NETDEV
from host import HERE
from stage import check
from switch import forget_neighbour
from vmm import Machine

# Of this host.
VFS = 1
TAP = "tap1"
WAYS = {"virtio": "virtio-net", "replug": "replug", "to_software": "VF to software",
        "from_software": "software to VF"}


def go(stage, watch, host, vf, **how):
    one = Round()
    migration = stage.migrate(up=False, host=host, vf=vf, **how)
    one.begin = migration.begin
    one.done(watch, migration)
    return one


def by_turns(name, how, *ends):
    """What measure() calls: goes to one end after the other, from the last one."""
    ends = itertools.cycle(ends)

    def turn(stage, watch, **more):
        host, vf = next(ends)
        return how(stage, watch, host=host, vf=vf, **more)

    turn.__name__ = name
    return turn


def software(stage, rounds):
    """There in software, and back: both are measured."""
    there = stage.there()
    result = measure(stage, by_turns("software", go, (there, there.software[0]), (HERE, HERE.vfs[0])), 2 * rounds)
    return {name: {**result, "rounds": result["rounds"][first::2]}
            for first, name in enumerate(("to_software", "from_software"))}


def run(stage, rounds=COUNT):
    """All of them, with one VF of each host; the kernel of both logs DMA, or not."""
    there = stage.there()
    ends = [(there, there.vfs[0]), (HERE, HERE.vfs[0])]
    results = {}
    stage.drop_guest()
    for host in (HERE, there):
        host.make_tap(TAP)
    stage.vfs = [TAP]
    stage.use(Machine(nic="virtio"))
    results["virtio"] = measure(stage, by_turns("virtio", functools.partial(go, downtime=LIMIT_MS),
                                                (there, TAP), (HERE, TAP)), rounds)
    stage.drop_guest()
    # The switch has heard that one at the other host.
    forget_neighbour()
    stage.vfs = [HERE.vfs[0]]
    stage.use(vf_guest())
    results["ours"] = measure(stage, by_turns("ours", go, *ends), rounds)
    if stage.guest.host is not HERE:
        stage.migrate(host=HERE, vf=HERE.vfs[0])
    results |= software(stage, rounds)
    ours = HERE.hardware.driver(HERE.vfs[0])
    stage.guest.run("down", NETDEV)
    change_driver(stage, ends, "vfio-pci", "plain")
    check(stage.pf.ping_until(), "the guest does not answer with the plain driver")
    results["replug"] = measure(stage, by_turns("replug", migrate_replug, *ends), rounds)
    stage.drop_guest()
    for host, vf in ends:
        host.hardware.bind(vf, ours)
    return results


def rows(results):
    """What bench.py prints: name, ours, other, ratio, target, met."""
    table = []
    for name, what in (("ping_ms", "downtime as pings of the peer see it, ms"),
                       ("udp_ms", "downtime as datagrams to the peer see it, ms"),
                       ("qemu_ms", "downtime as QEMU says it, ms"), ("total_ms", "whole migration, ms")):
        for which, words in WAYS.items():
            table.append(row(f"{what}: {words}", median(results["ours"], name), median(results[which], name)))
    return table


def causes(results):
    lines = [f"longest silence without any migration: {one['quiet_ms']} ms ({which})"
             for which, one in results.items()]
    for which, one in results.items():
        for name in ("ping_ms", "udp_ms", "qemu_ms", "total_ms", "sent"):
            lines.append(f"{which}, {name}: " + " ".join(str(figures[name]) for figures in one["rounds"]))
    return lines
