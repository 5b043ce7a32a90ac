// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Helpers of the tests: drivers of the reader, and what it makes of a stream.

#![allow(dead_code, unused_imports, unreachable_pub, missing_docs)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
#![allow(clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod assemble;
pub mod corpus;
pub mod mutate;
pub mod samples;

pub use assemble::{
    attr, attributes, attributes_of, edited, edited_as, entry, file_header, limit, payload,
    payload_also, payload_with, policy, raw, Raw, Stream,
};
pub use mutate::{mutate, Prng};
pub use samples::{fields, state, state_v2, stream, stream_as, written, written_as};

use vmf::profile::igbvf_82576::{Filters, Interrupts, Loader, Mailbox, RxQueue, TxQueue, PROFILE};
use vmf::{
    Capabilities, Code, Crc32c, Descriptor, Error, Presented, Progress, Reader, Refusal, Section,
    Visitor,
};

/// CRC32C without a function to combine values.
pub const CRC: Crc32c = Crc32c::new(crc32c::crc32c_append);
/// CRC32C with one.
pub const CRC_COMBINE: Crc32c = CRC.with_combine(crc32c::crc32c_combine);

/// The lengths of the state sections of version 1.
pub const LENS: [usize; 7] = [
    RxQueue::LEN,
    RxQueue::LEN,
    TxQueue::LEN,
    TxQueue::LEN,
    Interrupts::LEN,
    Mailbox::LEN,
    Filters::LEN,
];
/// The length of the descriptor payload of version 1, without provider attributes.
pub const DESCRIPTOR_LEN: usize = 24 + 24 + 32 + 16 + 16 + (8 + 3 * 16) + (8 + 5 * 24) + 16;
/// The length of file header and DESCRIPTOR.
pub const INITIAL_LEN: usize = vmf::preamble_len(DESCRIPTOR_LEN);
/// The length of the stream.
pub const TOTAL_LEN: usize = vmf::stream_len(DESCRIPTOR_LEN, &LENS);

/// The offset of the descriptor payload.
pub const PAYLOAD: u64 = 64;
/// The offset of the first state section.
pub const STATE: u64 = INITIAL_LEN as u64;
/// The length of a queue section in the stream.
pub const QUEUE: u64 = vmf::section_len(RxQueue::LEN) as u64;
/// The offset of END.
pub const END: u64 = TOTAL_LEN as u64 - END_LEN;
/// The length of END.
pub const END_LEN: u64 = 56;
/// The position of END among the sections.
pub const LAST: usize = LENS.len() + 1;

pub fn crc(crc: u32, data: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, data)
}

/// The identity of the VF as QEMU presents it; the subsystem is the board's and not compared.
pub fn presented() -> Presented {
    PROFILE.presented(0x1af4, 0x1100, 1)
}

/// Those of version 1, for the tests of the container.
pub fn caps() -> Capabilities {
    caps_of(1)
}

pub fn caps_of(version: u32) -> Capabilities {
    PROFILE.capabilities(version, presented()).unwrap()
}

/// What a visitor saw, as text.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Log {
    pub events: Vec<String>,
    pub ends: usize,
    pub loader: Loader,
    /// Do not decode sections.
    pub blind: bool,
}

impl Log {
    pub fn blind() -> Self {
        Self {
            blind: true,
            ..Self::default()
        }
    }
}

impl Visitor for Log {
    fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
        let (version, len) = (descriptor.version(), descriptor.payload().len());
        self.events.push(format!("descriptor v{version} {len}"));
        self.loader.descriptor(descriptor)
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
    feed_with(CRC, caps, buf_len, log, pieces)
}

pub fn feed_with<'a>(
    crc: Crc32c,
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
                // Nothing may be fed behind END.
                let complete = progress == Progress::Complete || piece.is_empty();
                assert!(complete || !reader.complete());
                assert!(reader.complete() || progress == Progress::More);
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

/// Feeds all at once to a reader of version 1.
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
    assert_eq!(whole.log.loader.state(), None);
    error
}

pub fn refused_with(bytes: &[u8], code: Code) -> Error {
    let error = refused(bytes);
    assert_eq!(error.code, code, "{error}");
    error
}

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
