# SPDX-License-Identifier: GPL-2.0
"""What a VMM was told to be dirty in each round of the copy of memory: its own trace tells."""

import dataclasses
import re

# Of each range of memory that a device can write to, in each round.
DEVICE = "vfio_get_dirty_bitmap"
BEGIN = "migration_bitmap_sync_start"
END = "migration_bitmap_sync_end"
# Once, if the driver of the device is to log.
LOGGING = "vfio_device_dirty_tracking_start"


@dataclasses.dataclass
class Round:
    # Pages that the device has written to, as VFIO says.
    device: int = 0
    # Pages to be copied that did not have to be before, whoever has written to them; those of up
    # to a second together.
    new: int = 0

    def __str__(self):
        return f"{self.device}/{self.new}"


class Rounds:
    """Of one VMM, from now on."""

    def __init__(self, vmm):
        self.path = f"{vmm.path}.trace"
        vmm.monitor(f"logfile {self.path}")
        for name in (DEVICE, BEGIN, END, LOGGING):
            vmm.qmp.execute("trace-event-set-state", name=name, enable=True)

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def all(self):
        """Those up to now. The first one is before any page is copied, the last one after the stop."""
        rounds = []
        for name, pages in re.findall(rf"^({DEVICE}|{BEGIN}|{END})\b.*?(?:dirty_pages[= ](\d+))?$",
                                      self.text(), re.M):
            if name == BEGIN:
                rounds.append(Round())
            elif name == DEVICE:
                rounds[-1].device += int(pages)
            else:
                rounds[-1].new = int(pages)
        return rounds

    def logged(self):
        """Was the driver asked to log?"""
        return LOGGING in self.text()
