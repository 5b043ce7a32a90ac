// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The worked example of the format: bytes made by an independent program.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{crc, feed, presented, Log, CRC};
use vmf::{
    Capabilities, DescriptorFields, Features, Limit, Limits, Presented, Rule, SectionSpec, Writer,
};

/// The worked example of the document.
const EXAMPLE: &[&str] = &[
    "89564d460d0a1a0a040302010100000020000000000000000000000072e645dc",
    "01000000010001000000000000000000b8000000000000008b50341038754bb0",
    "01000100100000008680ca1086803ca001000002010000000200010010000000",
    "000102030405060708090a0b0c0d0e0f030001001200000076662e6e65742e69",
    "676276662d383235373600000000000004000100080000000100000001000000",
    "0500010008000000000000000000000007000100100000000100020000000000",
    "0200000000000000080001001800000001000100010001000100000002000000",
    "0001000000000000090001000800000000000100000000000100010001000100",
    "0000000001000000400000000000000067ebc803f584e9980000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000200000001000100",
    "00000000020000001800000000000000dc0d9d60fd36dddd0300000000000000",
    "9001000000000000c814560d00000000",
];

const SECTIONS: &[SectionSpec] = &[SectionSpec {
    kind: 0x10001,
    schema: 1,
    min_reader: 1,
    flags: vmf::FLAG_CRITICAL,
    instances: 2,
    len_max: 256,
    introduced: 1,
    feature: None,
    omit_if_zero: false,
    name: "rx-queue",
}];

const LIMITS: [Limit; 1] = [Limit {
    id: 1,
    rule: Rule::Le,
    value: 2,
    name: "rx-queues",
}];

fn uuid() -> [u8; 16] {
    core::array::from_fn(|n| n.try_into().unwrap())
}

fn fields() -> DescriptorFields<'static> {
    DescriptorFields {
        presented: Presented {
            subvendor: 0x8086,
            subdevice: 0xa03c,
            ..presented()
        },
        profile_uuid: uuid(),
        profile_name: "vf.net.igbvf-82576",
        version: 1,
        min_reader: 1,
        required: Features::default(),
        optional: Features::default(),
        limits: &LIMITS,
        sections: SECTIONS,
        stream_max: 65536,
        config: &[],
        provider: &[],
    }
}

fn example() -> Vec<u8> {
    let hex = EXAMPLE.concat();
    let pairs = hex.as_bytes().chunks(2);
    let pairs = pairs.map(|pair| core::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn caps() -> Capabilities {
    Capabilities {
        profile_uuid: uuid(),
        limits: Limits::new(&LIMITS),
        sections: SECTIONS,
        presented: fields().presented,
        ..common::caps()
    }
}

#[test]
fn crc32c_check_value() {
    assert_eq!(crc(0, b"123456789"), 0xe306_9283);
    assert_eq!(crc(crc(0, b"1234"), b"56789"), 0xe306_9283);
}

#[test]
fn writer_makes_the_example() {
    let mut buf = [0xa5; 400];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    assert_eq!(writer.len(), 32);
    writer.descriptor(&fields()).unwrap();
    assert_eq!(writer.len(), 248);
    assert_eq!(vmf::preamble_len(fields().payload_len()), 248);
    writer
        .section(0x10001, 1, vmf::FLAG_CRITICAL, 0, &[0; 64])
        .unwrap();
    assert_eq!(writer.end(), Ok(400));
    assert_eq!(vmf::stream_len(fields().payload_len(), &[64]), 400);
    assert_eq!(buf[..], example()[..]);
}

#[test]
fn writer_makes_the_example_in_two_phases() {
    let mut buf = [0xa5; 400];
    let at = {
        let mut writer = Writer::new(&mut buf, CRC).unwrap();
        writer.descriptor(&fields()).unwrap();
        writer.position()
    };
    assert_eq!((at.len(), at.generations()), (248, 1));
    assert_eq!(buf[..248], example()[..248]);
    let mut writer = Writer::resume(&mut buf, CRC, at).unwrap();
    writer
        .section(0x10001, 1, vmf::FLAG_CRITICAL, 0, &[0; 64])
        .unwrap();
    assert_eq!(writer.end(), Ok(400));
    assert_eq!(buf[..], example()[..]);
    assert!(Writer::resume(&mut buf[..247], CRC, at).is_err());
}

#[test]
fn reader_takes_the_example() {
    let bytes = example();
    let outcome = feed(caps(), caps().buffer_len(), Log::blind(), [&bytes[..]]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!((outcome.completions, outcome.log.ends), (1, 1));
    assert_eq!(outcome.log.events.len(), 3);
    assert_eq!(outcome.log.events[0], "descriptor v1 184");
}

/// The bytes in the section of the document: lines of an offset, up to 16 bytes, and a comment.
fn documented() -> Vec<u8> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../Documentation/userspace-api/vmf.rst"
    );
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\nWorked example\n===").unwrap();
    let section = section.split("\n\n\n").next().unwrap();
    let mut bytes = Vec::new();
    for line in section.lines() {
        let Some((offset, rest)) = line.trim_start().split_once("  ") else {
            continue;
        };
        if offset.len() != 4 || !line.starts_with(' ') {
            continue;
        }
        assert_eq!(usize::from_str_radix(offset, 16), Ok(bytes.len()), "{line}");
        // 16 bytes with a gap in the middle are 48 columns; then there is the comment.
        let columns = rest.get(..48).unwrap_or(rest).split_whitespace();
        bytes.extend(columns.map(|byte| u8::from_str_radix(byte, 16).unwrap()));
    }
    bytes
}

#[test]
fn document_shows_the_example() {
    assert_eq!(documented(), example());
}
