# SPDX-License-Identifier: GPL-2.0
"""The demo: an unmodified guest under traffic goes from one VF to another, to a function in software
and to a VF again, and this tells how."""

import base64
import contextlib
import dataclasses
import os
import platform
import subprocess
import sys
import time

from events import DeviceStates, Packets
from guest import NETDEV
from migrate import BANDWIDTH, Migration
from provider import TRACKED, in_debugfs, is_software
from relay import Relay
from software import AVAILABLE, WHY_NONE, functions
from stage import MAC, Stage, check
from streams import Streams
from timeline import Timeline, stacked

VMFCTL = "/vmf/build/vmfctl"
DIRECTORY = "/tmp/demo"
STREAM = f"{DIRECTORY}/migration.qemu"
EVENTS = f"{DIRECTORY}/events"

# Enough for a few rounds of the copy of memory to be seen; it is let go after that.
SLOW = 24 << 20
WATCH_SECONDS = 4
MARGIN_SECONDS = 1.0

# What one emulated CPU, which the VMMs use as well, can do beside the migration.
PING_MS = 20
UDP_US = 20000
TCP_KBPS = 100


def say(text=""):
    print(text)


def progress(text):
    """One line on the terminal, that is written over again and again."""
    print(f"@vmf progress {text}")


def hand_out(name, data):
    """A file for who has started the demo."""
    for begin in range(0, len(data), 49152):
        print(f"@vmf file {name} {base64.b64encode(data[begin:begin + 49152]).decode()}")


def vmfctl(*words, status=0):
    """What the tool says; its exit status is a verdict, too."""
    result = subprocess.run([VMFCTL, *words], capture_output=True, text=True, check=False)
    check(result.returncode == status,
          f"vmfctl {' '.join(words)} ended with {result.returncode}: {result.stderr}{result.stdout}")
    return result.stdout.rstrip().splitlines()


def quote(lines):
    for line in lines:
        say("  | " + line)


def accesses(vfs):
    """MMIO reads and writes that the drivers have made for migration."""
    lines = []
    for vf in vfs:
        with open(f"{in_debugfs(vf)}/arcs", encoding="ascii") as arcs:
            lines += [line.split() for line in arcs]
    return sum(int(words[3]) for words in lines), sum(int(words[4]) for words in lines)


def called(vf):
    """As there is room for it."""
    return "software" if is_software(vf) else vf


def introduce(stage):
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True)
    with open(f"/sys/bus/pci/devices/{stage.vfs[0]}/driver_override", encoding="ascii") as override:
        bound = override.read().strip()
    say(f"Test host: Linux {platform.release()}, {version.stdout.splitlines()[0]}")
    say(f"VFs of an Intel 82576, bound to {bound} by driver_override: {' '.join(stage.vfs)}")
    say("DMA logging: " + ("by the driver" if TRACKED else "not with this kernel; all memory counts as "
                           "dirty, and the guest is stopped while it is copied once more"))


def ask_first(source, destination):
    """The handshake, before anything moves."""
    say()
    say(f"Will it work?  vmfctl check {source} --against {destination}")
    lines = vmfctl("check", source, "--against", destination)
    say(f"  | {sum(line.split()[:1] == ['ok'] for line in lines)} rules hold")
    quote(lines[-2:])


def status(migration, states):
    info = migration.query()
    ram, vfio = info.get("ram", {}), info.get("vfio", {})
    # What is left is what was dirty when it was looked at last, less what was sent since.
    left = ram.get("remaining", 0)
    migration.destination.qmp.execute("query-status")
    progress(f"RAM left {left / 1e6:6.1f} MB ({left // 4096:6d} dirty pages, round "
             f"{ram.get('dirty-sync-count', 0)}), device {vfio.get('transferred', 0):5d} bytes, "
             f"source {states[0].now():12s} destination {states[1].now():12s} {info.get('status', '')}")
    return info


@dataclasses.dataclass
class Way:
    """A migration that is over: the states of both devices, what QEMU says, MMIO reads and writes."""

    states: list
    info: dict
    mmio: list

    @property
    def stopped(self):
        return self.states[0].first("pre-copy-p2p", "running-p2p")

    @property
    def running(self):
        return self.states[1].last("running")

    def __str__(self):
        return " to ".join(called(state.vf) for state in self.states)


def migrate(stage, vf, relay=None):
    """With a relay slowly at first, so that there is something to see."""
    guest = stage.guest
    ends = (guest.vmm.vf, vf)
    before, begin = accesses(ends), time.monotonic()
    migration = Migration(guest, bandwidth=SLOW if relay else BANDWIDTH, relay=relay, vf=vf)
    states = [DeviceStates(vmm, begin) for vmm in (migration.source, migration.destination)]
    slow = relay is not None
    try:
        while (info := status(migration, states)).get("status") not in ("completed", "failed"):
            if slow and time.monotonic() > begin + WATCH_SECONDS:
                migration.let_go()
                slow = False
            time.sleep(0.1)
        migration.complete(keep=True)
    finally:
        migration.abandon()
    stage.moved()
    status(migration, states)
    progress("")
    if relay:
        relay.close()
    migration.source.quit()
    for state in states:
        state.end = time.monotonic()
    return Way(states, info, [new - old for old, new in zip(before, accesses(ends))])


def picture(packets, way):
    """The wire, from a second before to a second after."""
    text = ("software knows what it writes" if is_software(way.states[0].vf) else
            "with DMA logging" if TRACKED else "without DMA logging")
    chart = Timeline("A guest with a passthrough NIC, live-migrated", f"{way}, {text}",
                     way.stopped - MARGIN_SECONDS, way.running + MARGIN_SECONDS)
    chart.span(way.stopped, way.running, "the guest is stopped")
    for state in way.states:
        chart.states(f"device {called(state.vf)}", state.changes)
    answered, lost = packets.answered_and_lost("ping-sent", "ping-answered")
    chart.ticks("ping (red: no answer)", answered, lost)
    chart.ticks("UDP from the guest", packets.times("udp-received"))
    chart.ticks("UDP to the guest, sent", packets.times("udp-sent"))
    chart.steps("TCP bytes from the guest", packets.points("tcp-received"))
    return chart


def report_way(packets, way):
    middle = (way.stopped + way.running) / 2
    ram = way.info["ram"]
    say()
    say(f"{way}: the guest was away from the wire, as seen by")
    for who, seconds in ((f"a ping every {PING_MS} ms", packets.silence("ping-answered", middle)),
                         (f"its own UDP every {UDP_US // 1000} ms", packets.silence("udp-received", middle)),
                         ("the states of the device", way.running - way.stopped),
                         ("QEMU", way.info["downtime"] / 1000)):
        say(f"  {who:26s} {seconds * 1000:6.0f} ms")
    say("Time in each state of the device")
    for state in way.states:
        spent = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in state.spent(way.running))
        say(f"  {called(state.vf):26s} {spent}")
    say(f"Copied: {ram['transferred'] / 1e6:.1f} MB of {ram['total'] / 1e6:.0f} MB memory in "
        f"{ram['dirty-sync-count']} rounds; MMIO of both devices: {way.mmio[0]} reads, {way.mmio[1]} writes")


def report(streams, ways):
    packets = Packets(EVENTS)
    for way in ways:
        report_way(packets, way)
    say()
    say("Traffic all the time")
    for line in streams.figures():
        say("  " + line)
    hand_out("timeline.svg", stacked(picture(packets, way) for way in ways).encode())


def take_apart():
    """The device's own stream, out of what went from one QEMU to the other."""
    output = f"{DIRECTORY}/device.vmf"
    say()
    say("What has moved:  vmfctl extract migration.qemu -o device.vmf")
    quote(vmfctl("extract", STREAM, "-o", output))
    with open(output, "rb") as stream:
        data = stream.read()
    hand_out("device.vmf", data)
    say(f"                 vmfctl describe device.vmf   ({len(data)} bytes)")
    quote(vmfctl("describe", output))


def travel(stage, there):
    """Under traffic: to another VF, and to software and a VF if there is software; what was seen."""
    guest = stage.guest
    source = guest.vmm.vf
    with Streams(stage, udp_us=UDP_US, tcp_kbps=TCP_KBPS, ping_ms=PING_MS, events=EVENTS) as streams:
        time.sleep(MARGIN_SECONDS)
        ways = [migrate(stage, guest.next_vf(), Relay(save=STREAM))]
        for vf in (there, source) if there else ():
            streams.flows()
            # Each is to be seen by itself.
            time.sleep(2 * MARGIN_SECONDS)
            ways.append(migrate(stage, vf))
        streams.flows()
        time.sleep(MARGIN_SECONDS)
        streams.stop()
    return streams, ways


def run(stage):
    introduce(stage)
    say(f"An unmodified guest with {stage.vfs[0]} as its only NIC boots in an unmodified QEMU ...")
    guest = stage.guest
    destination = guest.next_vf()
    changes = guest.carrier_changes()
    ask_first(guest.vmm.vf, destination)
    with contextlib.ExitStack() as stack:
        there = stack.enter_context(functions(stage))[0] if AVAILABLE else None
        if there:
            ask_first(destination, there)
        say()
        say("Traffic: ping, numbered UDP both ways, TCP both ways. Then it is migrated"
            + (", also to the function in software and from there to a VF." if there else "."))
        if not there:
            say(f"It does not go to a function in software and back: {WHY_NONE}.")
        streams, ways = travel(stage, there)
    report(streams, ways)
    take_apart()
    streams.check()
    stage.check_guest()
    check(guest.carrier_changes() == changes, "the guest's carrier has changed")
    check(guest.run("mac", NETDEV) == [MAC], "the guest's address has changed")
    host, inside = streams.report["host"], streams.report["guest"]
    say()
    say(f"live-migrated{', also to software and back' if there else ''}: "
        f"duplicates {host['udp_duplicated'] + inside['udp_duplicated']}, "
        f"TCP checksums right both ways ({host['tcp_received_crc']:08x}, {inside['tcp_received_crc']:08x}), "
        "no reset of the guest's driver, carrier up all the time")


def main():
    os.makedirs(DIRECTORY, exist_ok=True)
    stage = Stage(os.environ["VMF_PF_NETDEV"], os.environ["VMF_VFS"].split()[:2])
    try:
        run(stage)
    finally:
        stage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
