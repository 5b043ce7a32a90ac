// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Counts the allocations of a reader and a writer over buffers of the caller: there are none.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use allocation_counter::measure;
use vmf::profile::igbvf_82576::{Loader, State, PROFILE, STATE_LEN_MAX};
use vmf::profile::Verifier;
use vmf::registry::{KIND_END, PAYLOAD_MAX, SECTIONS_MAX};
use vmf::{
    check_each, preflight, Capabilities, Code, Crc32c, Descriptor, DescriptorFields, Error,
    FileHeader, Reader, Refusal, Section, SectionHeader, SectionSpec, Visitor, Writer,
    DESCRIPTOR_MAX,
};

/// Runs `what`, and requires that it does not allocate.
fn quiet<T>(name: &str, what: impl FnOnce() -> T) -> T {
    let mut result = None;
    let count = measure(|| result = Some(what())).count_total;
    assert_eq!(count, 0, "{name} has allocated");
    result.unwrap()
}

const CRC: Crc32c = Crc32c::new(crc32c::crc32c_append);

const TEST: SectionSpec = SectionSpec {
    kind: 0x20000,
    schema: 1,
    min_reader: 1,
    flags: 0,
    instances: SECTIONS_MAX,
    len_max: u32::MAX,
    introduced: 1,
    feature: None,
    omit_if_zero: false,
    name: "test",
};

fn caps(version: u32) -> Capabilities {
    let presented = PROFILE.presented(0x1af4, 0x1100, 1);
    PROFILE.capabilities(version, presented).unwrap()
}

fn state() -> State {
    let mut state = State::default();
    state.statistics.gprc = 1;
    state.unicast.count = 1;
    state.unicast.addresses[5] = 1;
    state
}

fn write(caps: &Capabilities, buf: &mut [u8]) -> Result<usize, Refusal> {
    let state = state();
    let (required, optional) = PROFILE.split(PROFILE.newest(), &state.features());
    let fields = DescriptorFields {
        required,
        optional,
        config: &[],
        provider: &[(65, b"igbvf_vfio_pci")],
        ..caps.fields()
    };
    let mut writer = Writer::new(buf, CRC)?;
    writer.descriptor(&fields)?;
    let at = writer.position();
    let mut writer = Writer::resume(buf, CRC, at)?;
    state.write(caps.version, &mut writer)?;
    writer.end()
}

fn read(
    caps: Capabilities,
    memory: &mut [u8],
    stream: &[u8],
    size: usize,
    visitor: &mut impl Visitor,
) -> Result<(), Error> {
    let mut reader = Reader::new(caps, CRC, memory);
    for piece in stream.chunks(size) {
        reader.feed(piece, visitor)?;
    }
    reader.finish()
}

fn whole_streams(memory: &mut [u8]) {
    let caps = caps(2);
    let mut buf = [0; DESCRIPTOR_MAX + STATE_LEN_MAX + 256];
    let len = quiet("writer", || write(&caps, &mut buf)).unwrap();
    let stream = &buf[..len];
    for size in [1, 7, 100, len] {
        let mut loader = Loader::default();
        let result = quiet("loader", || read(caps, memory, stream, size, &mut loader));
        assert_eq!((result, loader.state()), (Ok(()), Some(&state())));
        let mut verifier = Verifier::new(&PROFILE);
        let result = quiet("verifier", || {
            read(caps, memory, stream, size, &mut verifier)
        });
        assert_eq!(result, Ok(()));
    }
    // Also if it goes wrong, wherever that is.
    for at in 0..len {
        let mut bad = buf;
        bad[at] ^= 1;
        let mut loader = Loader::default();
        let bad = &bad[..len];
        quiet("damage", || read(caps, memory, bad, len, &mut loader)).unwrap_err();
        let mut short = buf;
        quiet("short buffer", || write(&caps, &mut short[..at])).unwrap_err();
    }
    let descriptor_len = u16::from_le_bytes([stream[48], stream[49]]).into();
    let preamble = &stream[..vmf::preamble_len(descriptor_len)];
    let judge = || preflight(preamble, &caps, CRC, memory);
    quiet("preflight", judge).unwrap();
    let mut rules = 0;
    quiet("check", || {
        let descriptor = Descriptor::parse(&preamble[64..]).unwrap();
        check_each(&descriptor, &caps, &mut |_| rules += 1);
    });
    assert!(rules > 20);
}

/// Sees the length of the sections, and that they lie in the memory of the caller.
struct Lengths(usize);

impl Visitor for Lengths {
    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        self.0 += section.payload.len();
        Ok(())
    }
}

fn many_and_long_sections() {
    // In the profile, with a length that is more than any section can have.
    static KNOWN: [SectionSpec; 1] = [TEST];
    let caps = Capabilities {
        sections: &KNOWN,
        stream_max: 4 << 20,
        ..caps(1)
    };
    let unknown = Capabilities {
        sections: &[],
        ..caps
    };
    let mut memory = vec![0; caps.buffer_len()];
    assert_eq!(memory.len(), DESCRIPTOR_MAX + PAYLOAD_MAX as usize);
    assert_eq!(unknown.buffer_len(), DESCRIPTOR_MAX);
    let mut small = [0; DESCRIPTOR_MAX];

    let payload = vec![7; PAYLOAD_MAX as usize];
    let mut buf = vec![0; 4 << 20];
    for (count, len) in [(SECTIONS_MAX - 2, 1), (2, payload.len())] {
        let total = quiet("writer", || -> Result<usize, Refusal> {
            let mut writer = Writer::new(&mut buf, CRC)?;
            writer.descriptor(&caps.fields())?;
            for n in 0..count {
                writer.section(TEST.kind, 1, 0, n, &payload[..len])?;
            }
            writer.end()
        });
        let stream = &buf[..total.unwrap()];
        for size in [1000, stream.len()] {
            let mut seen = Lengths(0);
            let result = quiet("reader", || {
                read(caps, &mut memory, stream, size, &mut seen)
            });
            assert_eq!((result, seen.0), (Ok(()), count as usize * len));
            // Sections that are not known take no memory at all.
            let mut seen = Lengths(0);
            let result = quiet("drop", || {
                read(unknown, &mut small, stream, size, &mut seen)
            });
            assert_eq!((result, seen.0), (Ok(()), 0));
        }
    }
}

/// A header can announce anything; the memory stays what it is, and the refusal is at once.
fn hostile_lengths(memory: &mut [u8]) {
    let caps = caps(2);
    let mut buf = [0; 4096];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    writer.descriptor(&caps.fields()).unwrap();
    let len = writer.len();
    for kind in [1, KIND_END, 0x10001, 0x10006, 0x7fff_0000] {
        for shift in 12..64 {
            for length in [1 << shift, u64::MAX >> shift] {
                let header = SectionHeader {
                    kind,
                    schema: 1,
                    flags: u16::from(kind != 0x10006),
                    instance: u32::from(kind == 1),
                    seq: 1,
                    length: length.max(4097),
                    payload_crc: 0,
                    header_crc: 0,
                };
                let mut stream = buf;
                stream[len..len + 32].copy_from_slice(&header.seal(CRC));
                let stream = &stream[..len + 32];
                let mut visitor = Lengths(0);
                let result = quiet("length", || read(caps, memory, stream, 99, &mut visitor));
                let error = result.unwrap_err();
                let wrong_place = error.code == Code::IlSeq && kind == 0x7fff_0000;
                assert!(error.code == Code::MsgSize || wrong_place, "{error}");
                assert_eq!(error.offset, len as u64);
            }
        }
    }
    let mut header = FileHeader::CURRENT;
    for len in [0, 31, 33, 257, 264, u32::MAX] {
        header.header_len = len;
        let bytes = header.seal(CRC);
        let result = quiet("header", || read(caps, memory, &bytes, 32, &mut Lengths(0)));
        assert_eq!(result.unwrap_err().code, Code::BadMsg);
    }
}

#[test]
fn litmus_12_nothing_is_allocated() {
    assert_eq!(crc32c::crc32c_append(0, b"123456789"), 0xe306_9283);
    let mut memory = [0; DESCRIPTOR_MAX + 592];
    // What the profile needs: the longest section is `filters`.
    assert_eq!(memory.len(), caps(2).buffer_len());
    whole_streams(&mut memory);
    many_and_long_sections();
    hostile_lengths(&mut memory);
    let counted = measure(|| drop(vec![0u8; 8])).count_total;
    assert_eq!(counted, 1, "nothing is counted");
}
