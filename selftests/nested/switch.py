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
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def ip(*words):
    subprocess.run(["busybox", "ip", *words], check=True)


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
        subprocess.run(["busybox", "arp", "-s", GUEST, MAC], check=True)
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
    """A TAP device on a port of the switch, as long as this lives."""

    def __init__(self, switch, name):
        self.switch = switch
        self.name = name
        self.fd = None

    def __enter__(self):
        self.fd = os.open(TUN, os.O_RDWR)
        fcntl.ioctl(self.fd, TUNSETIFF,
                    struct.pack("16sH22x", self.name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
        self.switch.plug(self.name)
        return self

    def __exit__(self, *_):
        os.close(self.fd)
