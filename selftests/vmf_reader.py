#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""A second reader of the VFIO Migration Format.

It shares nothing with rust/vmf: it was written from Documentation/userspace-api/vmf.rst
alone, to find out whether that is enough, and to compare verdicts. Every rule names the
section of the document that it implements.

The destination is the one that the registry calls QEMU's model of the 82576, with all
versions, features and limits of its profile.
"""

import argparse
import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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


@dataclass
class Stream:
    """A stream, as far as it was read. Every method refuses what breaks the rules."""

    data: bytes
    header_len: int = 0
    sections: list[Section] = field(default_factory=list)
    generations: int = 0
    present: set[tuple[int, int]] = field(default_factory=set)
    gathered: int = 0

    @property
    def descriptor(self) -> Descriptor:
        """The descriptor in force, the last one (Order, 3)."""
        found = self.sections[self.generations - 1].descriptor
        assert found
        return found

    def need(self, end: int) -> None:
        """The input reaches up to `end`; if not, the first byte missing is at fault (Errors)."""
        require(end <= len(self.data), "ENODATA", len(self.data))

    def read(self) -> None:
        """Read the whole stream (Order)."""
        self.read_file_header()
        offset = self.header_len
        while True:
            section = self.read_section(offset)
            offset = section.end
            if section.header["type"] == t.END:
                break
        require(offset == len(self.data), "EILSEQ", offset)

    def read_file_header(self) -> None:
        """Judge the file header (File header)."""
        self.need(t.FILE_HEADER.size)
        header = t.FILE_HEADER.read(self.data)
        require(header["magic"] == t.MAGIC, "EBADMSG", 0)
        require(header["endian_tag"] == t.ENDIAN_TAG, "EBADMSG", 0)
        length = header["header_len"]
        require(length % 8 == 0 and t.FILE_HEADER.size <= length <= t.FILE_HEADER_MAX,
                "EBADMSG", 0)
        self.need(length)
        crc = crc32c(self.data[:28] + bytes(4) + self.data[32:length])
        require(header["crc"] == crc, "EBADMSG", 0)
        require(header["major"] == t.MAJOR, "EPROTONOSUPPORT", 0)
        require(header["incompat"] == 0, "EPROTONOSUPPORT", 0)
        self.header_len = length

    def read_section(self, offset: int) -> Section:
        """Judge a section: its header first, then what is in it (Order)."""
        self.need(offset + t.SECTION_HEADER.size)
        section = Section(offset, t.SECTION_HEADER.read(self.data, offset))
        header = section.header
        self.judge_header(section)
        self.need(section.end)
        require(header["payload_crc"] == crc32c(self.data[section.start:section.end]),
                "EBADMSG", offset)
        behind = section.start + header["length"]
        require(not any(self.data[behind:section.end]), "EBADMSG", offset)
        section.payload = self.data[section.start:behind]

        if header["type"] == t.DESCRIPTOR:
            section.descriptor = decode_descriptor(section)
            first = self.sections[0] if self.sections else section
            assert first.descriptor
            judge_descriptor(section.descriptor, offset, first.descriptor.presented)
            self.generations += 1
        elif header["type"] == t.END:
            self.judge_end(section)
        else:
            self.judge_state(section)
            self.present.add((header["type"], header["instance"]))
        self.sections.append(section)
        return section

    def judge_header(self, section: Section) -> None:
        """Judge a section header; the numbers are those of the list in Order."""
        offset, header = section.offset, section.header
        kind, length = header["type"], header["length"]
        raw = self.data[offset:offset + 28]
        require(header["header_crc"] == crc32c(raw), "EBADMSG", offset)               # 1
        require(t.SECTION_HEADER.well_formed(header) and kind != 0, "EBADMSG", offset)  # 2
        require(header["seq"] == len(self.sections), "EILSEQ", offset)                # 3
        require(len(self.sections) < t.SECTIONS_MAX, "EFBIG", offset)                 # 4
        require(bool(self.sections) or kind == t.DESCRIPTOR, "EILSEQ", offset)        # 5
        if kind in (t.DESCRIPTOR, t.END):                                             # 6
            require(header["schema"] != 0, "EBADMSG", offset)
            require(header["schema"] <= t.CONTAINER_SCHEMA, "EOPNOTSUPP", offset)
            require(header["flags"] == t.CRITICAL, "EBADMSG", offset)
        self.judge_place(section)                                                     # 7
        first, last = 1, t.PAYLOAD_MAX
        if kind == t.DESCRIPTOR:
            last = t.PREAMBLE_MAX - self.header_len - t.SECTION_HEADER.size
        elif kind == t.END:
            first = last = t.END_PAYLOAD.size
        require(first <= length <= last, "EMSGSIZE", offset)                          # 8
        if kind not in (t.DESCRIPTOR, t.END):
            self.judge_manifest(section)                                              # 9
        bound = t.STREAM_MAX
        if self.sections:
            bound = min(bound, self.descriptor.stream_max)
        require(section.end <= bound, "EFBIG", offset)                                # 10

    def fragment_due(self) -> bool:
        """Whether the section before has CONT (Section header)."""
        return bool(self.sections) and bool(self.sections[-1].header["flags"] & t.CONT)

    def judge_place(self, section: Section) -> None:
        """Whether a section may come here (Order, rule 7 for a section header)."""
        offset, header = section.offset, section.header
        kind, instance = header["type"], header["instance"]
        if kind == t.DESCRIPTOR:
            require(len(self.sections) == self.generations, "EILSEQ", offset)
            require(self.generations < t.GENERATIONS_MAX, "EFBIG", offset)
            require(instance == self.generations, "EILSEQ", offset)
        elif kind == t.END:
            require(not self.fragment_due() and instance == 0, "EILSEQ", offset)
        elif self.fragment_due():
            last = self.sections[-1].header
            require(all(header[name] == last[name] for name in ("type", "instance", "schema"))
                    and not (header["flags"] ^ last["flags"]) & ~t.CONT, "EILSEQ", offset)
        elif len(self.sections) > self.generations:
            last = self.sections[-1].header
            require((kind, instance) > (last["type"], last["instance"]), "EILSEQ", offset)

    def judge_manifest(self, section: Section) -> None:
        """What the manifest says of a state section (Order, rule 9 for a section header)."""
        offset, header = section.offset, section.header
        entry = self.descriptor.manifest.get(header["type"])
        require(entry is not None, "EILSEQ", offset)
        assert entry
        require(header["schema"] == entry["schema"], "EILSEQ", offset)
        require(header["flags"] & ~t.CONT == entry["flags"], "EILSEQ", offset)
        require(header["instance"] < entry["count_max"], "EILSEQ", offset)
        self.gathered = header["length"] + (self.gathered if self.fragment_due() else 0)
        bound = entry["len_max"]
        known = taken(entry)
        if known and entry["schema"] <= known.schema:
            bound = min(bound, known.structure.size)
        require(self.gathered <= bound, "EMSGSIZE", offset)

    def judge_state(self, section: Section) -> None:
        """The content of a state section that the destination takes (Profiles)."""
        header, payload = section.header, section.payload
        entry = self.descriptor.manifest[header["type"]]
        known = taken(entry)
        if known is None:
            return
        size = known.structure.size
        require(not header["flags"] & t.CONT, "EILSEQ", section.offset)               # 1
        require(self.announced(known), "EILSEQ", section.offset)
        # Schemas of sections: of a later schema, the part that is known is taken.
        longer = entry["schema"] > known.schema and len(payload) > size
        require(len(payload) == size or longer, "EMSGSIZE", section.offset)           # 2
        values = known.structure.read(payload)
        require(known.structure.well_formed(values), "EBADMSG", section.offset)       # 3
        require(known.structure.in_range(values), "ERANGE", section.offset)           # 4
        require(known.holds(values, header["instance"]), "ERANGE", section.offset)
        require(not known.left_out_if_0 or any(payload), "ERANGE", section.offset)    # 5

    def announced(self, known: t.Section) -> bool:
        """Whether version and features let a section of the profile arrive (Versions)."""
        features = self.descriptor.required | self.descriptor.optional
        return (known.since <= self.descriptor.version["version"]
                and (known.feature is None or bool(features >> known.feature & 1)))

    def judge_end(self, section: Section) -> None:
        """The counters and the CRC of END, then what is missing (END, Versions)."""
        offset = section.offset
        values = t.END_PAYLOAD.read(section.payload)
        require(t.END_PAYLOAD.well_formed(values), "EBADMSG", offset)
        require(values["sections"] == len(self.sections) + 1, "EILSEQ", offset)
        require(values["generation"] == self.generations - 1, "EILSEQ", offset)
        require(values["total"] == section.end, "EILSEQ", offset)
        require(values["stream_crc"] == crc32c(self.data[:offset]), "EBADMSG", offset)
        version = self.descriptor.version["version"]
        for kind, known in t.SECTIONS.items():
            if known.critical and known.since <= version and known.feature is None:
                require(all((kind, instance) in self.present
                            for instance in range(known.instances)), "EILSEQ", offset)


def taken(entry: Values) -> t.Section | None:
    """The section of the profile, or None if unknown or dropped (Schemas of sections)."""
    known = t.SECTIONS.get(entry["type"])
    return known if known and entry["min_reader"] <= known.schema else None


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


def verdict(data: bytes) -> str:
    """`ok`, or the error and its offset."""
    try:
        Stream(data).read()
    except Refusal as refusal:
        return str(refusal)
    return "ok"


# JSON form

def json_field(offset: int, raw: bytes, value: Any) -> Values:
    """A field: a large integer is a string, bytes are hexadecimal digits (JSON form)."""
    def plain(one: Any) -> Any:
        if isinstance(one, list):
            return [plain(element) for element in one]
        if isinstance(one, bytes):
            return one.hex()
        return str(one) if isinstance(one, int) and one > 1 << 53 else one
    return {"offset": offset, "size": len(raw), "value": plain(value)}


def json_structure(structure: t.Structure, data: bytes, offset: int) -> Values:
    """A structure: a field for each of its fields (JSON form)."""
    result = {}
    for at, one in structure.fields:
        raw = data[offset + at:offset + at + one.size]
        result[one.name] = json_field(offset + at, raw, one.read(raw))
    return result


def json_list(structure: t.Structure, data: bytes, offset: int, end: int) -> list[Values]:
    """A list of structures."""
    return [json_structure(structure, data, at) for at in range(offset, end, structure.size)]


def json_padding(data: bytes, offset: int, end: int) -> Values:
    """The member `padding`, if there is any."""
    raw = data[offset:end]
    return {"padding": json_field(offset, raw, raw)} if raw else {}


def is_utf8(value: bytes) -> bool:
    """Whether a value can be shown as text; that of a provider key is not judged."""
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def json_attribute(data: bytes, offset: int, header: Values) -> Values:
    """An attribute of a DESCRIPTOR (JSON form)."""
    start = offset + t.ATTRIBUTE_HEADER.size
    end = start + header["len"]
    value = data[start:end]
    known = t.ATTRIBUTES.get(header["key"])
    form = known.form if known and length_fits(known, value) else "bytes"
    if form == "text" and not is_utf8(value):
        form = "bytes"
    shown: Any
    if known and known.structure and form == "fields":
        shown = json_structure(known.structure, data, start)
    elif known and known.structure and form == "entries":
        shown = json_list(known.structure, data, start, end)
    else:
        shown = json_field(start, value, {
            "uuid": lambda: str(uuid.UUID(bytes=value)),
            "text": lambda: value.decode("utf-8"),
            "words": lambda: [int.from_bytes(value[at:at + 8], "little")
                              for at in range(0, len(value), 8)],
            "number": lambda: int.from_bytes(value, "little"),
            "bytes": lambda: value}[form]())
    return {"name": known.name if known else "unknown",
            "header": json_structure(t.ATTRIBUTE_HEADER, data, offset),
            form: shown, **json_padding(data, end, start + pad8(header["len"]))}


def json_section(data: bytes, section: Section) -> Values:
    """A section (JSON form)."""
    kind, start = section.header["type"], section.start
    end = start + section.header["length"]
    known = t.SECTIONS.get(kind)
    name = t.CONTAINER_NAMES.get(kind) or (known.name if known else "unknown")
    payload: Values
    if section.descriptor:
        payload = {"attributes": [json_attribute(data, offset, header)
                                  for offset, header, _ in section.descriptor.attributes]}
    elif kind == t.END:
        payload = {"fields": json_structure(t.END_PAYLOAD, data, start)}
    elif kind == t.POLICY and len(section.payload) % t.POLICY_ENTRY.size == 0:
        payload = {"entries": json_list(t.POLICY_ENTRY, data, start, end)}
    elif known and len(section.payload) == known.structure.size:
        payload = {"fields": json_structure(known.structure, data, start)}
    else:
        payload = {"bytes": json_field(start, section.payload, section.payload)}
    return {"name": name, "offset": section.offset,
            "header": json_structure(t.SECTION_HEADER, data, section.offset),
            **payload, **json_padding(data, end, section.end)}


def json_stream(stream: Stream) -> Values:
    """The JSON form of a stream that was accepted (JSON form)."""
    data = stream.data
    header = json_structure(t.FILE_HEADER, data, 0)
    rest = data[t.FILE_HEADER.size:stream.header_len]
    if rest:
        header["rest"] = json_field(t.FILE_HEADER.size, rest, rest)
    return {"document": "vmf-stream/1", "file_header": header,
            "sections": [json_section(data, section) for section in stream.sections],
            "profile": stream.descriptor.name.decode("ascii"), "length": len(data),
            "damage": []}


def records(data: bytes) -> Iterator[bytes]:
    """The streams of a file of mutants: each a little-endian u32 of its length, then itself."""
    at = 0
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "little")
        if start > len(data) or at > len(data):
            raise ValueError("the last mutant is truncated")
        yield data[start:at]


def decode(path: Path) -> int:
    """The command `decode`."""
    stream = Stream(path.read_bytes())
    try:
        stream.read()
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return 1
    print(json.dumps(json_stream(stream), indent=2))
    return 0


def verify(paths: list[Path]) -> int:
    """The command `verify`."""
    status = 0
    for path in paths:
        result = verdict(path.read_bytes())
        print(result)
        status |= result != "ok"
    return status


def main() -> int:
    """The exit status is 0 if all is well, 1 if a stream is refused, 2 for wrong usage."""
    parser = argparse.ArgumentParser(description="A second reader of the VFIO Migration Format.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("decode", help="print the JSON form of a stream")
    command.add_argument("file", type=Path)
    command = commands.add_parser("verify", help="print `ok`, or error and offset, per stream")
    command.add_argument("--mutants", action="store_true",
                         help="FILE has many streams, each behind its length as a u32")
    command.add_argument("files", metavar="FILE", type=Path, nargs="+")
    args = parser.parse_args()
    try:
        if args.command == "decode":
            return decode(args.file)
        if not args.mutants:
            return verify(args.files)
        if len(args.files) != 1:
            parser.error("--mutants takes one file")
        for record in records(args.files[0].read_bytes()):
            print(verdict(record))
        return 0
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    sys.exit(main())
