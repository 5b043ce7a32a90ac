# SPDX-License-Identifier: GPL-2.0
"""A newer release of the VMM: it is not modified either, and versions may be mixed."""

import os

from cases_channels import streams_out_of_channels
from provider import TRACKED
from stage import check, needs
from streams import Streams
from vmm import NEWER, Machine

SECONDS = 300


def migrate_through(stage, steps):
    """Under traffic. steps: for each migration, whether to the newer VMM, and of how many channels."""
    guest = stage.guest
    changes, releases = guest.carrier_changes(), {}
    with Streams(stage) as streams:
        for newer, channels in steps:
            stage.migrate(newer=newer, channels=channels)
            streams.flows()
            version = guest.vmm.qmp.execute("query-version")["qemu"]
            release = f"{version['major']}.{version['minor']}"
            print(f"# now in QEMU {release}")
            check(releases.setdefault(newer, release) == release, f"{release} is not {releases[newer]}")
        streams.stop()
        streams.check()
        check(streams.lost("host") == 0, f"of what the guest sent is lost: {streams.report}")
    check(guest.carrier_changes() == changes, "the carrier has changed")
    check(len(set(releases.values())) == len(releases), f"the newer VMM is not: {releases}")


@needs(seconds=SECONDS)
def to_a_newer_vmm_and_back(stage):
    """There, from one of them to the next, through several channels as well, and back."""
    migrate_through(stage, ((True, 0), (True, 0), (True, 4), (False, 0)))


@needs(Machine(newer=True, backend="iommufd"), seconds=SECONDS)
def between_newer_vmms_with_iommufd(stage):
    migrate_through(stage, ((True, 0), (True, 4)))


@needs(Machine(newer=True), seconds=SECONDS)
def streams_out_of_channels_of_a_newer_vmm(stage):
    streams_out_of_channels(stage, newer=True)


WHY_NONE = "the archive has no QEMU that is newer than that of the release"
TESTS = () if not os.path.exists(NEWER) else (
    to_a_newer_vmm_and_back, streams_out_of_channels_of_a_newer_vmm) + (
    (between_newer_vmms_with_iommufd,) if TRACKED else ())
