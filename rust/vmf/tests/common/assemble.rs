// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! An assembler of streams without any checks, and its inverse for good streams.

use super::{caps, crc, samples::stream, samples::stream_as, CRC};
use vmf::registry::{KIND_DESCRIPTOR, KIND_END};
use vmf::{Descriptor, FileHeader, LimitEntry, ManifestEntry, PolicyEntry};
use vmf::{SectionHeader, FLAG_CRITICAL};

/// One section to assemble; anything may be wrong with it, but its CRCs are right.
#[derive(Clone)]
pub struct Raw {
    pub kind: u32,
    pub schema: u16,
    pub flags: u16,
    pub instance: u32,
    /// `None`: the position.
    pub seq: Option<u32>,
    /// `None`: the length of the payload.
    pub length: Option<u64>,
    pub payload: Vec<u8>,
    pub padding: u8,
}

pub fn raw(kind: u32, instance: u32, payload: &[u8]) -> Raw {
    Raw {
        kind,
        schema: 1,
        flags: FLAG_CRITICAL,
        instance,
        seq: None,
        length: None,
        payload: payload.to_vec(),
        padding: 0,
    }
}

/// A stream to assemble; counters and CRCs are right unless a hook changes them.
#[derive(Clone)]
pub struct Stream {
    pub header: Vec<u8>,
    /// An empty payload of END stands for the right one.
    pub sections: Vec<Raw>,
    /// Changes the END payload before its CRC is computed.
    pub end: fn(&mut Vec<u8>),
    pub tail: Vec<u8>,
}

impl Stream {
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header.clone();
        let mut generations = 0u32;
        for (at, raw) in self.sections.iter().enumerate() {
            generations += u32::from(raw.kind == KIND_DESCRIPTOR);
            let mut raw = raw.clone();
            if raw.kind == KIND_END && raw.payload.is_empty() {
                let total = out.len() as u64 + 56;
                raw.payload.extend((at as u32 + 1).to_le_bytes());
                raw.payload.extend((generations.max(1) - 1).to_le_bytes());
                raw.payload.extend(total.to_le_bytes());
                raw.payload.extend(crc(0, &out).to_le_bytes());
                raw.payload.extend([0; 4]);
                (self.end)(&mut raw.payload);
            }
            let mut body = raw.payload.clone();
            body.resize(body.len().next_multiple_of(8), raw.padding);
            let header = SectionHeader {
                kind: raw.kind,
                schema: raw.schema,
                flags: raw.flags,
                instance: raw.instance,
                seq: raw.seq.unwrap_or(at as u32),
                length: raw.length.unwrap_or(raw.payload.len() as u64),
                payload_crc: crc(0, &body),
                header_crc: 0,
            };
            out.extend(header.seal(CRC));
            out.extend(body);
        }
        out.extend(&self.tail);
        out
    }

    /// Takes a good stream apart.
    pub fn parse(bytes: &[u8]) -> Self {
        let (header, mut rest) = bytes.split_at(FileHeader::LEN);
        let mut sections = Vec::new();
        while let Some((head, tail)) = rest.split_first_chunk() {
            let head = SectionHeader::open(head, CRC).unwrap();
            let len = usize::try_from(head.length).unwrap();
            let mut section = raw(head.kind, head.instance, &tail[..len]);
            (section.schema, section.flags) = (head.schema, head.flags);
            if head.kind == KIND_END {
                section.payload.clear();
            }
            sections.push(section);
            rest = &tail[vmf::padded(len)..];
        }
        assert!(rest.is_empty());
        Self {
            header: header.to_vec(),
            sections,
            end: |_| {},
            tail: Vec::new(),
        }
    }

    /// The position of the first section of this type.
    pub fn find(&self, kind: u32) -> usize {
        let mut sections = self.sections.iter();
        sections.position(|section| section.kind == kind).unwrap()
    }

    /// The first section of this type.
    pub fn get(&mut self, kind: u32) -> &mut Raw {
        let at = self.find(kind);
        &mut self.sections[at]
    }

    /// Puts `section` before END.
    pub fn add(&mut self, section: Raw) {
        self.sections.insert(self.find(KIND_END), section);
    }
}

/// The file header with `edit` applied and the CRC made right again.
pub fn file_header(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = FileHeader::CURRENT.seal(CRC).to_vec();
    bytes[28..32].fill(0);
    edit(&mut bytes);
    let sum = crc(0, &bytes);
    bytes[28..32].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// One descriptor attribute.
pub fn attr(key: u16, flags: u16, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(key.to_le_bytes());
    out.extend(flags.to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(8), 0);
    out
}

/// One manifest entry; `schema` is the schema and its oldest reader.
pub fn entry(kind: u32, schema: [u16; 2], flags: u16, count_max: u32, len_max: u32) -> Vec<u8> {
    let [schema, min_reader] = schema;
    let entry = ManifestEntry {
        kind,
        schema,
        min_reader,
        flags,
        count_max,
        len_max,
    };
    entry.encode().to_vec()
}

/// One limit.
pub fn limit(id: u16, rule: u8, value: u64) -> Vec<u8> {
    LimitEntry { id, rule, value }.encode().to_vec()
}

/// One policy.
pub fn policy(id: u16, action: u8, value: u64) -> Vec<u8> {
    PolicyEntry { id, action, value }.encode().to_vec()
}

/// The attributes of a descriptor of version 1, by key.
pub fn attributes() -> Vec<(u16, Vec<u8>)> {
    let mut buf = [0; 4096];
    let len = caps().fields().encode(&mut buf).unwrap();
    let list = attributes_of(&buf[..len]);
    list.into_iter()
        .map(|(key, _, value)| (key, value))
        .collect()
}

/// The attributes of a descriptor: key, flags, value.
pub fn attributes_of(payload: &[u8]) -> Vec<(u16, u16, Vec<u8>)> {
    let descriptor = Descriptor::parse(payload).unwrap();
    let list = descriptor.attributes();
    list.map(|attr| (attr.key, attr.flags, attr.value.to_vec()))
        .collect()
}

/// A descriptor payload of these attributes, all flagged MUST.
pub fn payload(attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let list = attributes.iter();
    list.flat_map(|(key, value)| attr(*key, 1, value)).collect()
}

/// The descriptor payload with the value of `key` replaced.
pub fn payload_with(key: u16, value: &[u8]) -> Vec<u8> {
    let mut list = attributes();
    list.retain(|attr| attr.0 != key);
    list.push((key, value.to_vec()));
    list.sort();
    payload(&list)
}

/// The descriptor payload with further manifest entries.
pub fn payload_also(entries: &[Vec<u8>]) -> Vec<u8> {
    let list = attributes();
    let mut manifest = list.iter().find(|attr| attr.0 == 8).unwrap().1.clone();
    manifest.extend(entries.concat());
    payload_with(8, &manifest)
}

/// The stream of version 1, with `edit` applied.
pub fn edited(edit: impl FnOnce(&mut Stream)) -> Vec<u8> {
    let mut stream = stream();
    edit(&mut stream);
    stream.bytes()
}

/// The stream of `version`, with `edit` applied.
pub fn edited_as(version: u32, edit: impl FnOnce(&mut Stream)) -> Vec<u8> {
    let mut stream = stream_as(version);
    edit(&mut stream);
    stream.bytes()
}
