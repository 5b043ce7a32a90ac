# SPDX-License-Identifier: GPL-2.0
"""Functions in software, with their wires in ports of a switch that the PF is in, too."""

import contextlib
import os

from provider import in_sysfs, is_software
from switch import Switch, Tap

UUID = "82576000-0000-4000-8000-0000000000{:02}"
TYPE = "/sys/class/mdev_bus/igbvf_mdev/mdev_supported_types/igbvf_mdev-82576vf"
AVAILABLE = os.path.exists(TYPE)
WHY_NONE = "this kernel cannot emulate devices: no CONFIG_VFIO_MDEV"


class Software:
    """A function in software with its wire in a port of the switch, as long as this lives."""

    def __init__(self, switch, number):
        self.uuid = UUID.format(number)
        self.tap = Tap(switch, f"tap{number}")

    def write(self, path, text):
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def __enter__(self):
        self.write(f"{TYPE}/create", self.uuid)
        try:
            with self.tap as tap:
                self.write(f"{in_sysfs(self.uuid)}/network/backend_fd", str(tap.fd))
        except BaseException:
            self.remove()
            raise
        return self.uuid

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        self.write(f"{in_sysfs(self.uuid)}/remove", "1")


@contextlib.contextmanager
def functions(stage, count=1):
    """So many of them, and the switch is the stage's, as long as this lives."""
    with contextlib.ExitStack() as stack:
        stage.switch = stack.enter_context(Switch(stage.pf))
        try:
            yield [stack.enter_context(Software(stage.switch, number)) for number in range(1, count + 1)]
        finally:
            # Who has one keeps it from being removed.
            if stage.current and is_software(stage.current.vmm.vf):
                stage.drop_guest()
            stage.switch = None
