# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""What vmf_reader.py makes of a DESCRIPTOR."""

from collections.abc import Iterator

import vmf_tables as t
from vmf_container import Descriptor, Section, pad8, require, taken
from vmf_tables import Values


def attributes_of(section: Section) -> Iterator[tuple[int, Values, bytes]]:
    """The attributes of a DESCRIPTOR: offset, header, value (Descriptor)."""
    payload, at, last = section.payload, 0, 0
    while at < len(payload):
        offset = section.start + at
        value = at + t.ATTRIBUTE_HEADER.size
        require(value <= len(payload), "EBADMSG", offset)
        header = t.ATTRIBUTE_HEADER.read(payload, at)
        require(header["key"] > last, "EBADMSG", offset)
        require(t.ATTRIBUTE_HEADER.well_formed(header), "EBADMSG", offset)
        behind = value + header["len"]
        at = value + pad8(header["len"])
        require(at <= len(payload), "EBADMSG", offset)
        require(not any(payload[behind:at]), "EBADMSG", offset)
        last = header["key"]
        yield offset, header, payload[value:behind]


def entries_of(structure: t.Structure, value: bytes) -> list[Values]:
    """The entries of a list."""
    return [structure.read(value, at) for at in range(0, len(value), structure.size)]


def decode_descriptor(section: Section) -> Descriptor:
    """Decode a DESCRIPTOR, and refuse what is wrong with its encoding (Descriptor)."""
    found = Descriptor()
    for offset, header, value in attributes_of(section):
        key = header["key"]
        found.attributes.append((offset, header, value))
        if key not in t.ATTRIBUTES:
            found.unknown_must |= bool(header["flags"] & t.MUST)
        elif key < t.PROVIDER_FIRST:
            require(decode_attribute(found, key, value), "EBADMSG", offset)
    keys = {header["key"] for _, header, _ in found.attributes}
    missing = [key for key, known in t.ATTRIBUTES.items() if known.mandatory and key not in keys]
    require(not missing, "EBADMSG", section.start + len(section.payload))
    return found


def decode_attribute(found: Descriptor, key: int, value: bytes) -> bool:
    """Take the value of a known key; False if it is wrong (Descriptor)."""
    known = t.ATTRIBUTES[key]
    if not length_fits(known, value):
        return False
    if known.form == "entries":
        assert known.structure
        return decode_list(found, key, entries_of(known.structure, value))
    if key == 1:
        found.presented = t.PRESENTED.read(value)
        return t.PRESENTED.well_formed(found.presented)
    if key == 2:
        found.uuid = value
    elif key == 3:
        found.name = value
        return (1 <= len(value) <= 64
                and not set(value) - set(b"abcdefghijklmnopqrstuvwxyz0123456789.-"))
    elif key == 4:
        found.version = t.VERSION.read(value)
        return 1 <= found.version["min_reader"] <= found.version["version"]
    elif key == 5:
        found.required = int.from_bytes(value, "little")
    elif key == 6:
        found.optional = int.from_bytes(value, "little")
    elif key == 9:
        found.stream_max = int.from_bytes(value, "little")
    return True


def length_fits(known: t.Attribute, value: bytes) -> bool:
    """Whether the length of a value is one that its form has (Descriptor)."""
    if known.form == "entries" and known.structure:
        return len(value) % known.structure.size == 0
    if known.form == "fields" and known.structure:
        return len(value) == known.structure.size
    if known.form == "words":
        return len(value) % 8 == 0
    return len(value) == {"uuid": 16, "number": 8}.get(known.form, len(value))


def decode_list(found: Descriptor, key: int, entries: list[Values]) -> bool:
    """Take the entries of keys 7, 8, 10 and 11 (Limits, Manifest, Policy digest, Configuration space)."""
    structure, name, rule = {7: (t.LIMIT, "id", "rule"), 8: (t.MANIFEST_ENTRY, "type", "schema"),
                             10: (t.POLICY_ENTRY, "id", "action"),
                             11: (t.CONFIG_WORD, "offset", None)}[key]
    numbers = [entry[name] for entry in entries]
    good = (all(structure.well_formed(entry) for entry in entries)
            and all(rule is None or entry[rule] != 0 for entry in entries)
            and all(low < high for low, high in zip(numbers, numbers[1:])))
    if key == 7:
        found.limits = entries
    elif key == 8:
        found.manifest = dict(zip(numbers, entries))
        good = good and all(entry["type"] > t.END and 1 <= entry["min_reader"] <= entry["schema"]
                            for entry in entries)
    elif key == 11:
        good = good and all(number % 4 == 0 and number <= 0xffc for number in numbers)
    return good


def judge_descriptor(found: Descriptor, offset: int, board: t.Values) -> None:
    """The verdict on a descriptor; the numbers are those of How a destination decides.

    The destination is on a board like the one that the first DESCRIPTOR is from. Policies (8)
    never refuse, as the profile has none.
    """
    for name, own in t.IDENTITY.items():                                              # 1
        require(found.presented[name] == own, "EXDEV", offset)
    for name in ("subvendor", "subdevice"):
        require(found.presented[name] == board[name], "EXDEV", offset)
    require(found.uuid == t.PROFILE_UUID, "EXDEV", offset)                            # 2
    require(found.name == t.PROFILE_NAME, "EXDEV", offset)
    require(found.version["min_reader"] <= t.PROFILE_NEWEST, "EOPNOTSUPP", offset)    # 3
    require(found.version["version"] >= t.PROFILE_FLOOR, "EOPNOTSUPP", offset)
    require(not found.unknown_must, "EOPNOTSUPP", offset)                             # 4
    require(not found.required & ~t.FEATURES, "EOPNOTSUPP", offset)                   # 5
    for kind, entry in found.manifest.items():                                        # 6
        known = t.SECTIONS.get(kind)
        critical = entry["flags"] & t.CRITICAL or known and known.critical
        require(not critical or taken(entry) is not None, "EOPNOTSUPP", offset)
    for limit in found.limits:                                                        # 7
        if limit["id"] not in t.LIMITS:
            require(limit["rule"] == t.IGNORE, "EOPNOTSUPP", offset)
            continue
        rule, ours = t.LIMITS[limit["id"]]
        require(limit["rule"] == rule, "EDOM", offset)
        require(t.RULES[rule](limit["value"], ours), "EDOM", offset)
    for entry in found.manifest.values():                                             # 9
        known = taken(entry)
        require(known is None or entry["count_max"] <= known.instances, "EDOM", offset)
    require(found.stream_max <= t.STREAM_MAX, "EFBIG", offset)                        # 10
