// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Damaged streams: bytes changed at random, and structures changed with the CRCs made right again.
//!
//! Equal seeds give equal streams on every machine; `examples/mutants.rs` relies on it.

use super::{attr, attributes_of, crc, raw, Raw, Stream};
use vmf::registry::KIND_DESCRIPTOR;
use vmf::FLAG_CONT;

/// A small PRNG (xorshift64*), so that the tests are deterministic and need no crate.
pub struct Prng(pub u64);

impl Prng {
    /// Takes any seed, also 0.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    /// Cuts `bytes` at random.
    pub fn split<'a>(&mut self, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let wide = if self.below(3) == 0 { 200 } else { 9 };
            let (head, tail) = bytes.split_at(self.below(wide).min(bytes.len()));
            pieces.push(head);
            bytes = tail;
        }
        pieces
    }

    /// A number with a good chance to be at the edge of something.
    fn number(&mut self) -> u64 {
        match self.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << self.below(64),
            3 => self.below(70_000) as u64,
            _ => self.below(300) as u64,
        }
    }
}

/// Changes a good stream.
pub fn mutate(prng: &mut Prng, good: &[u8]) -> Vec<u8> {
    match prng.below(8) {
        0 | 1 => bytes(prng, good),
        2 => {
            let mut bytes = good.to_vec();
            bytes.truncate(prng.below(good.len()));
            bytes
        }
        _ => {
            let mut stream = Stream::parse(good);
            for _ in 0..=prng.below(2) {
                structure(prng, &mut stream);
            }
            stream.bytes()
        }
    }
}

fn bytes(prng: &mut Prng, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..=prng.below(3) {
        let at = prng.below(bytes.len());
        bytes[at] = prng.below(256) as u8;
    }
    bytes
}

fn structure(prng: &mut Prng, stream: &mut Stream) {
    let count = stream.sections.len();
    let at = prng.below(count);
    let section = &mut stream.sections[at];
    match prng.below(18) {
        0 => section.kind = (prng.below(0x10009) as u32).max(prng.below(2) as u32 * 0x10000),
        1 => section.flags = prng.below(9) as u16,
        2 => section.instance = prng.below(4) as u32,
        3 => section.seq = Some(prng.below(10) as u32),
        4 => section.length = Some(prng.number()),
        5 => section.schema = prng.below(3) as u16,
        6 => stream.sections.swap(at, prng.below(count)),
        7 => {
            section.padding = 1;
            section.payload.pop();
        }
        8 => drop(stream.sections.remove(at)),
        9 => {
            let again = section.clone();
            stream.sections.insert(prng.below(count), again);
        }
        10 => {
            let len = section.payload.len();
            section.payload.resize(prng.below(len + 9), 0);
        }
        11 => fragments(prng, stream, at),
        12 => header(prng, &mut stream.header),
        13 => stream.tail.resize(prng.below(3), 0),
        14 => stream.end = |end| end[8] ^= 1,
        15 => descriptor(prng, stream),
        _ => word(prng, section),
    }
}

/// Changes a byte, or a whole word, of a payload.
fn word(prng: &mut Prng, section: &mut Raw) {
    let len = section.payload.len();
    if len == 0 {
        return;
    }
    if prng.below(2) == 0 {
        section.payload[prng.below(len)] = prng.below(256) as u8;
    } else {
        let at = prng.below(len) / 4 * 4;
        let value = prng.number().to_le_bytes();
        let to = section.payload[at..].iter_mut().take(4);
        to.zip(value).for_each(|(to, from)| *to = from);
    }
}

/// Cuts a section in two, or puts one of an unknown type behind it.
fn fragments(prng: &mut Prng, stream: &mut Stream, at: usize) {
    let section = &mut stream.sections[at];
    let len = section.payload.len();
    if len < 2 || prng.below(3) == 0 {
        let other = Raw {
            flags: 0,
            ..raw(section.kind + 1, 0, &[1; 8])
        };
        stream.sections.insert(at + 1, other);
        return;
    }
    let mut second = section.clone();
    second.payload = section.payload.split_off(1 + prng.below(len - 1));
    section.flags |= FLAG_CONT;
    stream.sections.insert(at + 1, second);
}

/// Changes the file header behind the magic.
fn header(prng: &mut Prng, header: &mut Vec<u8>) {
    if prng.below(3) == 0 {
        let len = 32 + 8 * prng.below(30);
        header.resize(len, 0);
        header[16..18].copy_from_slice(&(len as u16).to_le_bytes());
    } else {
        header[8 + prng.below(20)] = prng.below(3) as u8;
    }
    header[28..32].fill(0);
    let sum = crc(0, header);
    header[28..32].copy_from_slice(&sum.to_le_bytes());
}

/// Changes the attributes of the descriptor, or appends a generation.
fn descriptor(prng: &mut Prng, stream: &mut Stream) {
    let mut sections = stream.sections.iter_mut();
    let Some(section) = sections.find(|section| section.kind == KIND_DESCRIPTOR) else {
        return;
    };
    if vmf::Descriptor::parse(&section.payload).is_err() {
        return;
    }
    let mut list = attributes_of(&section.payload);
    let at = prng.below(list.len());
    let (key, flags, value) = &mut list[at];
    match prng.below(9) {
        0 => *key = prng.below(12) as u16,
        1 => *flags = prng.below(3) as u16,
        2 => {
            let len = value.len();
            value.resize(prng.below(len + 17), 0);
        }
        3 => value.extend(value.clone()),
        4 => drop(list.remove(at)),
        5 => {
            let key = 200 + prng.below(2) as u16;
            list.push((key, prng.below(2) as u16, b"unknown".to_vec()));
        }
        6 => {
            let mut again = section.clone();
            again.instance += 1;
            let at = stream.find(KIND_DESCRIPTOR);
            stream.sections.insert(at + 1, again);
            return;
        }
        _ => {
            let at = prng.below(value.len().max(1));
            if let Some(byte) = value.get_mut(at) {
                *byte = prng.number() as u8;
            }
        }
    }
    let list = list.iter();
    section.payload = list
        .flat_map(|(key, flags, value)| attr(*key, *flags, value))
        .collect();
}
