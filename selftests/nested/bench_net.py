# SPDX-License-Identifier: GPL-2.0
"""Which driver a VF has in the test host, and which address the PF gives it."""

import os
import socket
import struct

from pf import mac_bytes
from stage import check

DEVICES = "/sys/bus/pci/devices"
NO_MAC = "00:00:00:00:00:00"

# Of linux/rtnetlink.h, linux/if_link.h and linux/netlink.h.
RTM_SETLINK = 19
NLM_F_REQUEST_ACK = 5
NLA_F_NESTED = 1 << 15
IFLA_VFINFO_LIST = 22
IFLA_VF_INFO = 1
IFLA_VF_MAC = 1


def attribute(kind, data):
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def vf_number(netdev, vf):
    """Which of the PF's functions it is."""
    folder = f"/sys/class/net/{netdev}/device"
    for name in os.listdir(folder):
        if name.startswith("virtfn") and os.path.basename(os.readlink(f"{folder}/{name}")) == vf:
            return int(name.removeprefix("virtfn"))
    raise ValueError(f"{vf} is no VF of {netdev}")


def set_vf_mac(netdev, vf, mac):
    """The administrator's word, as of "ip link set PF vf N mac MAC"; without an address igb
    drops the filter that it has for the VF, too."""
    entry = struct.pack("=I", vf_number(netdev, vf)) + mac_bytes(mac).ljust(32, b"\0")
    info = attribute(IFLA_VF_INFO | NLA_F_NESTED, attribute(IFLA_VF_MAC, entry))
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(netdev), 0, 0)
    body += attribute(IFLA_VFINFO_LIST | NLA_F_NESTED, info)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("=IHHII", len(body) + 16, RTM_SETLINK, NLM_F_REQUEST_ACK, 1, 0) + body)
        error = struct.unpack("=i", netlink.recv(4096)[16:20])[0]
    check(error == 0, f"the MAC of {vf} cannot be set: {os.strerror(-error)}")


def driver_of(vf):
    path = f"{DEVICES}/{vf}/driver"
    return os.path.basename(os.readlink(path)) if os.path.exists(path) else None


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def bind(vf, driver):
    if driver_of(vf) == driver:
        return
    if driver_of(vf):
        put(f"{DEVICES}/{vf}/driver/unbind", vf)
    put(f"{DEVICES}/{vf}/driver_override", driver)
    put("/sys/bus/pci/drivers_probe", vf)
    check(driver_of(vf) == driver, f"{vf} is bound to {driver_of(vf)}, not to {driver}")
