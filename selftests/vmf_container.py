# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""What vmf_reader.py reads a stream with: checksums, refusals, sections."""

from dataclasses import dataclass, field

import vmf_tables as t
from vmf_tables import Values


def crc_table() -> list[int]:
    """The remainders of all bytes for the reflected polynomial 0x1edc6f41 (Conventions)."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc_table()


def crc32c(data: bytes, crc: int = 0) -> int:
    """CRC32C, with inversion before and after (Conventions)."""
    crc ^= 0xffffffff
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


assert crc32c(b"123456789") == 0xe3069283


def pad8(length: int) -> int:
    """`length` rounded up to a multiple of 8 (Conventions)."""
    return length + 7 & ~7


class Refusal(Exception):
    """The stream is refused, with an error at an offset (Errors)."""

    def __init__(self, errno: str, offset: int) -> None:
        super().__init__(f"{errno} {offset}")
        self.errno = errno
        self.offset = offset


def require(condition: bool, errno: str, offset: int) -> None:
    """Refuse the stream unless a rule holds."""
    if not condition:
        raise Refusal(errno, offset)


@dataclass
class Descriptor:
    """A DESCRIPTOR, decoded (Descriptor)."""

    attributes: list[tuple[int, Values, bytes]] = field(default_factory=list)
    presented: Values = field(default_factory=dict)
    uuid: bytes = b""
    name: bytes = b""
    version: Values = field(default_factory=dict)
    required: int = 0
    optional: int = 0
    limits: list[Values] = field(default_factory=list)
    manifest: dict[int, Values] = field(default_factory=dict)
    stream_max: int = 0
    unknown_must: bool = False


@dataclass
class Section:
    """A section: where it is, its header and its payload."""

    offset: int
    header: Values
    payload: bytes = b""
    descriptor: Descriptor | None = None

    @property
    def start(self) -> int:
        """The offset of the payload."""
        return self.offset + t.SECTION_HEADER.size

    @property
    def end(self) -> int:
        """The offset behind payload and padding (Conventions)."""
        return self.start + pad8(self.header["length"])


def taken(entry: Values) -> t.Section | None:
    """The section of the profile, or None if unknown or dropped (Schemas of sections)."""
    known = t.SECTIONS.get(entry["type"])
    return known if known and entry["min_reader"] <= known.schema else None
