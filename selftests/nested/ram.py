# SPDX-License-Identifier: GPL-2.0
"""The memory of a guest that is stopped, as the file that its VMM has it in."""

import os
import struct
import time

PAGE = 4096
BLOCK = 1 << 20


def differing_pages(one, other):
    """The numbers of the pages that are not the same in both, which have to be of one size."""
    pages = []
    with open(one, "rb") as first, open(other, "rb") as second:
        size = os.fstat(first.fileno()).st_size
        if size != os.fstat(second.fileno()).st_size or not size:
            raise ValueError(f"{one} and {other} are not of the same size")
        for start in range(0, size, BLOCK):
            # Nearly always a block is the same as a whole.
            a, b = (os.pread(file.fileno(), BLOCK, start) for file in (first, second))
            if a != b:
                pages += [(start + at) // PAGE for at in range(0, BLOCK, PAGE)
                          if a[at:at + PAGE] != b[at:at + PAGE]]
    return pages


class Difference:
    """How a page differs."""

    def __init__(self, one, other, page):
        self.page = page
        self.a, self.b = (read_page(path, page) for path in (one, other))
        self.places = [at for at in range(PAGE) if self.a[at] != self.b[at]]

    def __str__(self):
        at = self.places[0] & ~15
        a, b = (page[at:at + 16].hex() for page in (self.a, self.b))
        return (f"page {self.page:#x}: {len(self.places)} bytes from {self.places[0]:#x} "
                f"to {self.places[-1]:#x}, at {at:#x} {a} and {b}")

    def is_wall_clock(self):
        """The VMM sets MSR_KVM_WALL_CLOCK_NEW after it has loaded the memory, and KVM writes the
        time at which the guest was started, as it takes it, to where the guest wants it: struct
        pvclock_wall_clock, with a version that grows by 2 each time."""
        at = self.places[0]
        if at % 4 or self.places[-1] >= at + 12 or at + 12 > PAGE:
            return False
        (before, *old), (after, *new) = (struct.unpack_from("<III", page, at) for page in (self.a, self.b))
        return (after == before + 2 and before % 2 == 0
                and all(abs(sec - time.time()) < 3600 and nsec < 10**9 for sec, nsec in (old, new)))


def read_page(path, page):
    with open(path, "rb") as file:
        return os.pread(file.fileno(), PAGE, page * PAGE)
