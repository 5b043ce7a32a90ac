# SPDX-License-Identifier: GPL-2.0
"""Destinations that the guest does not fit: each says so while it runs, and it never stops."""

import errno
import os

import doctor
import vmf_reader  # doctor knows where
from guest import NETDEV
from kernel_log import KernelLog
from migrate import Migration
from relay import DESCRIPTOR, STATE, Relay
from stage import MAC, check
from watch import IN_PRE_COPY, IN_STOP_COPY, Driver, Watch

SECOND = "02:00:00:00:82:02"
# That nobody has given a number to.
UNKNOWN_FEATURE = 1 << 7
NEWER = 3
# Where the driver has found the fault.
DESCRIPTOR_AT = "offset 32 (section 0x1, instance 0, seq 0)"
HEADER_AT = "offset 0: "


def check_destination(migration, log, number, reasons):
    """Its VMM ends with the text of the error, and the driver says what is wrong, and where."""
    status = migration.destination.wait()
    text = migration.destination.log()
    check(status == 1, f"the destination ended with {status}: {text}")
    check(text.endswith(f": {os.strerror(number)}"), f"the destination says: {text}")
    vf = migration.destination.vf
    error = Driver(vf).last_error()
    # ENOTSUP is the same number.
    name = "EOPNOTSUPP" if number == errno.EOPNOTSUPP else errno.errorcode[number]
    for reason in (f"stream refused: {name} at offset ", *reasons):
        check(reason in error, f"no {reason} in the driver's: {error}")
    lines = [line for line in log.lines() if "stream" in line]
    check(len(lines) == 1 and vf in lines[0] and lines[0].endswith(error), f"the kernel says: {lines}")


def refuse(stage, number, reasons, edit=None, stop=False, vf=None):
    """One migration to the next VF, or this one, that comes to nothing. edit: see Relay."""
    watch, log = Watch(stage), KernelLog()
    # For pings, while nothing is decided.
    relay = Relay(hold=DESCRIPTOR, edit=edit)
    migration = Migration(stage.guest, relay=relay, vf=vf)
    try:
        relay.wait_held()
        watch.check_pings()
        relay.go()
        migration.wait("failed")
        check_destination(migration, log, number, reasons)
        if stop:
            # It was right when it left the source.
            verdict = vmf_reader.verdict(relay.device)
            check(verdict == "ok", f"what the source has sent is no stream: {verdict}")
    finally:
        try:
            relay.close()
        finally:
            migration.abandon()
            log.close()
    if not stop:
        watch.check_never_stopped()
    watch.check_goes_on(IN_STOP_COPY if stop else IN_PRE_COPY)


def refused(name, number, reason, edit, place=DESCRIPTOR_AT, then_fits=False):
    """A test of a descriptor that was doctored on its way.

    then_fits: the same VF takes the guest if nothing is changed. Of one test for each error; after
    the others the same VF is the destination of the next test.
    """
    def test(stage):
        refuse(stage, number, (place, reason), {DESCRIPTOR: edit})
        if then_fits:
            stage.migrate()
    test.__name__ = f"refused_{name}"
    return test


def refused_a_feature_that_an_older_destination_lacks(stage, vf=None):
    """Nothing is doctored: the guest uses what a driver of version 1 has no words for."""
    guest = stage.guest
    driver = Driver(vf or guest.next_vf())
    # Linux never gets rid of it: igb does not agree to how igbvf clears the list.
    guest.run("join", NETDEV, SECOND)
    guest.run("listen", NETDEV)
    driver.put("max_profile_version", "1")
    try:
        refuse(stage, errno.EOPNOTSUPP, (DESCRIPTOR_AT, "required features: got 0x1, want 0x0"), vf=vf)
    finally:
        driver.put("max_profile_version", "2")
    stage.to_guest(1, SECOND, 10)
    stage.check_arrived(NETDEV, 1)
    # That host has a newer driver now.
    stage.migrate(vf=vf)
    stage.to_guest(1, SECOND, 10)
    stage.check_arrived(NETDEV, 1)
    guest.run("listen_end")
    stage.sent.clear()


def refused_a_flipped_bit_in_the_state(stage):
    """When the guest has stopped already: it goes on, with a device as it was."""
    guest = stage.guest
    guest.run("listen", NETDEV)
    stage.to_guest(1, MAC, 20)
    stage.check_arrived(NETDEV, 1)
    # In the payload of the first section, a receive queue.
    refuse(stage, errno.EBADMSG, ("(section 0x10001, instance 0, seq 1)", "CRC"),
           {STATE: doctor.flipped(8 * 40)}, stop=True)
    stage.to_guest(1, MAC, 20)
    stage.check_arrived(NETDEV, 1)
    guest.run("listen_end")
    stage.sent.clear()
    stage.migrate()


TESTS = (
    refused("another_vendor", errno.EXDEV, "vendor id: got 0x1af4", doctor.attribute(1, "vendor", 0x1af4)),
    refused("another_device", errno.EXDEV, "device id: got 0x1520", doctor.attribute(1, "device", 0x1520)),
    refused("another_subsystem", errno.EXDEV, "subsystem id: got 0x1234",
            doctor.attribute(1, "subdevice", 0x1234)),
    refused("an_unknown_profile_uuid", errno.EXDEV, "profile UUID", doctor.whole(2, lambda uuid: uuid[::-1])),
    refused("an_unknown_profile_name", errno.EXDEV, "profile name",
            doctor.whole(3, lambda name: name[:-1] + b"0"), then_fits=True),
    refused("too_many_queues", errno.EDOM, "rx-queues: got 0x4, want 0x2", doctor.limit(1, 4),
            then_fits=True),
    refused("an_unknown_feature", errno.EOPNOTSUPP, "required features: got 0x80, want 0x1",
            doctor.whole(5, lambda words: UNKNOWN_FEATURE.to_bytes(len(words), "little"))),
    refused("a_newer_profile_version", errno.EOPNOTSUPP, "profile version too new: got 0x3, want 0x2",
            doctor.whole(4, lambda _: NEWER.to_bytes(4, "little") * 2), then_fits=True),
    refused("a_newer_container", errno.EPROTONOSUPPORT, "container major version: got 0x2, want 0x1",
            doctor.file_header("major", 2), HEADER_AT, then_fits=True),
    refused("a_flipped_bit", errno.EBADMSG, "CRC", doctor.flipped(8 * 100), then_fits=True),
    refused_a_flipped_bit_in_the_state,
    refused_a_feature_that_an_older_destination_lacks,
)
