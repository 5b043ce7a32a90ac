// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Edits of a good stream, made up by the fuzzer.

use arbitrary::Arbitrary;

use crate::{
    assemble::{self, Payload, Section, Stream, CONT, CRITICAL, DESCRIPTOR, END},
    codec::Profile,
};

/// A stream to make.
#[derive(Arbitrary, Debug)]
pub struct Plan {
    /// Whose stream.
    pub profile: Profile,
    /// How much the buffer of the reader falls short.
    pub short_buffer: u8,
    /// What to change, in this order.
    edits: Vec<Edit>,
    /// What to damage after the checksums were made.
    damage: Option<(u16, u8)>,
}

/// One change. Positions are taken modulo what is there.
#[derive(Arbitrary, Debug)]
enum Edit {
    Kind(u8, u32),
    NearKind(u8, u8),
    Schema(u8, u8),
    Flags(u8, u8),
    Instance(u8, u8),
    WideInstance(u8, u32),
    Seq(u8, u8),
    Length(u8, u64),
    Padding(u8, u8),
    Byte(u8, u16, u8),
    Word(u8, u16, u32),
    Resize(u8, u16, u8),
    Swap(u8, u8),
    Remove(u8),
    Double(u8),
    Insert(u8, u32, u8, Vec<u8>),
    Fragment(u8, u16),
    Generation(u8),
    EndByte(u8, u8),
    Tail(Vec<u8>),
    Header(u8, u8),
    LongHeader(u8, u8),
    AttrFlags(u8, u8),
    AttrByte(u8, u8, u8),
    AttrWord(u8, u8, u32),
    AttrReplace(u8, Vec<u8>),
    AttrRemove(u8),
    AttrInsert(u16, bool, Vec<u8>),
    ManifestEntry {
        kind: u32,
        schema: u8,
        min_reader: u8,
        flags: u8,
        count: u8,
        len: u16,
    },
    ManifestField(u8, u8, u16),
    Limit(u16, u8, u64),
    StreamMax(u32),
    Newer(u8, u8),
}

impl Plan {
    /// Returns whether nothing is changed.
    pub fn is_plain(&self) -> bool {
        self.edits.is_empty() && self.damage.is_none()
    }

    /// Returns the bytes of the stream.
    pub fn bytes(&self) -> Vec<u8> {
        let mut stream = good(self.profile);
        for edit in self.edits.iter().take(24) {
            apply(edit, &mut stream);
        }
        let mut bytes = stream.bytes();
        if let Some((at, by)) = self.damage {
            let len = bytes.len();
            bytes[usize::from(at) % len] ^= by;
        }
        bytes
    }
}

/// The stream of `profile` in parts.
fn good(profile: Profile) -> Stream {
    let bytes = profile.good();
    let (_, mut sections) = assemble::split(&bytes);
    for section in &mut sections {
        if let Payload::Bytes(bytes) = &section.payload {
            match section.kind {
                DESCRIPTOR => {
                    section.payload = Payload::Attributes(assemble::split_attributes(bytes));
                }
                END => section.payload = Payload::End(0, 0),
                _ => {}
            }
        }
    }
    Stream::new(sections)
}

fn apply(edit: &Edit, stream: &mut Stream) {
    match edit {
        Edit::Tail(tail) => return stream.tail.clone_from(tail),
        Edit::Header(at, by) => {
            let len = stream.header.len();
            stream.header[usize::from(*at) % len] ^= by;
            return;
        }
        Edit::LongHeader(words, fill) => {
            let len = 32 + usize::from(words % 32) * 8;
            stream.header.resize(len, *fill);
            stream.header[16..20].copy_from_slice(&(len as u32).to_le_bytes());
            return;
        }
        _ => {}
    }
    // That of the last generation.
    let mut sections = stream.sections.iter_mut().rev();
    let attributes = sections.find_map(|section| match &mut section.payload {
        Payload::Attributes(list) => Some(list),
        _ => None,
    });
    if let Some(list) = attributes {
        if let Edit::Newer(nth, grow) = edit {
            if let Some(kind) = newer_entry(list, (*nth).into(), (*grow).into()) {
                newer_sections(&mut stream.sections, kind, (*grow).into());
            }
            return;
        }
        apply_attribute(edit, list);
    }
    apply_section(edit, &mut stream.sections);
}

fn apply_attribute(edit: &Edit, list: &mut Vec<(u16, u16, Vec<u8>)>) {
    match edit {
        Edit::AttrInsert(key, must, value) => {
            let at = list.partition_point(|attr| attr.0 < *key);
            return list.insert(at, (*key, (*must).into(), value.clone()));
        }
        Edit::ManifestEntry {
            kind,
            schema,
            min_reader,
            flags,
            count,
            len,
        } => {
            let mut entry = kind.to_le_bytes().to_vec();
            entry.extend(u16::from(*schema).to_le_bytes());
            entry.extend(u16::from(*min_reader).to_le_bytes());
            entry.extend(u16::from(*flags).to_le_bytes());
            entry.extend([0; 2]);
            entry.extend(u32::from(*count).to_le_bytes());
            entry.extend(u32::from(*len).to_le_bytes());
            entry.extend([0; 4]);
            return insert_entry(list, 8, 24, &entry, 4);
        }
        Edit::Limit(id, rule, value) => {
            let mut entry = id.to_le_bytes().to_vec();
            entry.push(*rule);
            entry.extend([0; 5]);
            entry.extend(value.to_le_bytes());
            return insert_entry(list, 7, 16, &entry, 2);
        }
        Edit::StreamMax(max) => {
            if let Some(attr) = list.iter_mut().find(|attr| attr.0 == 9) {
                attr.2 = u64::from(*max).to_le_bytes().to_vec();
            }
            return;
        }
        Edit::ManifestField(entry, field, value) => {
            // type, schema, min_reader, flags, count_max, len_max: the low half of each
            let field = [0, 4, 6, 8, 12, 16][usize::from(field % 6)];
            if let Some((.., manifest)) = list.iter_mut().find(|attr| attr.0 == 8) {
                let count = (manifest.len() / 24).max(1);
                let at = usize::from(*entry) % count * 24 + field;
                if let Some(to) = manifest.get_mut(at..at + 2) {
                    to.copy_from_slice(&value.to_le_bytes());
                }
            }
            return;
        }
        _ => {}
    }
    if list.is_empty() {
        return;
    }
    let len = list.len();
    let at = |nth: &u8| usize::from(*nth) % len;
    match edit {
        Edit::AttrFlags(nth, by) => list[at(nth)].1 ^= u16::from(*by),
        Edit::AttrByte(nth, byte, by) => {
            let value = &mut list[at(nth)].2;
            if !value.is_empty() {
                let len = value.len();
                value[usize::from(*byte) % len] ^= by;
            }
        }
        Edit::AttrWord(nth, word, to) => overwrite(&mut list[at(nth)].2, (*word).into(), *to),
        Edit::AttrReplace(nth, value) => list[at(nth)].2.clone_from(value),
        Edit::AttrRemove(nth) => {
            list.remove(at(nth));
        }
        _ => {}
    }
}

/// Raises the schema and the length of an entry of the manifest; returns its section type.
fn newer_entry(list: &mut [(u16, u16, Vec<u8>)], nth: usize, grow: u32) -> Option<u32> {
    let (.., manifest) = list.iter_mut().find(|attr| attr.0 == 8)?;
    let count = (manifest.len() / 24).max(1);
    let entry = manifest.get_mut(nth % count * 24..)?.get_mut(..24)?;
    entry[4] = entry[4].wrapping_add(1);
    let len = u32::from_le_bytes([entry[16], entry[17], entry[18], entry[19]]);
    entry[16..20].copy_from_slice(&len.wrapping_add(grow).to_le_bytes());
    Some(u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]))
}

/// Does the same to the sections of this type.
fn newer_sections(sections: &mut [Section], kind: u32, grow: usize) {
    for section in sections.iter_mut().filter(|section| section.kind == kind) {
        section.schema = section.schema.wrapping_add(1);
        if let Payload::Bytes(bytes) = &mut section.payload {
            bytes.resize(bytes.len() + grow, 0x6e);
        }
    }
}

/// Inserts `entry` in the list of attribute `key`, in the order of its first `id` bytes.
fn insert_entry(
    list: &mut Vec<(u16, u16, Vec<u8>)>,
    key: u16,
    size: usize,
    entry: &[u8],
    id: usize,
) {
    let number = |bytes: &[u8]| {
        let bytes = bytes[..id].iter().rev();
        bytes.fold(0u32, |number, byte| (number << 8) | u32::from(*byte))
    };
    match list.iter_mut().find(|attr| attr.0 == key) {
        Some((.., value)) => {
            let mut at = 0;
            while value.len() >= at + size && number(&value[at..]) < number(entry) {
                at += size;
            }
            let at = at.min(value.len());
            value.splice(at..at, entry.iter().copied());
        }
        None => {
            let at = list.partition_point(|attr| attr.0 < key);
            list.insert(at, (key, 1, entry.to_vec()));
        }
    }
}

/// Writes `to` to a 32-bit word of `bytes`.
fn overwrite(bytes: &mut [u8], word: usize, to: u32) {
    let words = bytes.len() / 4;
    if words != 0 {
        let at = word % words * 4;
        bytes[at..at + 4].copy_from_slice(&to.to_le_bytes());
    }
}

fn apply_section(edit: &Edit, sections: &mut Vec<Section>) {
    if sections.is_empty() {
        return;
    }
    let len = sections.len();
    let at = |nth: &u8| usize::from(*nth) % len;
    match edit {
        Edit::Kind(nth, kind) => sections[at(nth)].kind = *kind,
        Edit::NearKind(nth, by) => sections[at(nth)].kind ^= u32::from(*by),
        Edit::Schema(nth, schema) => sections[at(nth)].schema = (*schema).into(),
        Edit::Flags(nth, by) => sections[at(nth)].flags ^= u16::from(*by),
        Edit::Instance(nth, instance) => sections[at(nth)].instance = (*instance).into(),
        Edit::WideInstance(nth, instance) => sections[at(nth)].instance = *instance,
        Edit::Seq(nth, seq) => sections[at(nth)].seq = Some((*seq).into()),
        Edit::Length(nth, length) => sections[at(nth)].length = Some(*length),
        Edit::Padding(nth, with) => sections[at(nth)].padding = *with,
        Edit::Byte(nth, byte, by) => {
            if let Payload::Bytes(bytes) = &mut sections[at(nth)].payload {
                if !bytes.is_empty() {
                    let len = bytes.len();
                    bytes[usize::from(*byte) % len] ^= by;
                }
            }
        }
        Edit::Word(nth, word, to) => {
            if let Payload::Bytes(bytes) = &mut sections[at(nth)].payload {
                overwrite(bytes, (*word).into(), *to);
            }
        }
        Edit::Resize(nth, len, with) => {
            if let Payload::Bytes(bytes) = &mut sections[at(nth)].payload {
                bytes.resize((*len).into(), *with);
            }
        }
        Edit::Swap(one, other) => sections.swap(at(one), at(other)),
        Edit::Remove(nth) => {
            sections.remove(at(nth));
        }
        Edit::Double(nth) => sections.insert(at(nth), sections[at(nth)].clone()),
        Edit::Insert(nth, kind, flags, bytes) => {
            let payload = Payload::Bytes(bytes.clone());
            let section = Section::new(*kind, 1, (*flags).into(), 0, payload);
            sections.insert(at(nth), section);
        }
        Edit::Fragment(nth, cut) => fragment(sections, at(nth), (*cut).into()),
        Edit::Generation(to) => {
            if let Some(first) = sections.iter().find(|section| section.kind == DESCRIPTOR) {
                let mut again = first.clone();
                let count = sections.iter().filter(|section| section.kind == DESCRIPTOR);
                again.instance = count.count() as u32;
                (again.schema, again.flags) = (1, CRITICAL);
                sections.insert(1 + usize::from(*to % 2) % len, again);
            }
        }
        Edit::EndByte(byte, by) => {
            for section in sections {
                if let Payload::End(at, flip) = &mut section.payload {
                    (*at, *flip) = (*byte, *by);
                }
            }
        }
        _ => {}
    }
}

/// Cuts a section in two fragments.
fn fragment(sections: &mut Vec<Section>, at: usize, cut: usize) {
    let head = &mut sections[at];
    let Payload::Bytes(bytes) = &mut head.payload else {
        return;
    };
    let rest = bytes.split_off(cut % bytes.len().max(1));
    let mut tail = head.clone();
    tail.payload = Payload::Bytes(rest);
    head.flags |= CONT;
    sections.insert(at + 1, tail);
}
