# SPDX-License-Identifier: GPL-2.0
"""A switch in the test host, with the PF and TAP devices for its ports."""

import fcntl
import os
import struct
import subprocess

from pf import GUEST
from stage import MAC

NAME = "switch0"
TUN = "/dev/net/tun"
TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def ip(*words):
    subprocess.run(["busybox", "ip", *words], check=True)


def still_neighbour():
    """The test host knows the guest's address: when it asks for it anew is no part of a downtime, and
    would be up to a second of it."""
    subprocess.run(["busybox", "arp", "-s", GUEST, MAC], check=True)


class Switch:
    """The test host's address is the switch's, and no longer the PF's, as long as this lives."""

    def __init__(self, pf):
        self.pf = pf

    def __enter__(self):
        with open(f"/sys/class/net/{self.pf.netdev}/address", encoding="ascii") as file:
            address = file.read().strip()
        ip("link", "add", NAME, "type", "bridge")
        ip("link", "set", NAME, "address", address)
        self.plug(self.pf.netdev)
        # QEMU's model of the PF hands what it sends to all to itself as well, and the switch would
        # learn that all stations are behind it.
        for kind in ("broadcast", "multicast"):
            with open(f"/sys/class/net/{self.pf.netdev}/brport/{kind}_flood", "w", encoding="ascii") as file:
                file.write("0")
        ip("link", "set", NAME, "up")
        self.pf.move(NAME)
        still_neighbour()
        return self

    def __exit__(self, *_):
        self.pf.move(self.pf.netdev)
        ip("link", "del", NAME)

    def forget(self):
        """The stations that it has learned of, which are soon to be heard again if they say anything."""
        with open(f"/sys/class/net/{NAME}/bridge/flush", "w", encoding="ascii") as file:
            file.write("1")

    def plug(self, netdev):
        ip("link", "set", netdev, "master", NAME)
        ip("link", "set", netdev, "up")


class Tap:
    """A TAP device on a port of the switch, as long as this lives. left: who is to have it opens it,
    by its name."""

    def __init__(self, switch, name, left=False):
        self.switch = switch
        self.name = name
        self.left = left
        self.fd = None

    def __enter__(self):
        self.fd = os.open(TUN, os.O_RDWR)
        fcntl.ioctl(self.fd, TUNSETIFF,
                    struct.pack("16sH22x", self.name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        if self.left:
            fcntl.ioctl(self.fd, TUNSETPERSIST, 1)
            os.close(self.fd)
        self.switch.plug(self.name)
        return self

    def __exit__(self, *_):
        if self.left:
            ip("link", "del", self.name)
        else:
            os.close(self.fd)
