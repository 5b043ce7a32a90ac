# SPDX-License-Identifier: GPL-2.0
"""A descriptor as another host would have sent it: other values, of the same length, all CRCs right."""

import os
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

# pylint: disable=wrong-import-position
import vmf_container
import vmf_descriptor
import vmf_tables


def write(data, structure, offset, name, value):
    """A field of a structure that begins at this offset."""
    for at, field in structure.fields:
        if field.name == name:
            value = value if isinstance(value, bytes) else value.to_bytes(field.size, "little")
            assert len(value) == field.size
            data[offset + at:offset + at + field.size] = value
            return
    raise KeyError(name)


def descriptor_section(data):
    offset = vmf_tables.FILE_HEADER.read(data)["header_len"]
    header = vmf_tables.SECTION_HEADER.read(data, offset)
    section = vmf_container.Section(offset, header)
    section.payload = data[section.start:section.start + header["length"]]
    return section


def value_of(data, key):
    """Where the value of an attribute is, and where it ends."""
    for offset, header, _ in vmf_descriptor.attributes_of(descriptor_section(data)):
        if header["key"] == key:
            start = offset + vmf_tables.ATTRIBUTE_HEADER.size
            return start, start + header["len"]
    raise KeyError(key)


def seal(data):
    """The CRCs of file header and descriptor, inner ones first."""
    section = descriptor_section(data)
    for structure, offset, name, start, end in (
            (vmf_tables.FILE_HEADER, 0, "crc", 0, section.offset),
            (vmf_tables.SECTION_HEADER, section.offset, "payload_crc", section.start, section.end),
            (vmf_tables.SECTION_HEADER, section.offset, "header_crc", section.offset, section.offset + 28)):
        if name == "crc":
            # It counts as 0 in itself.
            write(data, structure, offset, name, 0)
        write(data, structure, offset, name, vmf_container.crc32c(bytes(data[start:end])))
    return bytes(data)


def forged(change):
    """An edit for the relay: change() gets the bytes, to change them in place."""
    def edit(content):
        data = bytearray(content)
        # What arrives is right, or the test would not be about what it changes.
        assert seal(bytearray(content)) == content
        change(data)
        assert data != content
        return seal(data)
    return edit


def file_header(name, value):
    return forged(lambda data: write(data, vmf_tables.FILE_HEADER, 0, name, value))


def attribute(key, name, value, structure=None):
    """A field of a structure that is the value of an attribute."""
    structure = structure or vmf_tables.ATTRIBUTES[key].structure
    return forged(lambda data: write(data, structure, value_of(data, key)[0], name, value))


def limit(number, value):
    """The value of a limit."""
    def change(data):
        start, end = value_of(data, 7)
        for offset in range(start, end, vmf_tables.LIMIT.size):
            if vmf_tables.LIMIT.read(data, offset)["id"] == number:
                write(data, vmf_tables.LIMIT, offset, "value", value)
    return forged(change)


def whole(key, function):
    """All of the value of an attribute."""
    def change(data):
        start, end = value_of(data, key)
        value = function(bytes(data[start:end]))
        assert len(value) == end - start
        data[start:end] = value
    return forged(change)


def flipped(bit):
    """An edit for the relay: a bit of the content, with no CRC made right again."""
    def edit(content):
        data = bytearray(content)
        data[bit // 8] ^= 1 << bit % 8
        return bytes(data)
    return edit
