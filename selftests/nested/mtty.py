# SPDX-License-Identifier: GPL-2.0
"""The kernel's sample of a serial card in software, and what a guest does with it.

Nothing of it knows of VMF. Each port is a UART whose output is its input; a guest finds two of them,
of a kind that its own driver takes.
"""

import dataclasses
import os
import re

from provider import in_sysfs

TYPES = "/sys/class/mdev_bus/mtty/mdev_supported_types"
AVAILABLE = os.path.exists(TYPES)
WHY_NONE = "this kernel has no mtty: no CONFIG_SAMPLE_VFIO_MDEV_MTTY"
# A guest goes from one to the other.
CARDS = tuple(f"4d545459-0000-4000-8000-00000000000{number}" for number in (1, 2))
# With one port less.
SMALLER = "4d545459-0000-4000-8000-000000000003"

# Registers; some are others when they are read, or when a bit of LCR is set.
RX = TX = DLL = 0
IER = DLM = 1
FCR = IIR = 2
LCR, MCR, LSR, MSR, SCR = range(3, 8)
# Nothing to read; nothing to send.
IDLE = 0x60
LOST = 0x02
DATA = 0x01


def sent(data):
    return [(TX, byte) for byte in data]


# What the guest writes, in this order, after its driver has let go of a port. 16 bytes fill the FIFO,
# so that all of it is known, and are thrown away. Then, of the first port, four bytes are sent and one
# is read, and the divisor is left open; the second one has no FIFO, and loses a byte.
WRITES = (
    ((LCR, 0x03), (IER, 0x00), (FCR, 0x07), *sent(b"sixteen letters."), (FCR, 0x87), *sent(b"abcd"),
     (RX, None), (MCR, 0x0b), (SCR, 0x5a), (IER, 0x08), (LCR, 0x83), (DLL, 0x34), (DLM, 0x12)),
    ((LCR, 0x03), (IER, 0x00), (FCR, 0x07), *sent(b"another 16 bytes"), (FCR, 0x06),
     (LCR, 0x9a), (DLL, 0x01), (LCR, 0x1a), *sent(b"yz"), (MCR, 0x11), (SCR, 0xa5), (IER, 0x0f)),
)
# What it reads then, of registers that do not change by it.
READS = (
    {DLL: 0x34, DLM: 0x12, IIR: 0xc1, LCR: 0x83, MCR: 0x0b, LSR: DATA, MSR: 0xb3, SCR: 0x5a},
    {IER: 0x0f, IIR: 0xc6, LCR: 0x1a, MCR: 0x11, LSR: DATA | LOST, MSR: 0xb3, SCR: 0xa5},
)
# What is left in the FIFO; and of LSR when it has been read.
LEFT = ((b"bcd", IDLE), (b"y", IDLE | LOST))

# The same as the card has to send it: each field that is documented, by its name.
STREAM = {
    "header": {"magic": str(0x7e9d09898c3e2c4e), "major_ver": 1, "minor_ver": 0, "nr_ports": 2, "flags": 0},
    "ports": [
        {"uart_reg": bytes((0, 0x08, 0, 0x83, 0x0b, 0, 0, 0x5a)).hex(),
         "rxtx": {"fifo": b"abcdeen letters.".hex(), "head": 4, "tail": 1, "count": 3},
         "dlab": 1, "overrun": 0, "padding": 0, "divisor": 0x1234, "fcr": 0x87, "max_fifo_size": 16,
         "intr_trigger_level": 1, "padding2": 0},
        {"uart_reg": bytes((0, 0x0f, 0, 0x1a, 0x11, 0, 0, 0xa5)).hex(),
         "rxtx": {"fifo": b"ynother 16 bytes".hex(), "head": 1, "tail": 0, "count": 1},
         "dlab": 0, "overrun": 1, "padding": 0, "divisor": 1, "fcr": 0x06, "max_fifo_size": 1,
         "intr_trigger_level": 1, "padding2": 0},
    ],
}


def put(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def cards():
    """Those with two ports; all that are not there are made."""
    for uuid in (*CARDS, SMALLER):
        if not os.path.exists(in_sysfs(uuid)):
            put(f"{TYPES}/mtty-{1 if uuid == SMALLER else 2}/create", uuid)
    return CARDS


def make_anew(uuid):
    """What has happened to it is gone."""
    put(f"{in_sysfs(uuid)}/remove", "1")
    cards()


@dataclasses.dataclass(frozen=True)
class Port:
    """One of the card, in the guest."""

    guest: object
    line: int
    base: int

    def read(self, register):
        return int(self.guest.run("in", self.base + register)[0])

    def write(self, register, byte):
        self.guest.run("out", self.base + register, byte)

    def do(self, writes):
        for register, byte in writes:
            if byte is None:
                self.read(register)
            else:
                self.write(register, byte)

    def all(self, registers):
        return {register: self.read(register) for register in registers}

    def drain(self):
        """What is in the FIFO, and what LSR says then."""
        self.write(LCR, self.read(LCR) & 0x7f)
        data = bytearray()
        while (status := self.read(LSR)) & DATA:
            data.append(self.read(RX))
        # Until the next byte is sent it says that one was lost: the guest's driver would, too.
        self.do([(TX, 0), (RX, None)])
        return bytes(data), status

    def loop(self, text):
        """Through the guest's driver, there and back."""
        return self.guest.run("loop", f"/dev/ttyS{self.line}", text)[0]


def ports(guest):
    """Those that the guest's driver has found at the card: all but the ones of a PC."""
    lines = guest.run("cat", "/proc/tty/driver/serial_8250", "uart:16550A")
    found = [re.match(r"(\d+): uart:16550A I/O:0x(\w+)", line).groups() for line in lines]
    return [Port(guest, int(line), int(base, 16)) for line, base in found if int(base, 16) >= 0x1000]


def values(node):
    """Of a decoded stream, no more than names and values."""
    if isinstance(node, list):
        return [values(element) for element in node]
    return node["value"] if "value" in node else {name: values(child) for name, child in node.items()}
