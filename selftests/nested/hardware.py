# SPDX-License-Identifier: GPL-2.0
"""The VFs of a test host: which driver they have, and which address the PF gives them."""

import json
import os
import socket
import struct
import subprocess

from pf import mac_bytes

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


def number(vf):
    """Which of the PF's functions it is."""
    folder = f"{DEVICES}/{os.environ['VMF_PF']}"
    for name in os.listdir(folder):
        if name.startswith("virtfn") and os.path.basename(os.readlink(f"{folder}/{name}")) == vf:
            return int(name.removeprefix("virtfn"))
    raise ValueError(f"{vf} is no VF of the PF")


def set_mac(vf, address):
    """The administrator's word, as of "ip link set PF vf N mac MAC"; without an address igb
    drops the filter that it has for the VF, too."""
    entry = struct.pack("=I", number(vf)) + mac_bytes(address).ljust(32, b"\0")
    info = attribute(IFLA_VF_INFO | NLA_F_NESTED, attribute(IFLA_VF_MAC, entry))
    body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(os.environ["VMF_PF_NETDEV"]), 0, 0)
    body += attribute(IFLA_VFINFO_LIST | NLA_F_NESTED, info)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(struct.pack("=IHHII", len(body) + 16, RTM_SETLINK, NLM_F_REQUEST_ACK, 1, 0) + body)
        error = struct.unpack("=i", netlink.recv(4096)[16:20])[0]
    if error:
        raise OSError(-error, f"the MAC of {vf} cannot be set: {os.strerror(-error)}")


def mac(vf):
    """The address that the PF has for it; by a program that libvirt brings with it."""
    text = subprocess.run(["ip", "-json", "link", "show", "dev", os.environ["VMF_PF_NETDEV"]],
                          capture_output=True, check=True).stdout
    return json.loads(text)[0]["vfinfo_list"][number(vf)]["address"]


def driver(vf):
    path = f"{DEVICES}/{vf}/driver"
    return os.path.basename(os.readlink(path)) if os.path.exists(path) else None


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def bind(vf, name):
    if driver(vf) == name:
        return
    unbind(vf)
    put(f"{DEVICES}/{vf}/driver_override", name)
    put("/sys/bus/pci/drivers_probe", vf)
    if driver(vf) != name:
        raise RuntimeError(f"{vf} is bound to {driver(vf)}, not to {name}")


def unbind(vf):
    """It has no driver any more, and none is named for it."""
    if driver(vf):
        put(f"{DEVICES}/{vf}/driver/unbind", vf)
    put(f"{DEVICES}/{vf}/driver_override", "\n")


def add(vf):
    """udev hears of it as of one that is new."""
    put(f"{DEVICES}/{vf}/uevent", "add")
