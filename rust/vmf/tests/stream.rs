// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Whole streams: round trip, truncation, bit flips, chunking, latch, bounded memory.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{
    caps, caps_of, edited, entry, feed, mutate, payload_also, raw, read, read_as, state, state_v2,
    written, written_as, Log, Prng, CRC, DESCRIPTOR_LEN, INITIAL_LEN, LAST,
};
use vmf::profile::igbvf_82576::{Filters, State};
use vmf::{Capabilities, Code, Progress, Reader, Refusal};

/// A full stream of every version: version, state, bytes.
fn full() -> [(u32, State, Vec<u8>); 2] {
    [(1, state()), (2, state_v2())].map(|(version, state)| {
        let bytes = written_as(version, &state, &[]);
        (version, state, bytes)
    })
}

#[test]
fn litmus_18_round_trip_is_a_fixed_point() {
    for (version, state, bytes) in full() {
        let outcome = read_as(caps_of(version), &bytes);
        assert_eq!(outcome.result, Ok(()));
        assert_eq!((outcome.completions, outcome.log.ends), (1, 1));
        let loaded = outcome.log.loader.state().unwrap();
        assert_eq!(loaded, &state);
        let sections = if version == 1 { 7 } else { 9 };
        assert_eq!(outcome.log.events.len(), sections + 2);
        assert_eq!(written_as(version, loaded, &[]), bytes);
    }
    assert_eq!(written(), full()[0].2);
}

#[test]
fn litmus_8_every_bit_flip_is_refused() {
    for (version, _, good) in full() {
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let outcome = read_as(caps_of(version), &bytes);
            let error = outcome.result.expect_err("accepted");
            assert_eq!(error.code, Code::BadMsg, "bit {bit}: {error}");
            assert!(error.offset <= bit as u64 / 8, "bit {bit}: {error}");
            assert_eq!(outcome.log.ends, 0);
        }
    }
}

#[test]
fn litmus_9_every_truncation_lacks_its_end() {
    for (version, _, good) in full() {
        for len in 0..good.len() {
            let outcome = read_as(caps_of(version), &good[..len]);
            let error = outcome.result.expect_err("accepted");
            assert_eq!((error.code, error.offset), (Code::NoData, len as u64));
            assert_eq!((outcome.completions, outcome.log.ends), (0, 0));
            assert_eq!(outcome.log.loader.state(), None);
        }
    }
}

#[test]
fn litmus_10_good_stream_in_any_pieces() {
    let mut prng = Prng(1);
    for (version, _, good) in full() {
        let caps = caps_of(version);
        let want = read_as(caps, &good);
        assert_eq!(want.result, Ok(()));
        let any = |pieces: Vec<&[u8]>| {
            let got = feed(caps, caps.buffer_len(), Log::default(), pieces);
            assert_eq!(got, want);
        };
        for size in 1..=good.len() {
            any(good.chunks(size).collect());
        }
        for _ in 0..500 {
            any(prng.split(&good));
        }
    }
}

#[test]
fn litmus_10_verdict_is_independent_of_pieces() {
    let mut prng = Prng(2);
    let mut codes = std::collections::BTreeMap::new();
    let full = full();
    for _ in 0..20_000 {
        let (version, _, good) = &full[prng.below(2)];
        let caps = caps_of(*version);
        let bytes = mutate(&mut prng, good);
        let whole = read_as(caps, &bytes);
        let name = whole
            .result
            .map_or_else(|error| error.code.name(), |()| "ok");
        *codes.entry(name).or_insert(0) += 1;
        for _ in 0..2 {
            let pieces = prng.split(&bytes);
            let split = feed(caps, caps.buffer_len(), Log::default(), pieces);
            assert_eq!(split.result, whole.result);
            if whole.result.is_ok() {
                assert_eq!(split, whole);
            }
        }
    }
    // The mutations have to reach more than the CRCs: whatever a stream can raise.
    for name in ["ok"].into_iter().chain(Code::ALL.map(Code::name)) {
        let reached = codes.contains_key(name);
        assert_eq!(reached, name != "EIO", "{name} of {codes:?}");
    }
}

#[test]
fn bytes_after_end_in_another_write() {
    let good = written();
    let mut reader = Reader::new(caps(), CRC, vec![0; caps().buffer_len()]);
    let mut log = Log::default();
    assert_eq!(reader.feed(&good, &mut log), Ok(Progress::Complete));
    assert_eq!(reader.feed(&[], &mut log), Ok(Progress::More));
    assert!(reader.complete());
    let error = reader.feed(&[0], &mut log).unwrap_err();
    assert_eq!((error.code, error.offset), (Code::IlSeq, good.len() as u64));
    assert!(!reader.complete());
    assert_eq!(reader.finish(), Err(error));
    // In the same write: the same error, and nothing is loaded.
    assert_eq!(common::refused(&[&good[..], &[0]].concat()), error);
}

#[test]
fn litmus_19_latch_and_reset() {
    let good = written();
    let bad = edited(|stream| stream.sections[3].seq = Some(7));
    let mut reader = Reader::new(caps(), CRC, vec![0; caps().buffer_len()]);
    let mut log = Log::default();
    let error = reader.feed(&bad, &mut log).unwrap_err();
    assert_eq!(error.code, Code::IlSeq);
    let seen = log.clone();
    for _ in 0..3 {
        assert_eq!(reader.feed(&good, &mut log), Err(error));
        assert_eq!(reader.feed(&[], &mut log), Err(error));
    }
    assert_eq!(log, seen, "a visitor was called after the error");
    assert_eq!((reader.finish(), reader.error()), (Err(error), Some(error)));
    assert_eq!(reader.fail(Refusal::new(Code::Io, "late", 0, 0)), error);

    let mut reader = reader.reset();
    let mut log = Log::default();
    assert_eq!(reader.feed(&good, &mut log), Ok(Progress::Complete));
    assert_eq!(log.loader.state(), Some(&state()));
    let error = reader.fail(Refusal::new(Code::Io, "load", 1, 2));
    assert_eq!((error.code, error.offset), (Code::Io, good.len() as u64));
    assert!(!reader.complete());
    assert_eq!(reader.finish(), Err(error));
    assert_eq!(reader.feed(&[], &mut log), Err(error));
}

#[test]
fn visitor_errors_are_placed() {
    struct Fails(u32);
    impl vmf::Visitor for Fails {
        fn descriptor(&mut self, _: &vmf::Descriptor<'_>) -> Result<(), Refusal> {
            self.step("descriptor")
        }
        fn section(&mut self, _: &vmf::Section<'_>) -> Result<(), Refusal> {
            self.step("section")
        }
        fn verify(&mut self) -> Result<(), Refusal> {
            self.step("verify")
        }
        fn end(&mut self) -> Result<(), Refusal> {
            self.step("end")
        }
    }
    impl Fails {
        fn step(&mut self, reason: &'static str) -> Result<(), Refusal> {
            self.0 = self.0.wrapping_sub(1);
            if self.0 == 0 {
                return Err(Refusal::new(Code::Io, reason, 3, 4));
            }
            Ok(())
        }
    }

    let good = written();
    let end = (good.len() - 56) as u64;
    for (nth, reason, offset, seq) in [
        (1, "descriptor", 32, 0),
        (2, "section", INITIAL_LEN as u64, 1),
        (9, "verify", end, 8),
        (10, "end", end, 8),
    ] {
        let mut reader = Reader::new(caps(), CRC, vec![0; caps().buffer_len()]);
        let error = reader.feed(&good, &mut Fails(nth)).unwrap_err();
        assert_eq!(
            (error.code, error.reason, error.offset),
            (Code::Io, reason, offset)
        );
        assert_eq!(error.section.unwrap().seq, seq);
        assert!(!reader.complete());
        assert_eq!(reader.finish(), Err(error));
    }
}

#[test]
fn litmus_15_unknown_optional_section_needs_no_memory() {
    const MIB: usize = 1 << 20;
    let caps = Capabilities {
        stream_max: 2 << 20,
        ..caps()
    };
    let mut manifest = entry(0x8080_8601, [3, 2], 0, 1, MIB as u32);
    let bytes = edited(|stream| {
        let mut list = common::attributes();
        list.iter_mut().find(|attr| attr.0 == 9).unwrap().1 = (2u64 << 20).to_le_bytes().to_vec();
        let known = &mut list.iter_mut().find(|attr| attr.0 == 8).unwrap().1;
        known.append(&mut manifest);
        stream.sections[0].payload = common::payload(&list);
        let mut section = raw(0x8080_8601, 0, &vec![0x5a; MIB]);
        (section.schema, section.flags) = (3, 0);
        stream.sections.insert(LAST, section);
    });
    assert!(bytes.len() > MIB);
    let buf_len = 512 + Filters::LEN;
    for size in [1000, 4096, bytes.len()] {
        let outcome = feed(caps, buf_len, Log::default(), bytes.chunks(size));
        assert_eq!(outcome.result, Ok(()));
        assert_eq!(outcome.log.loader.state(), Some(&state()));
        assert_eq!(
            outcome.log.events.len(),
            9,
            "the unknown section was handed on"
        );
    }
    // It is checked all the same.
    let mut bad = bytes.clone();
    bad[MIB / 2] ^= 1;
    let outcome = feed(caps, buf_len, Log::default(), bad.chunks(4096));
    assert_eq!(outcome.result.unwrap_err().code, Code::BadMsg);
    // And it counts.
    let error = common::refused(&bytes);
    assert_eq!((error.code, error.reason), (Code::FBig, "stream_max"));
}

#[test]
fn known_section_needs_memory() {
    let good = written();
    let need = DESCRIPTOR_LEN + Filters::LEN;
    let outcome = feed(caps(), need, Log::default(), [&good[..]]);
    assert_eq!(outcome.result, Ok(()));
    let error = feed(caps(), need - 1, Log::default(), [&good[..]])
        .result
        .unwrap_err();
    assert_eq!(
        (error.code, error.section.unwrap().kind),
        (Code::MsgSize, Filters::KIND)
    );
    let reason = "section longer than the buffer of the reader";
    assert_eq!(error.reason, reason);
    let short = feed(caps(), DESCRIPTOR_LEN - 1, Log::default(), [&good[..]]);
    let error = short.result.unwrap_err();
    assert_eq!((error.offset, error.reason), (32, reason));
}

#[test]
fn longer_file_header_is_skipped() {
    let bytes = edited(|stream| {
        stream.header = common::file_header(|bytes| {
            bytes[14] = 9; // minor
            bytes[16..18].copy_from_slice(&256u16.to_le_bytes());
            bytes[24] = 0xff; // compat
            bytes.resize(256, 0x77);
        });
    });
    assert_eq!(read(&bytes).result, Ok(()));
    let mut bad = bytes.clone();
    bad[255] ^= 0x10;
    let error = common::refused_with(&bad, Code::BadMsg);
    assert_eq!((error.offset, error.reason), (0, "file header CRC"));
}

#[test]
fn generations_and_fragments() {
    let bytes = edited(|stream| {
        let mut again = stream.sections[0].clone();
        again.instance = 1;
        again.payload = payload_also(&[entry(0x20000, [1, 1], 0, 1, 64)]);
        stream.sections.insert(1, again);
        let mut part = raw(0x20000, 0, &[7; 32]);
        part.flags = vmf::FLAG_CONT;
        let mut last = part.clone();
        last.flags = 0;
        stream.sections.splice(LAST + 1..LAST + 1, [part, last]);
    });
    let outcome = read(&bytes);
    assert_eq!(outcome.result, Ok(()));
    let len = DESCRIPTOR_LEN;
    assert_eq!(outcome.log.events[0], format!("descriptor v1 {len}"));
    assert_eq!(outcome.log.events[1], format!("descriptor v1 {}", len + 24));
    assert_eq!(outcome.log.loader.state(), Some(&state()));
}

#[test]
fn preflight_is_the_verdict_of_the_reader() {
    let good = written();
    let run = |bytes: &[u8]| vmf::preflight(bytes, &caps(), CRC, &mut [0; vmf::DESCRIPTOR_MAX]);
    let len = INITIAL_LEN;
    assert_eq!(run(&good[..len]), Ok(()));
    for short in 0..len {
        assert_eq!(
            run(&good[..short]).unwrap_err().code,
            Code::NoData,
            "{short}"
        );
    }
    assert_eq!(run(&good[..len + 1]).unwrap_err().code, Code::IlSeq);
    assert_eq!(run(&good).unwrap_err().code, Code::IlSeq);
    for bit in 0..len * 8 {
        let mut bytes = good[..len].to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(run(&bytes), Err(read(&bytes).result.unwrap_err()));
    }
    // With CRCs made right: 10 000 mutated descriptors, and the same verdict of `write()`.
    let mut prng = Prng(3);
    let mut codes = std::collections::BTreeSet::new();
    for _ in 0..10_000 {
        let bytes = edited(|stream| {
            stream.sections.truncate(1);
            let payload = &mut stream.sections[0].payload;
            for _ in 0..=prng.below(2) {
                let at = prng.below(payload.len());
                payload[at] = payload[at].wrapping_add(1 << prng.below(8));
            }
        });
        let verdict = run(&bytes);
        match read(&bytes).result.unwrap_err() {
            error if error.code == Code::NoData => assert_eq!(verdict, Ok(())),
            error => assert_eq!(verdict, Err(error)),
        }
        codes.insert(verdict.map_or_else(|error| error.code.name(), |()| "ok"));
    }
    for name in ["ok", "EBADMSG", "EXDEV", "EOPNOTSUPP", "EDOM", "EFBIG"] {
        assert!(codes.contains(name), "{name} not among {codes:?}");
    }
}

#[test]
fn errors_say_what_where_why() {
    let bytes = edited(|stream| stream.sections[2].seq = Some(9));
    let error = common::refused(&bytes);
    assert_eq!(
        error.to_string(),
        "EILSEQ at offset 448 (section 0x10001, instance 1, seq 9): section seq: got 0x9, want 0x2"
    );
}
