# SPDX-License-Identifier: GPL-2.0
"""A driver of others, as it is: what is said of its streams, and what becomes of them.

The registry describes the sample of a serial card in Documentation/registry/foreign/mtty.yaml.
"""

import errno
import json
import os
import re

import mtty
from host import HERE
from migrate import CAPABILITIES, Migration, downtime_ms
from qmp import QmpError
from stage import check, needs
from vmm import BACKENDS, NEWER, Machine

MACHINE = Machine(nic="serial")
FILE = "/tmp/guest.mig"
STREAM = "/tmp/mtty.stream"
ONE_PORT = "/tmp/mtty-1.stream"
SAID = re.compile(r"refused by mtty of [\d.]+ in write\(\): (E[A-Z]+), header")


def said(*words, status=0):
    """What the tool says."""
    got, text = HERE.vmfctl(*words)
    check(got == status, f"vmfctl {' '.join(words)} ended with {got}: {text}")
    return text


def the_ports(stage):
    found = mtty.ports(stage.guest)
    check(len(found) == 2, f"the guest's driver has {found}")
    return found


def use(stage, text):
    """By the guest's own driver, which takes interrupts for it and sets up the card as it likes."""
    for port in the_ports(stage):
        got = port.loop(text)
        check(got == text, f"{text} sent by ttyS{port.line}, {got} has come back")


def put(stage):
    """A state that is known, in each field of it."""
    for port, writes in zip(the_ports(stage), mtty.WRITES):
        port.do(writes)
    compare(stage)


def compare(stage):
    """Is it what the guest reads?"""
    for port, want in zip(the_ports(stage), mtty.READS):
        got = port.all(want)
        check(got == want, f"ttyS{port.line}: {got}, and not {want}")


def drain(stage):
    """The last of it, that is gone when it was read."""
    for port, want in zip(the_ports(stage), mtty.LEFT):
        got = port.drain()
        check(got == want, f"ttyS{port.line} had {got}, and not {want}")


def migrate_to_file(vmm):
    """The guest stops, and goes on."""
    vmm.qmp.execute("migrate-set-capabilities", capabilities=[
        {"capability": name, "state": False} for name in CAPABILITIES])
    vmm.qmp.execute("migrate-set-parameters", max_bandwidth=1 << 40, downtime_limit=downtime_ms(vmm))
    vmm.qmp.execute("migrate", uri=f"file:{FILE}")
    while (info := vmm.qmp.execute("query-migrate"))["status"] != "completed":
        check(info["status"] not in ("failed", "cancelled"), f"to a file: {info}")
    vmm.qmp.execute("cont")


def found_in_a_file(stage):
    """The only stream in it is named, and each field of it is what the guest has put there."""
    migrate_to_file(stage.guest.vmm)
    try:
        found = json.loads(said("--json", "extract", FILE, "-o", STREAM))["streams"]
    finally:
        os.unlink(FILE)
    check([(one["format"], one["certainty"], one["length"], one["intact"]) for one in found]
          == [("mtty/structure", "certain", 96, True)], f"found: {found}")
    decoded = json.loads(said("--json", "decode", STREAM))
    got = mtty.values(decoded["stream"])
    check(got == mtty.STREAM, f"decoded {got}, and not {mtty.STREAM}")
    counts = {name: decoded[name] for name in ("length", "documented", "opaque", "unknown", "damage")}
    check(counts == {"length": 96, "documented": 96, "opaque": 0, "unknown": 0, "damage": []}, f"{counts}")
    said("verify", STREAM)
    print(f"# {found[0]['name']}: {found[0]['format']}, every field is what the guest has put there")


@needs(MACHINE)
def a_stream_is_understood(stage):
    use(stage, "before")
    put(stage)
    found_in_a_file(stage)
    compare(stage)
    drain(stage)
    use(stage, "after")


@needs(MACHINE)
def there_and_back(stage):
    """Between cards, releases of the VMM and back ends: the guest reads what it has written, and its
    driver goes on."""
    for newer, backend in ((os.path.exists(NEWER), BACKENDS[0]), (False, BACKENDS[-1])):
        put(stage)
        stage.migrate(up=False, newer=newer, backend=backend)
        compare(stage)
        drain(stage)
        use(stage, "there_and_back")


@needs(MACHINE)
def refused_another_number_of_ports(stage):
    """The tool has said so, and why; the guest has not noticed, and goes to where it fits."""
    put(stage)
    found_in_a_file(stage)
    said("save", mtty.SMALLER, ONE_PORT)
    text = said("check", STREAM, "--against", ONE_PORT, status=1)
    check(re.search(r"^ *EFAULT +header +header\.nr_ports +2 +1$", text, re.M), text)
    number = getattr(errno, SAID.search(text).group(1))
    stage.guest.vmm.qmp.events.clear()
    migration = Migration(stage.guest, vf=mtty.SMALLER)
    try:
        migration.wait("failed")
        status, log = migration.destination.wait(), migration.destination.log()
    except (QmpError, OSError):
        migration.abandon()
        raise
    check(status == 1 and log.endswith(f": {os.strerror(number)}"),
          f"the destination ended with {status}: {log}")
    vmm = stage.guest.vmm
    events = [event["event"] for event in vmm.qmp.events]
    check(vmm.running() and "STOP" not in events, f"the guest was stopped: {events}")
    compare(stage)
    refused_by_the_tool()
    stage.migrate(up=False)
    compare(stage)
    drain(stage)


def refused_by_the_tool():
    """Streams in one piece to a card with more ports, or less: that there is too much of it comes first.
    A card that has refused is no good until it is made anew."""
    check(SAID.search(said("check", ONE_PORT, "--against", STREAM, status=1)), "accepted the other way")
    for uuid, wrong, right, name in ((mtty.SMALLER, STREAM, ONE_PORT, "ENOMEM"),
                                     (mtty.CARDS[1], ONE_PORT, STREAM, "EFAULT")):
        mtty.make_anew(uuid)
        text = said("load", uuid, wrong, status=1)
        check(f"write: {name}: " in text, text)
        text = said("load", uuid, right, status=3)
        check("RESUMING gave no data file" in text, text)
        mtty.make_anew(uuid)
        said("load", uuid, right)


WHY_NONE = mtty.WHY_NONE
TESTS = (
    a_stream_is_understood,
    there_and_back,
    refused_another_number_of_ports,
) if mtty.AVAILABLE else ()
