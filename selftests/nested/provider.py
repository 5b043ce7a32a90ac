# SPDX-License-Identifier: GPL-2.0
"""Who answers for a function, and where: a VF has an address, a function in software has a UUID."""


def is_software(vf):
    return "-" in vf


def in_sysfs(vf):
    return f"/sys/bus/{'mdev' if is_software(vf) else 'pci'}/devices/{vf}"


def in_debugfs(vf):
    """Where its driver says what it has done."""
    return f"/sys/kernel/debug/{'igbvf_mdev' if is_software(vf) else 'igbvf_vfio_pci'}/{vf}"
