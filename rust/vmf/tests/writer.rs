// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The writer: sizes, order, short buffers.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{caps, raw, state, stream, written, CRC, DESCRIPTOR_LEN, TOTAL_LEN};
use vmf::{Code, Features, Writer};

#[test]
fn sizes_are_exact() {
    assert_eq!(caps().fields().payload_len(), DESCRIPTOR_LEN);
    let provider: &[(u16, &[u8])] = &[(65, b"igbvf_vfio_pci"), (66, b"1")];
    let caps = caps();
    let mut fields = caps.fields();
    fields.provider = provider;
    fields.optional = Features([1, 0]);
    let mut buf = [0; 4096];
    assert_eq!(fields.encode(&mut buf), Ok(fields.payload_len()));
    assert_eq!(fields.payload_len(), DESCRIPTOR_LEN + 24 + 16 + 16);
    for len in 0..fields.payload_len() {
        assert_eq!(
            fields.encode(&mut buf[..len]).unwrap_err().code,
            Code::MsgSize
        );
    }
}

#[test]
fn writer_agrees_with_the_assembler() {
    assert_eq!(written(), stream().bytes());
}

#[test]
fn writer_refuses_every_short_buffer() {
    for len in 0..TOTAL_LEN {
        let mut buf = vec![0; len];
        let result = Writer::new(&mut buf, CRC).and_then(|mut writer| {
            writer.descriptor(&caps().fields())?;
            state().write(1, &mut writer)?;
            writer.end()
        });
        assert_eq!(result.unwrap_err().code, Code::FBig, "{len}");
    }
}

#[test]
fn writer_keeps_the_order() {
    let mut buf = [0; 2048];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    assert_eq!(
        writer.section(0x10001, 1, 1, 0, &[1]).unwrap_err().code,
        Code::IlSeq
    );
    assert_eq!(writer.len(), 32);
    writer.descriptor(&caps().fields()).unwrap();
    writer.descriptor(&caps().fields()).unwrap();
    writer.section(0x10002, 1, 1, 1, &[1]).unwrap();
    let len = writer.len();
    for (kind, instance) in [(0x10002, 0), (0x10001, 5), (0x10002, 1), (1, 0), (2, 0)] {
        assert_eq!(
            writer.section(kind, 1, 1, instance, &[1]).unwrap_err().code,
            Code::IlSeq
        );
    }
    assert_eq!(
        writer.descriptor(&caps().fields()).unwrap_err().code,
        Code::IlSeq
    );
    assert_eq!(
        writer.section(0, 1, 1, 0, &[1]).unwrap_err().code,
        Code::BadMsg
    );
    assert_eq!(
        writer.section(0x10003, 1, 8, 0, &[1]).unwrap_err().code,
        Code::BadMsg
    );
    assert_eq!(
        writer.section(0x10003, 1, 1, 0, &[]).unwrap_err().code,
        Code::MsgSize
    );
    assert_eq!(writer.len(), len, "a refused call wrote something");
    writer
        .section(0x10003, 1, 1 | vmf::FLAG_CONT, 0, &[1])
        .unwrap();
    assert_eq!(
        writer.section(0x10004, 1, 1, 0, &[1]).unwrap_err().code,
        Code::IlSeq
    );
    let at = writer.position();
    assert_eq!(writer.end().unwrap_err().code, Code::IlSeq);
    let mut writer = Writer::resume(&mut buf, CRC, at).unwrap();
    writer.section(0x10003, 1, 1, 0, &[1]).unwrap();
    writer.end().unwrap();
}

#[test]
fn writer_pads_with_zeros() {
    for len in 1..=17 {
        let mut buf = [0xa5; 1024];
        let mut writer = Writer::new(&mut buf, CRC).unwrap();
        writer.descriptor(&caps().fields()).unwrap();
        writer.section(0x20000, 1, 0, 0, &vec![7; len]).unwrap();
        let total = writer.end().unwrap();
        assert_eq!(total, vmf::stream_len(DESCRIPTOR_LEN, &[len]));
        let mut want = stream();
        want.sections.drain(1..common::LAST);
        let mut section = raw(0x20000, 0, &vec![7; len]);
        section.flags = 0;
        want.sections.insert(1, section);
        assert_eq!(buf[..total], want.bytes()[..]);
    }
}
