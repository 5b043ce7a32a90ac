// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Verdicts do not depend on who asks: the driver's loader or a tool, and how CRCs are computed.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::corpus::{refused, seeds, PROVIDER};
use common::{
    caps_of, edited, entry, feed, feed_with, fields, mutate, payload_also, raw, read_as, state_v2,
    written_as, Log, Prng, Raw, CRC, CRC_COMBINE, LAST,
};
use std::collections::BTreeSet;
use vmf::profile::igbvf_82576::PROFILE;
use vmf::profile::{self, Verifier};
use vmf::{Capabilities, Error, Reader, Visitor, Writer, FLAG_CONT};

fn verdict(visitor: &mut impl Visitor, caps: Capabilities, bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(caps, CRC, vec![0; caps.buffer_len()]);
    reader.feed(bytes, visitor)?;
    reader.finish()
}

#[test]
fn verifier_comes_to_the_verdict_of_the_loader() {
    let seeds = seeds();
    let mut prng = Prng(7);
    let mut codes = BTreeSet::new();
    for round in 0..20_000 {
        let bytes = mutate(&mut prng, &seeds[round % seeds.len()]);
        let caps = caps_of(1 + prng.below(2) as u32);
        let want = read_as(caps, &bytes).result;
        let got = verdict(&mut Verifier::new(&PROFILE), caps, &bytes);
        assert_eq!(got, want);
        codes.insert(want.map_or_else(|error| error.code.name(), |()| "ok"));
    }
    assert_eq!(codes.len(), 11, "{codes:?}");
    for refused in refused() {
        let caps = caps_of(2);
        let error = verdict(&mut Verifier::new(&PROFILE), caps, &refused.bytes).unwrap_err();
        assert_eq!((error.code, error.offset), (refused.code, refused.offset));
    }
}

#[test]
fn combining_changes_no_verdict() {
    let seeds = seeds();
    let mut prng = Prng(11);
    for round in 0..20_000 {
        let bytes = mutate(&mut prng, &seeds[round % seeds.len()]);
        let caps = caps_of(1 + prng.below(2) as u32);
        let len = caps.buffer_len();
        let plain = feed(caps, len, Log::default(), [&bytes[..]]);
        let pieces = prng.split(&bytes);
        let combined = feed_with(CRC_COMBINE, caps, len, Log::default(), pieces);
        assert_eq!(combined.result, plain.result);
    }
}

#[test]
fn combining_changes_no_byte() {
    let write = |crc| {
        let mut buf = vec![0xa5; 128 << 10];
        let caps = caps_of(2);
        let mut writer = Writer::new(&mut buf, crc).unwrap();
        let mut fields = fields(&caps, &state_v2());
        fields.provider = PROVIDER;
        writer.descriptor(&fields).unwrap();
        state_v2().write(2, &mut writer).unwrap();
        // Lengths around the size of a block, with and without padding.
        for (n, len) in [1, 8, 16383, 16384, 16385, 50_001].into_iter().enumerate() {
            let payload: Vec<u8> = (0..len).map(|byte: u32| byte as u8).collect();
            writer.section(0x20000, 1, 0, n as u32, &payload).unwrap();
        }
        let len = writer.end().unwrap();
        buf.truncate(len);
        buf
    };
    assert_eq!(write(CRC), write(CRC_COMBINE));
}

#[test]
fn long_sections_are_read_in_blocks() {
    // In one piece, in pieces that cut the blocks, in fragments: with one result.
    let len = 40_000;
    let manifest = payload_also(&[entry(0x20000, [1, 1], 0, 1, 2 * len)]);
    let payload: Vec<u8> = (0..len).map(|n| (n * 7) as u8).collect();
    let bytes = edited(|s| {
        s.sections[0].payload = manifest;
        let part = Raw {
            flags: FLAG_CONT,
            ..raw(0x20000, 0, &payload)
        };
        let last = Raw {
            flags: 0,
            ..raw(0x20000, 0, &payload[3..])
        };
        s.sections.splice(LAST..LAST, [part, last]);
    });
    // The manifest states more than `stream_max` of version 1 has room for, and may.
    let caps = Capabilities {
        stream_max: 1 << 20,
        ..caps_of(1)
    };
    let caps = Capabilities {
        sections: {
            let mut sections = PROFILE.sections.to_vec();
            sections.push(vmf::SectionSpec {
                kind: 0x20000,
                flags: 0,
                len_max: 2 * len,
                ..sections[0]
            });
            sections.leak()
        },
        ..caps
    };
    let bytes = grow(&bytes);
    let mut want = None;
    for crc in [CRC, CRC_COMBINE] {
        for size in [bytes.len(), 16384, 16385, 1000, 7] {
            let pieces = bytes.chunks(size);
            let got = feed_with(crc, caps, caps.buffer_len(), Log::blind(), pieces);
            assert_eq!(got.result, Ok(()));
            assert_eq!(&got, want.get_or_insert(got.clone()));
        }
    }
    let error = |crc| {
        let mut bytes = bytes.clone();
        let at = bytes.len() - 1000;
        bytes[at] ^= 1;
        let got = feed_with(crc, caps, caps.buffer_len(), Log::blind(), [&bytes[..]]);
        got.result.unwrap_err()
    };
    assert_eq!(error(CRC), error(CRC_COMBINE));
}

/// The same stream with `stream_max` 1 MiB.
fn grow(bytes: &[u8]) -> Vec<u8> {
    let mut stream = common::Stream::parse(bytes);
    let mut list = common::attributes_of(&stream.sections[0].payload);
    list.iter_mut().find(|attr| attr.0 == 9).unwrap().2 = (1u64 << 20).to_le_bytes().to_vec();
    let list = list.iter();
    stream.sections[0].payload = list
        .flat_map(|(key, flags, value)| common::attr(*key, *flags, value))
        .collect();
    stream.bytes()
}

#[test]
fn profiles_are_found_by_name() {
    let found = profile::find("vf.net.igbvf-82576").unwrap();
    assert_eq!(found.uuid, PROFILE.uuid);
    assert!(profile::find("vf.net.igbvf").is_none());
    assert_eq!(profile::ALL.len(), 1);
    assert_eq!((found.newest(), found.floor), (2, 1));
    assert_eq!(found.version(2).map(|version| version.min_reader), Some(1));
    assert!(found.version(3).is_none() && found.section(0x10008).is_none());
    // As long as a stream can get, it is below its own bound.
    let stream = written_as(2, &state_v2(), PROVIDER).len();
    assert!(stream as u64 <= found.stream_max);
}
