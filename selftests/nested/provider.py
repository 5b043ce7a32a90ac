# SPDX-License-Identifier: GPL-2.0
"""Who answers for a function, and where: a VF has an address, a function in software has a UUID."""

import os

# Can the driver of a VF log what its device writes?
TRACKED = os.environ["VMF_LANE"] != "debian"


def is_software(vf):
    return "-" in vf


def is_tracked(vf):
    """Is it known what the device writes? Of software always: what the driver does not log, the
    kernel keeps account of."""
    return TRACKED or is_software(vf)


def in_sysfs(vf):
    return f"/sys/bus/{'mdev' if is_software(vf) else 'pci'}/devices/{vf}"


def in_debugfs(vf):
    """Where its driver says what it has done."""
    return f"/sys/kernel/debug/{'igbvf_mdev' if is_software(vf) else 'igbvf_vfio_pci'}/{vf}"
