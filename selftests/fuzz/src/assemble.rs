// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Puts streams together from parts of which anything may be wrong but the checksums.
//!
//! Shares no code with the codec but the CRC.

use crate::codec::sum;

/// Section type of DESCRIPTOR.
pub const DESCRIPTOR: u32 = 1;
/// Section type of END.
pub const END: u32 = 2;
/// Section flag `CRITICAL`.
pub const CRITICAL: u16 = 1;
/// Section flag `CONT`.
pub const CONT: u16 = 4;

/// What a section carries.
#[derive(Clone, Debug)]
pub enum Payload {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Descriptor attributes: key, flags, value.
    Attributes(Vec<(u16, u16, Vec<u8>)>),
    /// The right payload of END, with this byte flipped by this much.
    End(u8, u8),
}

/// One section.
#[derive(Clone, Debug)]
pub struct Section {
    /// The type.
    pub kind: u32,
    /// The schema.
    pub schema: u16,
    /// The flags.
    pub flags: u16,
    /// The instance.
    pub instance: u32,
    /// `seq`, if not the position.
    pub seq: Option<u32>,
    /// `length`, if not that of the payload.
    pub length: Option<u64>,
    /// What it carries.
    pub payload: Payload,
    /// A bit for each byte of the padding: whether it is 1 and not 0.
    pub padding: u8,
}

impl Section {
    /// A section in which nothing is wrong.
    pub fn new(kind: u32, schema: u16, flags: u16, instance: u32, payload: Payload) -> Self {
        Self {
            kind,
            schema,
            flags,
            instance,
            seq: None,
            length: None,
            payload,
            padding: 0,
        }
    }
}

/// A stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The file header; its CRC is computed.
    pub header: Vec<u8>,
    /// The sections, DESCRIPTOR and END included.
    pub sections: Vec<Section>,
    /// What follows END.
    pub tail: Vec<u8>,
}

impl Stream {
    /// A stream of these sections behind an ordinary file header.
    pub fn new(sections: Vec<Section>) -> Self {
        let mut header = b"\x89VMF\r\n\x1a\n\x04\x03\x02\x01\x01\0\0\0\x20\0\0\0".to_vec();
        header.resize(32, 0);
        Self {
            header,
            sections,
            tail: Vec::new(),
        }
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header.clone();
        out[28..32].fill(0);
        let crc = sum(&out);
        out[28..32].copy_from_slice(&crc.to_le_bytes());
        let mut generations = 0u32;
        for (at, section) in (0u32..).zip(&self.sections) {
            generations += u32::from(section.kind == DESCRIPTOR);
            let mut body = match &section.payload {
                Payload::Bytes(bytes) => bytes.clone(),
                Payload::Attributes(list) => attributes(list),
                Payload::End(byte, flip) => {
                    let mut end = Vec::new();
                    end.extend((at + 1).to_le_bytes());
                    end.extend(generations.saturating_sub(1).to_le_bytes());
                    end.extend((out.len() as u64 + 56).to_le_bytes());
                    end.extend(sum(&out).to_le_bytes());
                    end.extend([0; 4]);
                    end[usize::from(*byte) % 24] ^= flip;
                    end
                }
            };
            let length = section.length.unwrap_or(body.len() as u64);
            for bit in 0..body.len().next_multiple_of(8) - body.len() {
                body.push((section.padding >> bit) & 1);
            }
            let mut head = Vec::new();
            head.extend(section.kind.to_le_bytes());
            head.extend(section.schema.to_le_bytes());
            head.extend(section.flags.to_le_bytes());
            head.extend(section.instance.to_le_bytes());
            head.extend(section.seq.unwrap_or(at).to_le_bytes());
            head.extend(length.to_le_bytes());
            head.extend(sum(&body).to_le_bytes());
            let crc = sum(&head);
            out.extend(head);
            out.extend(crc.to_le_bytes());
            out.extend(body);
        }
        out.extend(&self.tail);
        out
    }
}

/// Encodes attributes as they are.
pub fn attributes(list: &[(u16, u16, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, flags, value) in list {
        out.extend(key.to_le_bytes());
        out.extend(flags.to_le_bytes());
        out.extend((value.len() as u32).to_le_bytes());
        out.extend(value);
        out.resize(out.len().next_multiple_of(8), 0);
    }
    out
}

/// Decodes attributes of a payload in which nothing is wrong.
pub fn split_attributes(mut payload: &[u8]) -> Vec<(u16, u16, Vec<u8>)> {
    let mut list = Vec::new();
    while let Some((head, rest)) = payload.split_first_chunk::<8>() {
        let key = u16::from_le_bytes([head[0], head[1]]);
        let flags = u16::from_le_bytes([head[2], head[3]]);
        let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let value = rest.get(..len).expect("a truncated attribute was accepted");
        payload = rest
            .get(len.next_multiple_of(8)..)
            .expect("an attribute without padding was accepted");
        list.push((key, flags, value.to_vec()));
    }
    assert!(payload.is_empty(), "bytes behind the last attribute");
    list
}

/// Cuts a stream in which nothing is wrong into its file header and its sections.
pub fn split(bytes: &[u8]) -> (&[u8], Vec<Section>) {
    let long = u32::from_le_bytes(bytes[16..20].try_into().unwrap());
    let (header, mut rest) = bytes.split_at(long as usize);
    let mut sections = Vec::new();
    while !rest.is_empty() {
        let word = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let half = |at: usize| u16::from_le_bytes(rest[at..at + 2].try_into().unwrap());
        let len = word(16) as usize;
        assert_eq!(word(20), 0, "a length over 4 GiB was accepted");
        let payload = rest[32..32 + len].to_vec();
        sections.push(Section::new(
            word(0),
            half(4),
            half(6),
            word(8),
            Payload::Bytes(payload),
        ));
        rest = &rest[32 + len.next_multiple_of(8)..];
    }
    (header, sections)
}
