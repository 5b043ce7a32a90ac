// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Helpers of the tests: a stream assembler without any checks, drivers of the reader, a PRNG.

#![allow(dead_code, unreachable_pub, missing_docs)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
#![allow(clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use vmf::profile::igbvf_82576 as igbvf;
use vmf::{
    Capabilities, Code, Descriptor, Error, FileHeader, Progress, Reader, Refusal, Section,
    SectionHeader, Visitor, Writer, FLAG_CRITICAL, KIND_DESCRIPTOR, KIND_END,
};

pub fn crc(crc: u32, data: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, data)
}

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
            };
            out.extend(header.encode(crc));
            out.extend(body);
        }
        out.extend(&self.tail);
        out
    }
}

/// The file header with `edit` applied and the CRC made right again.
pub fn file_header(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = FileHeader::CURRENT.encode(crc).to_vec();
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

/// One manifest entry.
pub fn entry(kind: u32, schema: [u16; 2], flags: u16, count_max: u32, len_max: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(kind.to_le_bytes());
    out.extend(schema[0].to_le_bytes());
    out.extend(schema[1].to_le_bytes());
    out.extend(flags.to_le_bytes());
    out.extend([0; 2]);
    out.extend(count_max.to_le_bytes());
    out.extend(len_max.to_le_bytes());
    out.extend([0; 4]);
    out
}

/// The attributes of a descriptor of the igbvf profile, by key.
pub fn attributes() -> Vec<(u16, Vec<u8>)> {
    let mut buf = [0; 4096];
    let len = caps().fields().encode(&mut buf).unwrap();
    let descriptor = Descriptor::parse(&buf[..len]).unwrap();
    let list = descriptor.attributes();
    list.map(|attr| (attr.key, attr.value.to_vec())).collect()
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

pub fn caps() -> Capabilities {
    igbvf::capabilities(igbvf::PRESENTED)
}

/// A state in which no field is 0.
pub fn state() -> igbvf::State {
    let mut state = igbvf::State::default();
    for (n, rx) in state.rx.iter_mut().enumerate() {
        let n = n as u32;
        *rx = igbvf::RxQueue {
            rdba: 0x1_2345_6000 + u64::from(n) * 0x1_0000,
            rdlen: 4096,
            srrctl: 0x0200_0002,
            rdh: 17 + n,
            rdt: 255 - n,
            rxdctl: 0x0201_0808,
            rxctl: 0x2a00,
            psrtype: if n == 0 { 0x10 } else { 0 },
        };
    }
    for (n, tx) in state.tx.iter_mut().enumerate() {
        let n = n as u32;
        *tx = igbvf::TxQueue {
            tdba: 0x2_2345_6000 + u64::from(n) * 0x1_0000,
            tdwba: 0x3_0000_0001,
            tdlen: 2048,
            tdh: 100 + n,
            tdt: 101 + n,
            txdctl: 0x0200_0108,
            txctl: 0x2a00,
        };
    }
    state.interrupts = igbvf::Interrupts {
        eims: 7,
        eiac: 5,
        eiam: 3,
        eitr: [488, 0x7ffc, 0x7fff_ffff],
        ivar: 0x0000_8180,
        ivar_misc: 0x82,
    };
    for (n, word) in state.mailbox.vmbmem.iter_mut().enumerate() {
        *word = 0x8000_0001 + n as u32;
    }
    state.mailbox.r2c = 0x20;
    state.mailbox.flags = 0b110;
    state.filters = igbvf::Filters {
        flags: 1,
        mac: [2, 0, 0, 0x11, 0x22, 0x33],
        max_frame: 1522,
    };
    state
}

/// The stream of [`state`] as the writer makes it.
pub fn written() -> Vec<u8> {
    let mut buf = vec![0xa5; igbvf::TOTAL_LEN];
    let mut writer = Writer::new(&mut buf, crc).unwrap();
    let caps = caps();
    writer.descriptor(&caps.fields()).unwrap();
    assert_eq!(writer.len(), igbvf::INITIAL_LEN);
    state().write(&mut writer).unwrap();
    assert_eq!(writer.end(), Ok(igbvf::TOTAL_LEN));
    buf
}

/// The raw sections of [`state`], DESCRIPTOR and END included.
pub fn stream() -> Stream {
    let state = state();
    Stream {
        header: file_header(|_| {}),
        sections: vec![
            raw(KIND_DESCRIPTOR, 0, &payload(&attributes())),
            raw(igbvf::KIND_RX_QUEUE, 0, &state.rx[0].encode()),
            raw(igbvf::KIND_RX_QUEUE, 1, &state.rx[1].encode()),
            raw(igbvf::KIND_TX_QUEUE, 0, &state.tx[0].encode()),
            raw(igbvf::KIND_TX_QUEUE, 1, &state.tx[1].encode()),
            raw(igbvf::KIND_INTERRUPTS, 0, &state.interrupts.encode()),
            raw(igbvf::KIND_MAILBOX, 0, &state.mailbox.encode()),
            raw(igbvf::KIND_FILTERS, 0, &state.filters.encode()),
            raw(KIND_END, 0, &[]),
        ],
        end: |_| {},
        tail: Vec::new(),
    }
}

/// The stream of [`stream`], with `edit` applied.
pub fn edited(edit: impl FnOnce(&mut Stream)) -> Vec<u8> {
    let mut stream = stream();
    edit(&mut stream);
    stream.bytes()
}

/// What a visitor saw, as text.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Log {
    pub events: Vec<String>,
    pub ends: usize,
    pub loader: igbvf::Loader,
    /// Do not decode sections.
    pub blind: bool,
}

impl Visitor for Log {
    fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
        let (version, len) = (descriptor.version(), descriptor.payload().len());
        self.events.push(format!("descriptor v{version} {len}"));
        Ok(())
    }

    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        self.events.push(format!("{section:?}"));
        if self.blind {
            return Ok(());
        }
        self.loader.section(section)
    }

    fn verify(&mut self) -> Result<(), Refusal> {
        self.events.push("verify".to_string());
        if self.blind {
            return Ok(());
        }
        self.loader.verify()
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.ends += 1;
        if self.blind {
            return Ok(());
        }
        self.loader.end()
    }
}

/// The outcome of a whole stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    pub result: Result<(), Error>,
    pub log: Log,
    pub completions: usize,
}

/// Feeds `pieces`; after an error feeds on, to see that the error stays.
pub fn feed<'a>(
    caps: Capabilities,
    buf_len: usize,
    log: Log,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut reader = Reader::new(caps, crc, vec![0xa5; buf_len]);
    let mut log = log;
    let (mut first, mut completions) = (None, 0);
    for piece in pieces {
        match (reader.feed(piece, &mut log), first) {
            (Ok(progress), None) => {
                completions += usize::from(progress == Progress::Complete);
                assert_eq!(progress == Progress::Complete, reader.complete());
            }
            (Ok(_), Some(error)) => panic!("{error} was forgotten"),
            (Err(error), None) => first = Some(error),
            (Err(error), Some(first)) => assert_eq!(error, first, "error not latched"),
        }
    }
    let result = reader.finish();
    if let Some(error) = first {
        assert_eq!(result, Err(error));
        assert!(!reader.complete());
    }
    assert_eq!(result.is_ok(), reader.complete());
    Outcome {
        result,
        log,
        completions,
    }
}

/// Feeds all at once to a reader of the igbvf profile.
pub fn read(bytes: &[u8]) -> Outcome {
    read_as(caps(), bytes)
}

pub fn read_as(caps: Capabilities, bytes: &[u8]) -> Outcome {
    feed(caps, caps.buffer_len(), Log::default(), [bytes])
}

/// Requires that `bytes` are refused, in one piece and byte by byte alike, and never loaded.
pub fn refused(bytes: &[u8]) -> Error {
    refused_as(caps(), bytes)
}

pub fn refused_as(caps: Capabilities, bytes: &[u8]) -> Error {
    let whole = read_as(caps, bytes);
    let error = whole.result.expect_err("accepted");
    let single = feed(caps, caps.buffer_len(), Log::default(), bytes.chunks(1));
    assert_eq!(single.result, Err(error), "depends on chunking");
    assert_eq!(whole.log.ends, 0, "loaded in spite of {error}");
    error
}

pub fn refused_with(bytes: &[u8], code: Code) -> Error {
    let error = refused(bytes);
    assert_eq!(error.code, code, "{error}");
    error
}

/// The offset of the first state section.
pub const STATE: u64 = igbvf::INITIAL_LEN as u64;
/// The offset of the descriptor payload.
pub const PAYLOAD: u64 = 64;

/// Requires a refusal with `code` and `reason` at `offset`.
pub fn expect(edit: impl FnOnce(&mut Stream), code: Code, reason: &str, offset: u64) {
    let error = refused(&edited(edit));
    assert_eq!((error.code, error.reason), (code, reason), "{error}");
    assert_eq!(error.offset, offset, "{error}");
}

/// As [`expect`], with another descriptor.
pub fn expect_descriptor(payload: Vec<u8>, code: Code, reason: &str, at: u64) {
    let edit = |stream: &mut Stream| stream.sections[0].payload = payload;
    expect(edit, code, reason, at);
}

/// A small PRNG (xorshift64*), so that the tests are deterministic and need no crate.
pub struct Prng(pub u64);

impl Prng {
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
}
