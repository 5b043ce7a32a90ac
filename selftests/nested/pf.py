# SPDX-License-Identifier: GPL-2.0
"""The test host's end of the wire: the network interface of the PF."""

import os
import select
import socket
import struct
import subprocess
import time

from pace import allow

HOST = "10.82.0.1"
GUEST = "10.82.0.2"
MAC = "02:00:00:00:82:01"
MASK = "255.255.255.0"
MTU = 9000
ETHERTYPE = 0x88B5
MAGIC = 0x564D4654
FRAME_MIN = 60
FRAME_MAX = 1514
PACKET_OUTGOING = 4


def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))


class Pf:
    def __init__(self, netdev):
        self.netdev = netdev
        # The MTU first: to change it the driver resets the PF, and with it the VFs.
        for words in (["mtu", str(MTU)], ["up"]):
            subprocess.run(["busybox", "ip", "link", "set", netdev, *words], check=True)
        self.end = None
        self.raw = None
        self.move(netdev)
        self.icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.sequence = 0

    def move(self, end):
        """The host's address is that of this interface from now on, at the PF or on a switch with it."""
        if self.end:
            self.raw.close()
            subprocess.run(["busybox", "ip", "addr", "flush", "dev", self.end], check=True)
        self.end = end
        subprocess.run(["busybox", "ifconfig", end, HOST, "netmask", MASK], check=True)
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        self.raw.bind((end, ETHERTYPE))
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.mac = self.raw.getsockname()[4]

    def close(self):
        self.raw.close()
        self.icmp.close()
        subprocess.run(["busybox", "ip", "addr", "flush", "dev", self.end], check=True)
        subprocess.run(["busybox", "ip", "link", "set", self.netdev, "mtu", "1500"], check=True)

    def ping(self, timeout=10, size=56):
        """Seconds until the answer, which has to be what was sent; None without one."""
        self.sequence = (self.sequence + 1) & 0xFFFF
        identifier = os.getpid() & 0xFFFF
        payload = bytes((self.sequence + i) & 0xFF for i in range(size))
        tail = struct.pack("!HH", identifier, self.sequence) + payload
        request = struct.pack("!BBH", 8, 0, checksum(b"\x08\0\0\0" + tail)) + tail
        # It hears the answers to the pings of others, and when it is full, not that to its own.
        while select.select([self.icmp], [], [], 0)[0]:
            self.icmp.recv(65536)
        begin = time.monotonic()
        self.icmp.sendto(request, (GUEST, 0))
        while (left := begin + allow(timeout) - time.monotonic()) > 0:
            if not select.select([self.icmp], [], [], left)[0]:
                break
            packet = self.icmp.recv(65536)
            answer = packet[(packet[0] & 15) * 4:]
            if answer[0] == 0 and answer[4:] == tail:
                return time.monotonic() - begin
        return None

    def ping_until(self, timeout=30):
        """An answer at last: frames may be lost, as when the device is stopped."""
        end = time.monotonic() + allow(timeout)
        while time.monotonic() < end:
            if self.ping(1) is not None:
                return True
        return False

    def send(self, stream, to, first, count, vlan=None):
        """Numbered frames, as lib/frame.c makes them."""
        for sequence in range(first, first + count):
            self.raw.send(frame(stream, sequence, to, self.mac, vlan))

    def receive(self, stream, first, count, timeout=10):
        """The numbers of the frames that came, until all are there."""
        end = time.monotonic() + allow(timeout)
        seen = []
        while (left := end - time.monotonic()) > 0:
            if set(range(first, first + count)) <= set(seen):
                # What comes now is there twice.
                left = min(left, 0.2)
            if not select.select([self.raw], [], [], left)[0]:
                break
            data, address = self.raw.recvfrom(65536)
            if address[2] == PACKET_OUTGOING or len(data) < FRAME_MIN:
                continue
            number, magic, sequence = struct.unpack("!HII", data[14:24])
            if number != stream or magic != MAGIC:
                continue
            if data != frame(stream, sequence, data[:6], data[6:12]):
                raise ValueError(f"frame {sequence} of stream {stream} is damaged")
            seen.append(sequence)
        return seen


def frame(stream, sequence, to, source, vlan=None):
    """One frame of lib/frame.h, with a tag if it is for a VLAN."""
    length = FRAME_MIN + (stream * 131 + sequence * 397) % (FRAME_MAX - FRAME_MIN + 1)
    to = mac_bytes(to) if isinstance(to, str) else to
    head = struct.pack("!6s6sHHIIH", to, source, ETHERTYPE, stream, MAGIC, sequence, length)
    data = head + bytes((stream * 17 + sequence * 7 + i) & 0xFF for i in range(len(head), length))
    if vlan is not None:
        data = data[:12] + struct.pack("!HH", 0x8100, vlan) + data[12:]
    return data


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
