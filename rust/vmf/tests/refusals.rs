// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Refusals with all CRCs right: each class of error, at the right place and for the right reason.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{
    attributes, edited, entry, expect, expect_descriptor, file_header, payload, payload_also,
    payload_with, raw, read, refused, refused_with, Raw, Stream, END, END_LEN, LAST, PAYLOAD,
    QUEUE, STATE, TOTAL_LEN,
};
use vmf::{Code, FLAG_CRITICAL};

#[test]
fn nothing_edited_is_accepted() {
    assert_eq!(read(&edited(|_| {})).result, Ok(()));
    let same = edited(|stream| stream.sections[0].payload = payload(&attributes()));
    assert_eq!(same, edited(|_| {}));
}

#[test]
fn file_header_checks_come_in_order() {
    let with = |edit: fn(&mut Vec<u8>)| move |s: &mut Stream| s.header = file_header(edit);
    use Code::{BadMsg, ProtoNoSupport};
    expect(with(|h| h[0] = 0), BadMsg, "magic", 0);
    expect(with(|h| h[8] = 0), BadMsg, "endian tag", 0);
    for len in [0u32, 24, 33, 36, 264, 65536 + 32, u32::MAX] {
        let edit = |s: &mut Stream| {
            s.header = file_header(|h| h[16..20].copy_from_slice(&len.to_le_bytes()));
        };
        expect(edit, BadMsg, "file header length", 0);
    }
    expect(
        with(|h| h[12] = 2),
        ProtoNoSupport,
        "container major version",
        0,
    );
    let reason = "incompatible-feature bits";
    expect(with(|h| h[20] = 1), ProtoNoSupport, reason, 0);
    expect(with(|h| h[23] = 0x80), ProtoNoSupport, reason, 0);
    // Damage is told from a newer format.
    let damaged = |s: &mut Stream| s.header[12] = 2;
    expect(damaged, BadMsg, "file header CRC", 0);
    // Several at once: the first in the order.
    let reasons = [
        "magic",
        "endian tag",
        "file header length",
        "file header CRC",
    ];
    for (n, reason) in reasons.into_iter().enumerate() {
        let edit = |s: &mut Stream| {
            for at in [0, 8, 16, 31, 12, 20].into_iter().skip(n) {
                s.header[at] ^= 0xc1;
            }
        };
        expect(edit, BadMsg, reason, 0);
    }
    let both = with(|h| (h[12], h[20]) = (3, 1));
    expect(both, ProtoNoSupport, "container major version", 0);
}

#[test]
fn litmus_17_compat_bits_and_minor_are_ignored() {
    let bytes = edited(|s| s.header = file_header(|h| (h[14], h[27]) = (7, 0xff)));
    assert_eq!(read(&bytes).result, Ok(()));
}

#[test]
fn litmus_14_byte_swapped_stream() {
    let good = edited(|_| {});
    let swapped: Vec<u8> = good
        .chunks(8)
        .flat_map(|c| c.iter().rev().copied())
        .collect();
    assert_eq!(refused_with(&swapped, Code::BadMsg).reason, "magic");
    let mut tag = good.clone();
    tag[8..12].reverse();
    assert_eq!(refused_with(&tag, Code::BadMsg).reason, "endian tag");
}

#[test]
fn litmus_11_order() {
    use Code::IlSeq;
    expect(
        |s| s.sections.swap(1, 3),
        IlSeq,
        "sections not ascending",
        STATE + QUEUE,
    );
    expect(
        |s| s.sections.swap(1, 2),
        IlSeq,
        "sections not ascending",
        STATE + QUEUE,
    );
    expect(
        |s| s.sections.swap(0, 1),
        IlSeq,
        "first section not DESCRIPTOR",
        32,
    );
    expect(
        |s| drop(s.sections.remove(0)),
        IlSeq,
        "first section not DESCRIPTOR",
        32,
    );
    let end_only = |s: &mut Stream| drop(s.sections.drain(..LAST));
    expect(end_only, IlSeq, "first section not DESCRIPTOR", 32);
    expect(
        |s| s.sections[2].seq = Some(3),
        IlSeq,
        "section seq",
        STATE + QUEUE,
    );
    expect(
        |s| s.sections[2].seq = Some(1),
        IlSeq,
        "section seq",
        STATE + QUEUE,
    );
    expect(|s| s.sections[0].seq = Some(1), IlSeq, "section seq", 32);
    expect(
        |s| s.sections[0].instance = 1,
        IlSeq,
        "descriptor generation",
        32,
    );
    expect(
        |s| s.sections[LAST].instance = 1,
        IlSeq,
        "instance of END",
        END,
    );
    let late = |s: &mut Stream| {
        let mut again = s.sections[0].clone();
        again.instance = 1;
        s.sections.insert(2, again);
    };
    expect(late, IlSeq, "DESCRIPTOR after state", STATE + QUEUE);
    // END early: every section missing in turn, and all.
    for at in 1..LAST {
        let error = refused(&edited(|s| drop(s.sections.remove(at))));
        assert_eq!((error.code, error.reason), (IlSeq, "section missing"));
    }
    let none = |s: &mut Stream| drop(s.sections.drain(1..LAST));
    expect(none, IlSeq, "section missing", STATE);
}

#[test]
fn litmus_11_end_counters() {
    use Code::{BadMsg, IlSeq};
    let with = |end: fn(&mut Vec<u8>)| move |s: &mut Stream| s.end = end;
    expect(with(|end| end[0] -= 1), IlSeq, "section count in END", END);
    expect(
        with(|end| end[4] = 1),
        IlSeq,
        "descriptor generation in END",
        END,
    );
    expect(with(|end| end[8] ^= 8), IlSeq, "length in END", END);
    expect(with(|end| end[16] ^= 1), BadMsg, "stream CRC in END", END);
    expect(
        with(|end| end[23] = 1),
        BadMsg,
        "reserved field of end",
        END,
    );
}

#[test]
fn litmus_12_lengths() {
    use Code::{FBig, MsgSize};
    let lengths = [
        0,
        (1 << 20) | 1,
        u64::from(u32::MAX),
        1 << 32,
        1 << 63,
        u64::MAX,
    ];
    for length in lengths.into_iter().chain([u64::MAX - 7]) {
        for (at, offset) in [(0, 32), (1, STATE), (LAST, END)] {
            let edit = |s: &mut Stream| s.sections[at].length = Some(length);
            expect(edit, MsgSize, "section length", offset);
        }
    }
    for length in [4033, 4040, 1 << 20] {
        expect(
            |s| s.sections[0].length = Some(length),
            MsgSize,
            "section length",
            32,
        );
    }
    for length in [23, 25, 32] {
        expect(
            |s| s.sections[LAST].length = Some(length),
            MsgSize,
            "section length",
            END,
        );
    }
    // One byte more than the profile allows is seen at the header, one less by the decoder.
    expect(
        |s| s.sections[1].payload.push(0),
        MsgSize,
        "section length",
        STATE,
    );
    expect(
        |s| s.sections[1].payload.truncate(39),
        MsgSize,
        "section length",
        STATE,
    );
    // The manifest allows less than the profile.
    let narrow = |s: &mut Stream| {
        let list = attributes();
        let mut manifest = list.iter().find(|a| a.0 == 8).unwrap().1.clone();
        manifest[16] -= 1;
        s.sections[0].payload = payload_with(8, &manifest);
    };
    expect(narrow, MsgSize, "section length", STATE);
    // The length of the stream, by its own bound.
    let own = |s: &mut Stream| {
        s.sections[0].payload = payload_with(9, &(TOTAL_LEN as u64 - 1).to_le_bytes());
    };
    expect(own, FBig, "stream length", END);
    let exact = payload_with(9, &(TOTAL_LEN as u64).to_le_bytes());
    let bytes = edited(|s| s.sections[0].payload = exact);
    assert_eq!(bytes.len(), TOTAL_LEN);
    assert_eq!(read(&bytes).result, Ok(()));
}

#[test]
fn litmus_12_a_million_sections() {
    let many = payload_also(&[entry(0x20000, [1, 1], 0, 1_000_000, 1)]);
    let tiny = |n: u32| Raw {
        flags: 0,
        ..raw(0x20000, n, &[1])
    };
    let edit = |count: u32| {
        let many = many.clone();
        move |s: &mut Stream| {
            s.sections[0].payload = many;
            s.sections.splice(LAST..LAST, (0..count).map(tiny));
        }
    };
    assert_eq!(read(&edited(edit(64 - 9))).result, Ok(()));
    let end = END + 24 + 55 * 40;
    let reason = "too many sections";
    expect(edit(64 - 8), Code::FBig, reason, end + 40);
    expect(edit(10_000), Code::FBig, reason, end + 40);
}

#[test]
fn litmus_13_duplicates() {
    use Code::{BadMsg, IlSeq};
    for at in 1..LAST {
        let error = refused(&edited(|s| s.sections.insert(at, s.sections[at].clone())));
        assert_eq!((error.code, error.reason), (IlSeq, "duplicate section"));
    }
    let again = |s: &mut Stream| s.sections.insert(1, s.sections[0].clone());
    expect(again, IlSeq, "descriptor generation", STATE);
    let two_ends = |s: &mut Stream| s.sections.push(s.sections[LAST].clone());
    expect(two_ends, IlSeq, "bytes after END", END + END_LEN);
    expect(
        |s| s.tail = vec![0],
        IlSeq,
        "bytes after END",
        END + END_LEN,
    );
    for key in 1..=9u16 {
        let mut list = attributes();
        if let Some(at) = list.iter().position(|attr| attr.0 == key) {
            list.insert(at, list[at].clone());
            let before = payload(&list[..=at]).len() as u64;
            let reason = "attribute keys not ascending";
            expect_descriptor(payload(&list), BadMsg, reason, PAYLOAD + before);
        }
    }
}

#[test]
fn litmus_16_unknown_sections() {
    let unknown = entry(0x20000, [1, 1], FLAG_CRITICAL, 1, 8);
    let payload = payload_also(&[unknown]);
    expect_descriptor(payload, Code::OpNotSupp, "unknown critical section", 32);
    for flags in [0, FLAG_CRITICAL] {
        let section = Raw {
            flags,
            ..raw(0x20000, 0, &[1])
        };
        let insert = |s: &mut Stream| s.sections.insert(LAST, section);
        expect(insert, Code::IlSeq, "section not in the manifest", END);
    }
    // What a section says of itself has to agree with the manifest.
    let optional = payload_also(&[entry(0x20000, [2, 1], 0, 1, 8)]);
    let with = |schema: u16, flags: u16, instance: u32| {
        let optional = optional.clone();
        move |s: &mut Stream| {
            s.sections[0].payload = optional;
            let section = Raw {
                schema,
                flags,
                ..raw(0x20000, instance, &[1])
            };
            s.sections.insert(LAST, section);
        }
    };
    assert_eq!(read(&edited(with(2, 0, 0))).result, Ok(()));
    use Code::IlSeq;
    let at = END + 24;
    expect(with(1, 0, 0), IlSeq, "schema not as in the manifest", at);
    expect(
        with(2, FLAG_CRITICAL, 0),
        IlSeq,
        "flags not as in the manifest",
        at,
    );
    expect(with(2, 2, 0), IlSeq, "flags not as in the manifest", at);
    expect(with(2, 0, 1), IlSeq, "instance not in the manifest", at);
}

#[test]
fn litmus_17_reserved() {
    use Code::{BadMsg, OpNotSupp};
    for bit in 3..16 {
        for (at, offset) in [(0, 32), (1, STATE), (LAST, END)] {
            let edit = |s: &mut Stream| s.sections[at].flags |= 1 << bit;
            expect(edit, BadMsg, "section flags", offset);
        }
    }
    for flags in [0, 2, 3, 4, 5] {
        for (at, offset) in [(0, 32), (LAST, END)] {
            let edit = |s: &mut Stream| s.sections[at].flags = flags;
            expect(edit, BadMsg, "flags of a container section", offset);
        }
    }
    expect(|s| s.sections[1].kind = 0, BadMsg, "section type 0", STATE);
    expect(|s| s.sections[0].schema = 0, BadMsg, "schema 0", 32);
    for (at, offset) in [(0, 32), (LAST, END)] {
        let reason = "schema of a container section too new";
        expect(|s| s.sections[at].schema = 2, OpNotSupp, reason, offset);
    }
    let manifest = payload_also(&[entry(0x20000, [1, 1], 0, 1, 7)]);
    let padded = |s: &mut Stream| {
        s.sections[0].payload = manifest;
        let section = Raw {
            flags: 0,
            padding: 0x80,
            ..raw(0x20000, 0, &[1; 7])
        };
        s.sections.insert(LAST, section);
    };
    expect(padded, BadMsg, "section padding not zero", END + 24);
}

#[test]
fn value_out_of_range() {
    let edit = |s: &mut Stream| s.sections[2].payload[12 + 4] = 255; // rdh = 255 of 256: fits
    assert_eq!(read(&edited(edit)).result, Ok(()));
    let edit = |s: &mut Stream| s.sections[2].payload[17] = 1; // rdh = 0x112
    expect(edit, Code::Range, "rdh: beyond the ring", STATE + QUEUE);
    let edit = |s: &mut Stream| s.sections[2].payload[32] = 1;
    let reason = "psrtype: not 0 in another instance than 0";
    expect(edit, Code::Range, reason, STATE + QUEUE);
}
