// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The promises of the reader, demanded of one stream.

use std::hash::{DefaultHasher, Hash, Hasher};

use vmf::{Code, Descriptor, Error, Progress, Reader, Refusal, Section, Visitor};

use crate::{
    assemble::{self, Payload, Stream},
    c_reader,
    codec::{self, Profile},
    Prng,
};

/// What a visitor saw, boiled down.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Log {
    loader: codec::Loader,
    events: u64,
    seen: u64,
    verified: u32,
    ends: u32,
    /// Set by an error of the loader: nothing may come after it.
    refused: bool,
}

impl Log {
    fn note(&mut self, event: impl Hash) {
        assert!(!self.refused, "a visitor was called after its error");
        assert_eq!(self.ends, 0, "a visitor was called after its end");
        let mut hasher = DefaultHasher::new();
        (self.events, event).hash(&mut hasher);
        self.events = hasher.finish();
        self.seen += 1;
    }

    fn pass(&mut self, result: Result<(), Refusal>) -> Result<(), Refusal> {
        self.refused = result.is_err();
        result
    }
}

impl Visitor for Log {
    fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
        self.note((1, descriptor.payload()));
        let result = self.loader.descriptor(descriptor);
        self.pass(result)
    }

    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        let id = (section.kind, section.instance, section.seq);
        let form = (section.schema, section.flags, section.more);
        self.note((2, id, form, section.payload));
        assert_eq!(self.verified, 0, "a section after END");
        let result = self.loader.section(section);
        self.pass(result)
    }

    fn verify(&mut self) -> Result<(), Refusal> {
        self.note(3);
        self.verified += 1;
        let result = self.loader.verify();
        self.pass(result)
    }

    fn end(&mut self) -> Result<(), Refusal> {
        self.note(4);
        self.ends += 1;
        assert_eq!(self.verified, 1, "the end before its verification");
        let result = self.loader.end();
        self.pass(result)
    }
}

/// What came of a stream.
struct Outcome {
    result: Result<(), Error>,
    log: Log,
    offset: u64,
    sections: u32,
}

/// Feeds `pieces`, goes on after an error, and demands what holds for any stream.
fn feed<'a>(
    profile: Profile,
    buffer_len: usize,
    combine: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let memory = vec![0xa5; buffer_len];
    let mut reader = Reader::new(profile.capabilities(), codec::crc(combine), memory);
    let mut log = Log {
        loader: profile.loader(),
        ..Log::default()
    };
    let (mut fed, mut first, mut completions) = (0u64, None, 0);
    for piece in pieces {
        fed += piece.len() as u64;
        let seen = log.seen;
        match (reader.feed(piece, &mut log), first) {
            (Ok(progress), None) => {
                assert_eq!(reader.offset(), fed, "bytes were not taken");
                assert_eq!(reader.error(), None);
                if progress == Progress::Complete {
                    completions += 1;
                    assert!(reader.complete(), "Complete, and is not");
                    assert_eq!(log.ends, 1, "Complete without the visitor's end");
                }
            }
            (Ok(_), Some(error)) => panic!("{error} was forgotten"),
            (Err(error), None) => {
                first = Some(error);
                assert!(error.offset <= reader.offset(), "{error} is ahead");
                assert!(reader.offset() <= fed);
                assert_ne!(error.code, Code::NoData, "the end was not seen");
            }
            (Err(error), Some(first)) => {
                assert_eq!(error, first, "the first error was replaced");
                assert_eq!(log.seen, seen, "a visitor was called after the error");
            }
        }
    }
    let result = reader.finish();
    assert_eq!(result.is_ok(), reader.complete());
    if let Some(error) = first {
        assert_eq!(result, Err(error));
        assert_eq!(reader.error(), Some(error));
    } else if let Err(error) = result {
        assert_eq!((error.code, error.offset), (Code::NoData, fed));
    }
    if result.is_ok() {
        assert_eq!((completions, log.ends), (1, 1));
        // Nothing is wrong with nothing, and everything with anything else.
        assert_eq!(reader.feed(&[], &mut log), Ok(Progress::More));
        assert!(reader.complete());
        let error = reader.feed(&[0], &mut log).expect_err("a byte after END");
        assert_eq!((error.code, error.offset), (Code::IlSeq, fed));
        assert!(!reader.complete());
    }
    Outcome {
        result,
        log,
        offset: reader.offset(),
        sections: reader.sections(),
    }
}

/// Demands all promises of the reader for `bytes`; returns whether they are accepted.
pub fn examine(profile: Profile, buffer_len: usize, bytes: &[u8]) -> bool {
    // Once with the function that combines two CRCs, and else without.
    let whole = feed(profile, buffer_len, true, [bytes]);
    let mut prng = Prng::of(bytes);
    let compare = |pieces: Vec<&[u8]>| {
        let split = feed(profile, buffer_len, false, pieces.iter().copied());
        assert_eq!(split.result, whole.result, "another verdict in pieces");
        // Whether bytes after END were at hand decides about the load, and about nothing else.
        if whole.result.is_ok() || split.log.ends == 0 {
            assert_eq!(split.log, whole.log, "a visitor saw something else");
        }
        assert_eq!(split.sections, whole.sections);
        let error = whole.result.err();
        if error.is_none_or(|error| error.code == Code::NoData) {
            assert_eq!(split.offset, whole.offset);
        }
    };
    compare(prng.split(bytes));
    compare(prng.split(bytes));
    if bytes.len() <= 1024 {
        compare(bytes.chunks(1).collect());
    }
    if let Some(verdict) = codec::verify(profile, buffer_len, bytes) {
        assert_eq!(verdict, whole.result, "the verifier has another verdict");
    }
    if buffer_len >= profile.buffer_len() {
        preflight(profile, bytes);
        c_reader::agree(profile, bytes);
    }
    if whole.result.is_err() {
        return false;
    }
    codec::encode_again(bytes);
    codec::save_again(&whole.log.loader, bytes);
    true
}

/// Takes anything.
struct Accept;

impl Visitor for Accept {
    fn section(&mut self, _: &Section<'_>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// The verdict on a descriptor in advance is that of the reader on the same bytes.
fn preflight(profile: Profile, bytes: &[u8]) {
    let end = preamble_len(bytes);
    let preamble = end.and_then(|end| bytes.get(..end)).unwrap_or(bytes);
    let memory = vec![0; profile.buffer_len()];
    let mut reader = Reader::new(profile.capabilities(), codec::crc(false), memory);
    let fed = reader.feed(preamble, &mut Accept);
    let want = match reader.finish() {
        Err(error) if fed.is_ok() && end == Some(preamble.len()) => {
            assert_eq!(error.code, Code::NoData);
            Ok(())
        }
        other => other,
    };
    let got = codec::preflight(profile, preamble);
    assert_eq!(got, want, "preflight and reader differ");
    if got.is_ok() {
        let (_, sections) = assemble::split(preamble);
        let [assemble::Section {
            payload: Payload::Bytes(payload),
            ..
        }] = &sections[..]
        else {
            panic!("more than a descriptor is none");
        };
        let descriptor = Descriptor::parse(payload).expect("malformed and accepted");
        assert_eq!(codec::check(profile, &descriptor), Ok(()));
    }
    if got.is_ok() && preamble.len() < bytes.len() {
        let more = codec::preflight(profile, bytes).expect_err("more than a descriptor");
        // If more of it is wrong, either may be said.
        assert!(more.offset >= preamble.len() as u64 || more.code == Code::IlSeq);
    }
}

/// The length of file header and first section, if there is enough of it to tell.
fn preamble_len(bytes: &[u8]) -> Option<usize> {
    let word = |at: usize| {
        let bytes = bytes.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let start = word(16)?;
    // Anything over 4 GiB is refused by its header.
    let length = word(start.checked_add(16)?)?.checked_next_multiple_of(8)?;
    start.checked_add(32)?.checked_add(length)
}

/// Demands that the ways to judge a DESCRIPTOR payload agree.
pub fn descriptor(profile: Profile, payload: &[u8]) {
    let stream = Stream::new(vec![assemble::Section::new(
        assemble::DESCRIPTOR,
        1,
        assemble::CRITICAL,
        0,
        Payload::Bytes(payload.to_vec()),
    )]);
    let bytes = stream.bytes();
    assert!(!examine(profile, profile.buffer_len(), &bytes));
    let verdict = codec::preflight(profile, &bytes);
    if payload.is_empty() || payload.len() > vmf::DESCRIPTOR_MAX {
        assert_eq!(verdict.expect_err("length").code, Code::MsgSize);
        return;
    }
    // Padding of a payload that is no multiple of 8 is none of the descriptor's.
    match Descriptor::parse(payload) {
        Err(malformed) => {
            assert!(malformed.at <= payload.len());
            let error = verdict.expect_err("malformed");
            assert_eq!(error.refusal(), malformed.refusal);
            assert_eq!(error.offset, 64 + malformed.at as u64);
        }
        Ok(descriptor) => {
            let list = assemble::split_attributes(payload);
            let seen = descriptor.attributes();
            assert!(seen
                .map(|attr| (attr.key, attr.flags, attr.value.to_vec()))
                .eq(list));
            codec::describe(&descriptor);
            let judged = codec::check(profile, &descriptor);
            assert_eq!(verdict.map_err(|error| error.refusal()), judged);
            if let Err(error) = verdict {
                assert_eq!(error.offset, 32);
            }
        }
    }
}
