# SPDX-License-Identifier: GPL-2.0
"""A bridge in a test host, with its port of the wire and TAP devices for its ports."""

import fcntl
import os
import struct
import subprocess

from pf import GUEST, MAC

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


def forget_neighbour():
    """It asks anew, and hears the guest, and so does what is in between."""
    subprocess.run(["busybox", "arp", "-d", GUEST], check=True)


class Bridge:
    """The functions in software of a host and its port of the wire, as long as this lives.

    QEMU's model of the PF hands what it sends to all to itself as well: a bridge would learn that all
    stations are behind it.
    """

    UPLINK = {"learning": "0"}

    def __init__(self, uplink):
        self.uplink = uplink

    def __enter__(self):
        with open(f"/sys/class/net/{self.uplink}/address", encoding="ascii") as file:
            address = file.read().strip()
        ip("link", "add", NAME, "type", "bridge")
        ip("link", "set", NAME, "address", address)
        self.plug(self.uplink)
        for name, value in self.UPLINK.items():
            with open(f"/sys/class/net/{self.uplink}/brport/{name}", "w", encoding="ascii") as file:
                file.write(value)
        ip("link", "set", NAME, "up")
        return self

    def __exit__(self, *_):
        ip("link", "del", NAME)

    def plug(self, netdev):
        ip("link", "set", netdev, "master", NAME)
        ip("link", "set", netdev, "up")


class Switch(Bridge):
    """The same where there is one host: its address is the switch's, and no longer the PF's."""

    # It learns who is behind the PF, and the PF hears nothing that it would send to itself.
    UPLINK = {"broadcast_flood": "0", "multicast_flood": "0"}

    def __init__(self, pf):
        super().__init__(pf.netdev)
        self.pf = pf

    def __enter__(self):
        super().__enter__()
        self.pf.move(NAME)
        still_neighbour()
        return self

    def __exit__(self, *_):
        self.pf.move(self.uplink)
        super().__exit__()

    def forget(self):
        """The stations that it has learned of, which are soon to be heard again if they say anything."""
        with open(f"/sys/class/net/{NAME}/bridge/flush", "w", encoding="ascii") as file:
            file.write("1")


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
