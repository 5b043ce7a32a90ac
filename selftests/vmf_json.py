# SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
"""The JSON form of a stream that vmf_reader.py has accepted; every rule is of JSON form."""

import uuid
from typing import Any

import vmf_tables as t
from vmf_container import Section, pad8
from vmf_descriptor import length_fits
from vmf_tables import Values


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
