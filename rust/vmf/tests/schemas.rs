// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Fragments, and sections of another schema than the known one.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{edited, entry, feed, payload_also, raw, read, refused, refused_as, Log, Raw, LAST};
use vmf::profile::igbvf_82576::PROFILE;
use vmf::{Capabilities, Code, SectionSpec, FLAG_CONT, FLAG_CRITICAL};

#[test]
fn fragments() {
    let manifest = payload_also(&[entry(0x20000, [1, 1], 0, 2, 64)]);
    let part = |instance, flags, len: usize| Raw {
        flags,
        ..raw(0x20000, instance, &vec![9; len])
    };
    let with = |parts: Vec<Raw>| {
        let manifest = manifest.clone();
        edited(move |s| {
            s.sections[0].payload = manifest;
            s.sections.splice(LAST..LAST, parts);
        })
    };
    let good = vec![part(0, FLAG_CONT, 32), part(0, 0, 32), part(1, 0, 64)];
    assert_eq!(read(&with(good)).result, Ok(()));
    let cases = [
        (
            vec![part(0, FLAG_CONT, 32)],
            Code::IlSeq,
            "END where a fragment is due",
        ),
        (
            vec![part(0, FLAG_CONT, 32), part(1, 0, 8)],
            Code::IlSeq,
            "fragment of another section",
        ),
        (
            vec![part(0, 0, 8), part(0, 0, 8)],
            Code::IlSeq,
            "duplicate section",
        ),
        (
            vec![part(0, FLAG_CONT, 32), part(0, 0, 33)],
            Code::MsgSize,
            "section length",
        ),
        (
            vec![part(0, FLAG_CONT, 64), part(0, FLAG_CONT, 1)],
            Code::MsgSize,
            "section length",
        ),
    ];
    for (parts, code, reason) in cases {
        let error = refused(&with(parts));
        assert_eq!((error.code, error.reason), (code, reason), "{error}");
    }
}

/// A destination that knows `rx-queue` in another schema, next to what else there is.
fn caps_with(schema: u16, flags: u16, len_max: u32) -> Capabilities {
    let mut sections = PROFILE.sections.to_vec();
    sections.push(SectionSpec {
        kind: 0x20000,
        schema,
        min_reader: 1,
        flags,
        instances: 1,
        len_max,
        introduced: 1,
        feature: None,
        omit_if_zero: false,
        name: "test",
    });
    Capabilities {
        sections: sections.leak(),
        ..common::caps()
    }
}

#[test]
fn schemas_old_and_new() {
    let stream = |schema: [u16; 2], flags: u16, len: usize| {
        edited(|s| {
            s.sections[0].payload = payload_also(&[entry(0x20000, schema, flags, 1, 100)]);
            let section = Raw {
                schema: schema[0],
                flags,
                ..raw(0x20000, 0, &(0..len as u8).collect::<Vec<u8>>())
            };
            s.sections.insert(LAST, section);
        })
    };
    let seen = |caps: Capabilities, bytes: &[u8]| {
        let outcome = feed(caps, caps.buffer_len(), Log::blind(), bytes.chunks(3));
        assert_eq!(outcome.result, Ok(()));
        let test = |event: &&String| event.contains("kind: 131072");
        let event = outcome.log.events.iter().find(test).cloned();
        event.map(|event| event.matches(", ").count().saturating_sub(5))
    };
    // Older: as it is. Newer and readable: the prefix. Newer and not: dropped if optional.
    assert_eq!(seen(caps_with(2, 0, 16), &stream([1, 1], 0, 9)), Some(9));
    assert_eq!(seen(caps_with(2, 0, 16), &stream([3, 2], 0, 40)), Some(16));
    assert_eq!(seen(caps_with(2, 1, 16), &stream([3, 2], 1, 40)), Some(16));
    assert_eq!(seen(caps_with(2, 0, 16), &stream([3, 3], 0, 40)), None);
    let reason = "schema of a critical section too new";
    for (local, flags) in [(0, FLAG_CRITICAL), (FLAG_CRITICAL, 0)] {
        let error = refused_as(caps_with(2, local, 16), &stream([3, 3], flags, 40));
        assert_eq!((error.code, error.reason), (Code::OpNotSupp, reason));
    }
    let error = refused_as(caps_with(2, 0, 16), &stream([2, 2], 0, 17));
    assert_eq!((error.code, error.want), (Code::MsgSize, 16));
}
