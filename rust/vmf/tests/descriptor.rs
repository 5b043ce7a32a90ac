// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Descriptors that are damaged, malformed or repeated, with all CRCs right.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{
    attr, attributes, edited, entry, expect, expect_descriptor, file_header, payload, payload_with,
    read, refused, refused_with, Raw, Stream, PAYLOAD, STATE,
};
use vmf::{Code, FLAG_CONT};

#[test]
fn too_many_generations() {
    let edit = |count: u32| {
        move |s: &mut Stream| {
            let first = s.sections[0].clone();
            let next = (1..count).map(|instance| Raw {
                instance,
                ..first.clone()
            });
            s.sections.splice(1..1, next);
        }
    };
    assert_eq!(read(&edited(edit(16))).result, Ok(()));
    let reason = "too many descriptor generations";
    expect(edit(17), Code::FBig, reason, 32 + 16 * (STATE - 32));
    let skip = |s: &mut Stream| {
        let mut again = s.sections[0].clone();
        again.instance = 2;
        s.sections.insert(1, again);
    };
    expect(skip, Code::IlSeq, "descriptor generation", STATE);
}

#[test]
fn litmus_15_unknown_optional_attribute() {
    let more = attr(200, 0, b"whatever");
    let bytes = edited(|s| s.sections[0].payload.extend(more));
    assert_eq!(read(&bytes).result, Ok(()));
    let must = attr(200, 1, b"whatever");
    let reason = "unknown mandatory attribute";
    expect(
        |s| s.sections[0].payload.extend(must),
        Code::OpNotSupp,
        reason,
        32,
    );
    // What is said of the provider is known, whatever it is.
    for key in 64..=68 {
        let provider = attr(key, 1, b"any");
        let bytes = edited(|s| s.sections[0].payload.extend(provider));
        assert_eq!(read(&bytes).result, Ok(()));
    }
}

#[test]
fn litmus_17_reserved_in_the_descriptor() {
    let good = payload(&attributes());
    // Attribute flags, presented flags and padding, name padding, limit and manifest reserved bytes.
    let list = attributes();
    let at = |key: u16| {
        let n = list.iter().position(|attr| attr.0 == key).unwrap();
        payload(&list[..n]).len()
    };
    let cases = [
        (at(1) + 3, 1, "attribute flags"),
        (at(1) + 20, 1, "unknown flag of presented"),
        (at(1) + 23, 1, "reserved field of presented"),
        (at(3) + 8 + 18, 3, "attribute padding not zero"),
        (at(7) + 8 + 3, 7, "reserved field of limit"),
        (at(7) + 8 + 7, 7, "reserved field of limit"),
        (at(8) + 8 + 8, 8, "manifest flags"),
        (at(8) + 8 + 10, 8, "reserved field of manifest-entry"),
        (at(8) + 8 + 23, 8, "reserved field of manifest-entry"),
    ];
    for (byte, key, reason) in cases {
        let mut bytes = good.clone();
        bytes[byte] |= 0x80;
        expect_descriptor(bytes, Code::BadMsg, reason, PAYLOAD + at(key) as u64);
    }
}

#[test]
fn malformed_descriptors() {
    use Code::BadMsg;
    let good = payload(&attributes());
    for len in 1..good.len() {
        let error = refused_with(
            &edited(|s| s.sections[0].payload.truncate(len)),
            Code::BadMsg,
        );
        assert!(error.offset >= PAYLOAD, "{error}");
    }
    for (n, (key, _)) in attributes().into_iter().enumerate() {
        let mut list = attributes();
        list.remove(n);
        let bytes = edited(|s| s.sections[0].payload = payload(&list));
        if [5, 7].contains(&key) {
            assert_eq!(read(&bytes).result, Ok(()), "key {key}");
        } else {
            let error = refused_with(&bytes, BadMsg);
            assert_eq!(error.reason, "mandatory attribute missing");
            assert_eq!(error.want, key.into());
        }
    }
    let cases: &[(u16, Vec<u8>, &str)] = &[
        (1, vec![0; 15], "attribute value length"),
        (2, vec![0; 17], "attribute value length"),
        (4, vec![1; 4], "attribute value length"),
        (9, vec![1; 16], "attribute value length"),
        (3, vec![], "profile name"),
        (3, vec![b'a'; 65], "profile name"),
        (3, b"Vf".to_vec(), "profile name"),
        (3, b"vf\0".to_vec(), "profile name"),
        (3, vec![0xff], "profile name"),
        (
            4,
            vec![1, 0, 0, 0, 2, 0, 0, 0],
            "min_reader not within 1..=version",
        ),
        (
            4,
            vec![1, 0, 0, 0, 0, 0, 0, 0],
            "min_reader not within 1..=version",
        ),
        (5, vec![0; 7], "list length"),
        (6, vec![0; 9], "list length"),
        (7, vec![0; 15], "list length"),
        (8, vec![0; 25], "list length"),
        (
            7,
            [[1u8; 1].as_slice(), &[0; 15]].concat(),
            "limit without a rule",
        ),
        (
            8,
            entry(0x10001, [1, 0], 1, 1, 1),
            "schema_min_reader not within 1..=schema",
        ),
        (
            8,
            entry(0x10001, [1, 2], 1, 1, 1),
            "schema_min_reader not within 1..=schema",
        ),
        (8, entry(0x10001, [1, 1], FLAG_CONT, 1, 1), "manifest flags"),
        (8, entry(0, [1, 1], 0, 1, 1), "manifest not ascending"),
        (8, entry(1, [1, 1], 1, 1, 1), "manifest not ascending"),
        (8, entry(2, [1, 1], 1, 1, 1), "manifest not ascending"),
    ];
    for (key, value, reason) in cases {
        let bytes = edited(|s| s.sections[0].payload = payload_with(*key, value));
        let error = refused_with(&bytes, BadMsg);
        assert_eq!(error.reason, *reason, "key {key}");
    }
    let twice = [
        entry(0x10001, [1, 1], 1, 1, 1),
        entry(0x10001, [1, 1], 1, 1, 1),
    ]
    .concat();
    let bytes = edited(|s| s.sections[0].payload = payload_with(8, &twice));
    assert_eq!(
        refused_with(&bytes, BadMsg).reason,
        "manifest not ascending"
    );
    let limit = [1u8, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    let twice = [limit, limit].concat();
    let bytes = edited(|s| s.sections[0].payload = payload_with(7, &twice));
    assert_eq!(
        refused_with(&bytes, BadMsg).reason,
        "limit ids not ascending"
    );
    let mut huge = good.clone();
    huge[4..8].fill(0xff);
    expect_descriptor(huge, BadMsg, "attribute length", PAYLOAD);
    let mut swapped = attributes();
    swapped.swap(0, 1);
    let at = PAYLOAD + 24;
    let reason = "attribute keys not ascending";
    expect_descriptor(payload(&swapped), BadMsg, reason, at);
    let key_0 = [attr(0, 0, &[]), good].concat();
    expect_descriptor(key_0, BadMsg, "attribute keys not ascending", PAYLOAD);
}

#[test]
fn long_file_header_leaves_less_for_the_descriptor() {
    let edit = |len: u64| {
        move |s: &mut Stream| {
            s.header = file_header(|h| {
                h[16] = 40;
                h.resize(40, 0);
            });
            s.sections[0].length = Some(len);
        }
    };
    expect(edit(4025), Code::MsgSize, "section length", 40);
    assert_ne!(refused(&edited(edit(4024))).code, Code::MsgSize);
}
