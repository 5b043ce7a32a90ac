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
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import vmf_tables as t
from vmf_container import Descriptor, Refusal, Section, crc32c, require, taken
from vmf_descriptor import decode_descriptor, judge_descriptor
from vmf_json import json_field, json_section, json_structure
from vmf_tables import Values


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
            require((kind, instance) == (last["type"], last["instance"]), "EILSEQ", offset)
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
        later = entry["schema"] > known.schema
        require(len(payload) == size or later and len(payload) > size,
                "EMSGSIZE", section.offset)                                           # 2
        values = known.structure.read(payload)
        require(known.structure.well_formed(values), "EBADMSG", section.offset)       # 3
        require(known.structure.in_range(values), "ERANGE", section.offset)           # 4
        require(known.holds(values, header["instance"]), "ERANGE", section.offset)
        require(later or not known.left_out_if_0 or any(payload),
                "ERANGE", section.offset)                                             # 5

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


def verdict(data: bytes) -> str:
    """`ok`, or the error and its offset."""
    try:
        Stream(data).read()
    except Refusal as refusal:
        return str(refusal)
    return "ok"


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
