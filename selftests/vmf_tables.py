# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""The tables of Documentation/userspace-api/vmf.rst as data, for vmf_reader.py.

Written from the document alone and not generated from the registry: the point is to have
a second opinion. References are to the sections of vmf.rst.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Values = dict[str, Any]

# Conventions, constants
MAGIC = bytes.fromhex("89564d460d0a1a0a")
ENDIAN_TAG = 0x01020304
MAJOR = 1
FILE_HEADER_MAX = 256
PREAMBLE_MAX = 4096
PAYLOAD_MAX = 0x100000
SECTIONS_MAX = 64
GENERATIONS_MAX = 16
CONTAINER_SCHEMA = 1

# Section header, flags
CRITICAL, VERIFY_ONLY, CONT = 1, 2, 4

# Section types
DESCRIPTOR, END, POLICY = 1, 2, 3

# Descriptor, flags of an attribute
MUST = 1


@dataclass(frozen=True)
class Field:
    """One row of the table of a structure, and what its value may be."""

    name: str
    width: int
    count: int | None = None
    flags: int | None = None
    mask: int | None = None
    multiple: int | None = None
    at_most: int | None = None

    @property
    def size(self) -> int:
        """The size in bytes, of all elements."""
        return self.width * (1 if self.count is None else self.count)

    def read(self, data: bytes) -> int | bytes | list[int]:
        """The value: a number, the bytes of an array of u8, or the list of a wider one."""
        if self.count is None:
            return int.from_bytes(data, "little")
        if self.width == 1:
            return data
        return [int.from_bytes(data[at:at + self.width], "little")
                for at in range(0, len(data), self.width)]

    def well_formed(self, value: Any) -> bool:
        """Reserved fields are 0, fields of flags have no other bits (Profiles, rule 3)."""
        if self.name.startswith("reserved"):
            return not any(value) if isinstance(value, bytes) else value == 0
        return self.flags is None or not value & ~self.flags

    def in_range(self, value: Any) -> bool:
        """What the column "value" of the table allows (Profiles, rule 4)."""
        return all((self.mask is None or not one & ~self.mask)
                   and (self.multiple is None or one % self.multiple == 0)
                   and (self.at_most is None or one <= self.at_most)
                   for one in (value if isinstance(value, (bytes, list)) else [value]))


def field(name: str, kind: str, **limits: int) -> Field:
    """A field of a type in the spelling of the document, e.g. u32 or u8[6]."""
    match = re.fullmatch(r"u(8|16|32|64)(?:\[(\d+)\])?", kind)
    assert match
    count = int(match[2]) if match[2] else None
    return Field(name, int(match[1]) // 8, count, **limits)


class Structure:
    """Fields one after the other, without gaps."""

    def __init__(self, *fields: Field) -> None:
        self.fields: list[tuple[int, Field]] = []
        self.size = 0
        for one in fields:
            self.fields.append((self.size, one))
            self.size += one.size

    def read(self, data: bytes, offset: int = 0) -> Values:
        """The values by name."""
        return {one.name: one.read(data[offset + at:offset + at + one.size])
                for at, one in self.fields}

    def well_formed(self, values: Values) -> bool:
        """Conventions: reserved fields are 0; any flag without a name is 0."""
        return all(one.well_formed(values[one.name]) for _, one in self.fields)

    def in_range(self, values: Values) -> bool:
        """Every field has a value that the table allows."""
        return all(one.in_range(values[one.name]) for _, one in self.fields)


# File header
FILE_HEADER = Structure(
    field("magic", "u8[8]"), field("endian_tag", "u32"), field("major", "u16"),
    field("minor", "u16"), field("header_len", "u32"), field("incompat", "u32"),
    field("compat", "u32"), field("crc", "u32"))

# Section header
SECTION_HEADER = Structure(
    field("type", "u32"), field("schema", "u16"),
    field("flags", "u16", flags=CRITICAL | VERIFY_ONLY | CONT), field("instance", "u32"),
    field("seq", "u32"), field("length", "u64"), field("payload_crc", "u32"),
    field("header_crc", "u32"))

# Section types; Policy digest
POLICY_ENTRY = Structure(
    field("id", "u16"), field("action", "u8"), field("reserved", "u8[5]"),
    field("value", "u64"))

# Descriptor
ATTRIBUTE_HEADER = Structure(
    field("key", "u16"), field("flags", "u16", flags=MUST), field("len", "u32"))
VERSION = Structure(field("version", "u32"), field("min_reader", "u32"))

# Presented identity
PRESENTED = Structure(
    field("vendor", "u16"), field("device", "u16"), field("subvendor", "u16"),
    field("subdevice", "u16"), field("revision", "u8"), field("class", "u8[3]"),
    field("flags", "u8", flags=1), field("reserved", "u8[3]"))

# Limits
LIMIT = Structure(
    field("id", "u16"), field("rule", "u8"), field("reserved", "u8[5]"),
    field("value", "u64"))

IGNORE = 6
RULES: dict[int, Callable[[int, int], bool]] = {
    1: lambda source, destination: source == destination,
    2: lambda source, destination: source <= destination,
    3: lambda source, destination: source >= destination,
    4: lambda source, destination: destination & ~source == 0,
    5: lambda source, destination: source & ~destination == 0,
    IGNORE: lambda source, destination: True,
}

# Manifest
MANIFEST_ENTRY = Structure(
    field("type", "u32"), field("schema", "u16"), field("min_reader", "u16"),
    field("flags", "u16", flags=CRITICAL | VERIFY_ONLY), field("reserved", "u16"),
    field("count_max", "u32"), field("len_max", "u32"), field("reserved2", "u32"))

# Configuration space
CONFIG_WORD = Structure(field("offset", "u16"), field("flags", "u16", flags=1), field("value", "u32"))

# END
END_PAYLOAD = Structure(
    field("sections", "u32"), field("generation", "u32"), field("total", "u64"),
    field("stream_crc", "u32"), field("reserved", "u32"))


@dataclass(frozen=True)
class Attribute:
    """A row of the table in Descriptor; `form` is the member of JSON form for its value."""

    name: str
    form: str
    mandatory: bool = False
    structure: Structure | None = None


ATTRIBUTES: dict[int, Attribute] = {
    1: Attribute("presented", "fields", True, PRESENTED),
    2: Attribute("profile_uuid", "uuid", True),
    3: Attribute("profile_name", "text", True),
    4: Attribute("profile_version", "fields", True, VERSION),
    5: Attribute("features_required", "words"),
    6: Attribute("features_optional", "words"),
    7: Attribute("limits", "entries", False, LIMIT),
    8: Attribute("manifest", "entries", True, MANIFEST_ENTRY),
    9: Attribute("stream_max", "number", True),
    10: Attribute("policy_digest", "entries", False, POLICY_ENTRY),
    11: Attribute("presented_config", "entries", False, CONFIG_WORD),
    64: Attribute("provider_ids", "fields", False, PRESENTED),
    65: Attribute("provider_driver", "text"),
    66: Attribute("provider_version", "text"),
    67: Attribute("provider_firmware", "text"),
    68: Attribute("provider_os", "text"),
}
PROVIDER_FIRST = 64

# Section types. What is not here is known by the profile, or not at all.
CONTAINER_NAMES = {DESCRIPTOR: "descriptor", END: "end", POLICY: "policy", 4: "text",
                   5: "feature-names"}


# Profiles, vf.net.igbvf-82576: what is said below the table of each section.

def is_unicast(address: bytes) -> bool:
    """Not all bytes are 0, and bit 0 of the first one is 0."""
    return any(address) and not address[0] & 1


def ring_holds(control: int, length: int, *indices: int) -> bool:
    """Rules 4 to 6 of both queues: length and indices of a ring, by the enable bit 25."""
    if control & 1 << 25:
        return length != 0 and all(index < length // 16 for index in indices)
    return all(index <= 65535 for index in indices)


def rx_queue_holds(values: Values, instance: int) -> bool:
    """Rules 4 to 7 of rx-queue."""
    return (ring_holds(values["rxdctl"], values["rdlen"], values["rdh"], values["rdt"])
            and (instance == 0 or values["psrtype"] == 0))


def tx_queue_holds(values: Values, _instance: int) -> bool:
    """Rules 4 to 6 of tx-queue."""
    return ring_holds(values["txdctl"], values["tdlen"], values["tdh"], values["tdt"])


def mailbox_holds(values: Values, _instance: int) -> bool:
    """Rule 4 of mailbox: no request unless one is pending (bit 2)."""
    return bool(values["flags"] & 4) or not any(values["request"])


def filters_hold(values: Values, _instance: int) -> bool:
    """Rules 4 to 8 of filters."""
    mac, vlans = values["mac"], values["vlans"]
    return ((is_unicast(mac) if values["flags"] & 1 else not any(mac))
            and (values["flags"] & 8 or values["max_frame"] == 0)
            and not any(values["multicast"][values["multicast_count"]:])
            and not vlans[0] & 1
            and int.from_bytes(vlans, "little").bit_count() <= 31)


def unicast_holds(values: Values, _instance: int) -> bool:
    """Rule 4 of unicast."""
    addresses, used = values["addresses"], values["count"] * 6
    return (all(is_unicast(addresses[at:at + 6]) for at in range(0, used, 6))
            and not any(addresses[used:]))


def any_holds(_values: Values, _instance: int) -> bool:
    """Nothing is said below the table."""
    return True


@dataclass(frozen=True)
class Section:
    """A row of the table of sections of a profile, and the layout of its payload."""

    name: str
    structure: Structure
    holds: Callable[[Values, int], bool] = any_holds
    instances: int = 1
    critical: bool = True
    since: int = 1
    feature: int | None = None
    left_out_if_0: bool = False
    schema: int = 1


RING = 0xffff0
VECTORS = 0x7
IVAR = 0x83838383
NO_FLUSH = 0xfbffffff

SECTIONS: dict[int, Section] = {
    0x10001: Section("rx-queue", Structure(
        field("rdba", "u64", multiple=32), field("rdlen", "u32", multiple=16, at_most=RING),
        field("srrctl", "u32"), field("rdh", "u32"), field("rdt", "u32"),
        field("rxdctl", "u32", mask=NO_FLUSH), field("rxctl", "u32"), field("psrtype", "u32"),
        field("reserved", "u32")), rx_queue_holds, instances=2),
    0x10002: Section("tx-queue", Structure(
        field("tdba", "u64", multiple=32), field("tdwba", "u64"),
        field("tdlen", "u32", multiple=16, at_most=RING), field("tdh", "u32"),
        field("tdt", "u32"), field("txdctl", "u32", mask=NO_FLUSH), field("txctl", "u32"),
        field("reserved", "u32")), tx_queue_holds, instances=2),
    0x10003: Section("interrupts", Structure(
        field("eims", "u32", mask=VECTORS), field("eiac", "u32", mask=VECTORS),
        field("eiam", "u32", mask=VECTORS), field("eitr", "u32[3]", mask=0xffff),
        field("ivar", "u32", mask=IVAR), field("ivar_misc", "u32", mask=IVAR))),
    0x10004: Section("mailbox", Structure(
        field("vmbmem", "u32[16]"), field("request", "u32[16]"), field("r2c", "u8", mask=0xb0),
        field("flags", "u8", flags=0x7), field("reserved", "u8[6]")), mailbox_holds),
    0x10005: Section("filters", Structure(
        field("flags", "u32", flags=0xf), field("mac", "u8[6]"),
        field("multicast_count", "u16", at_most=255), field("max_frame", "u32", at_most=9728),
        field("multicast", "u16[30]", at_most=4095), field("reserved", "u32"),
        field("vlans", "u8[512]")), filters_hold),
    0x10006: Section("statistics", Structure(
        field("gprc", "u32"), field("gptc", "u32"), field("gorc", "u32"), field("gotc", "u32"),
        field("mprc", "u32"), field("gprlbc", "u32"), field("gptlbc", "u32"),
        field("gorlbc", "u32"), field("gotlbc", "u32"), field("reserved", "u32")),
        critical=False, since=2, left_out_if_0=True),
    0x10007: Section("unicast", Structure(
        field("count", "u32", at_most=24), field("reserved", "u32"),
        field("addresses", "u8[144]")),
        unicast_holds, since=2, feature=0, left_out_if_0=True),
}

# Profiles, vf.net.igbvf-82576: what a destination offers.
PROFILE_NAME = b"vf.net.igbvf-82576"
PROFILE_UUID = bytes.fromhex("58bc0addfe7f40a8a167bafa521ab699")
PROFILE_NEWEST, PROFILE_FLOOR = 2, 1
STREAM_MAX = 65536
FEATURES = 0b1
LIMITS: dict[int, tuple[int, int]] = {1: (2, 2), 2: (2, 2), 3: (1, 3)}

# Its identity, but for the subsystem.
IDENTITY: Values = {"vendor": 0x8086, "device": 0x10ca, "class": bytes.fromhex("000002"),
                    "flags": 1, "revision": 1}
