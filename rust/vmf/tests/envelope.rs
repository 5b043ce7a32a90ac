// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The envelope: golden streams, what a destination compares, blobs in fragments.
//!
//! `selftests/vectors/envelope` has the streams; the writer in `include/vmf` has to write the same
//! bytes. `VMF_BLESS=1` rewrites them.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects)]

mod common;

use common::CRC;
use std::{fs, path::PathBuf};
use vmf::profile::{
    self,
    envelope::{self, PROFILE},
    Verifier,
};
use vmf::registry::{
    BLOB_MAX, ENVELOPE_NAME, ENVELOPE_STREAM_MAX, KIND_BLOB, KIND_FEATURE_NAMES, PAYLOAD_MAX,
};
use vmf::{
    Capabilities, Code, DescriptorFields, Error, Features, Limit, Limits, Match, Presented, Reader,
    Refusal, Rule, SectionSpec, Version, Writer, FLAG_CONT, FLAG_CRITICAL,
};

const fn blob(len_max: u32) -> SectionSpec {
    SectionSpec {
        len_max,
        ..PROFILE.sections[0]
    }
}

const NAMES: SectionSpec = SectionSpec {
    kind: KIND_FEATURE_NAMES,
    flags: 0,
    len_max: 64,
    name: "feature-names",
    ..blob(0)
};

const SECTIONS: &[SectionSpec] = &[NAMES, blob(4096)];

const fn limit(id: u16, rule: Rule, value: u64) -> Limit {
    Limit {
        id,
        rule,
        value,
        name: "limit",
    }
}

/// A device that uses all that there is.
fn device() -> Capabilities {
    Capabilities {
        presented: Presented {
            vendor: 0x1234,
            device: 0x5678,
            subvendor: 0x9abc,
            subdevice: 0xdef0,
            revision: 3,
            class: [1, 2, 3],
            flags: Presented::FLAGS_IS_VF,
        },
        subsystem: Match::Equal,
        revision: Match::Equal,
        profile_uuid: PROFILE.uuid,
        profile_name: "envelope.sample",
        version: 3,
        versions: &[Version {
            version: 3,
            min_reader: 2,
        }],
        floor: 2,
        features: Features([1 << 5, 1 << 6]),
        limits: Limits::new(&[limit(1, Rule::Le, 8), limit(2, Rule::Superset, 6)]),
        policies: &[],
        sections: SECTIONS,
        stream_max: 8192,
    }
}

/// The names of the features, as FEATURE_NAMES has them.
const FEATURE_NAMES: &[u8] = b"\x05\0\x01\0\x04\0\0\0rate\0\0\0\0\x46\0\0\0\x04\0\0\0hint\0\0\0\0";

/// Writes a stream whose blob is cut into these pieces.
fn written(caps: &Capabilities, names: &[u8], pieces: &[&[u8]]) -> Result<Vec<u8>, Refusal> {
    let driver: &[(u16, &[u8])] = &[(65, b"sample")];
    let fields = DescriptorFields {
        required: Features([1 << 5, 0]),
        optional: Features([0, 1 << 6]),
        provider: driver,
        ..caps.fields()
    };
    let mut buf = vec![0; 4096 + 2 * pieces.iter().map(|piece| piece.len() + 40).sum::<usize>()];
    let mut writer = Writer::new(&mut buf, CRC)?;
    writer.descriptor(&fields)?;
    if !names.is_empty() {
        writer.section(KIND_FEATURE_NAMES, 1, 0, 0, names)?;
    }
    let mut left = pieces.len();
    for piece in pieces {
        left -= 1;
        let cont = if left == 0 { 0 } else { FLAG_CONT };
        writer.section(KIND_BLOB, 1, FLAG_CRITICAL | cont, 0, piece)?;
    }
    let len = writer.end()?;
    buf.truncate(len);
    Ok(buf)
}

fn read(caps: Capabilities, bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(caps, CRC, vec![0; caps.buffer_len()]);
    let mut verifier = Verifier::new(&PROFILE);
    for piece in bytes.chunks(61) {
        reader.feed(piece, &mut verifier)?;
    }
    reader.finish()
}

fn count(len: u8) -> Vec<u8> {
    (0..len).collect()
}

/// The golden streams: one with all that there can be, in fragments, and one with the least.
fn golden() -> [(&'static str, Vec<u8>); 2] {
    let blob = count(200);
    let pieces: [&[u8]; 3] = [&blob[..120], &blob[120..127], &blob[127..]];
    let least = Capabilities {
        limits: Limits::new(&[]),
        sections: &PROFILE.sections[..1],
        ..device()
    };
    let fields = DescriptorFields {
        stream_max: ENVELOPE_STREAM_MAX,
        ..least.fields()
    };
    let mut buf = vec![0; 1024];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    writer.descriptor(&fields).unwrap();
    let payload = &[0xa5];
    writer
        .section(KIND_BLOB, 1, FLAG_CRITICAL, 0, payload)
        .unwrap();
    let len = writer.end().unwrap();
    buf.truncate(len);
    [
        (
            "fragments",
            written(&device(), FEATURE_NAMES, &pieces).unwrap(),
        ),
        ("least", buf),
    ]
}

#[test]
fn golden_streams() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let directory = root.join("../../selftests/vectors/envelope");
    let mut names = Vec::new();
    for (name, bytes) in golden() {
        let path = directory.join(name).with_extension("vmf");
        if std::env::var_os("VMF_BLESS").is_some() {
            fs::create_dir_all(&directory).unwrap();
            fs::write(&path, &bytes).unwrap();
        }
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
        let caps = Capabilities {
            sections: &PROFILE.sections[..1],
            stream_max: ENVELOPE_STREAM_MAX,
            ..device()
        };
        assert_eq!(read(caps, &bytes), Ok(()), "{name}");
        names.push(format!("{name}.vmf"));
    }
    let found = fs::read_dir(&directory).unwrap();
    let mut found: Vec<_> = found
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".vmf"))
        .collect();
    found.sort();
    assert_eq!(found, names);
}

#[test]
fn a_name_says_that_it_is_one() {
    assert_eq!(envelope::format("envelope.sample"), Some("sample"));
    assert_eq!(envelope::format("envelope.a.b"), Some("a.b"));
    for other in ["envelope", "envelope.", "envelopes.x", "x.envelope", ""] {
        assert_eq!(envelope::format(other), None, "{other}");
    }
    assert!(core::ptr::eq(
        profile::find("envelope.sample").unwrap(),
        &PROFILE
    ));
    assert!(profile::find(ENVELOPE_NAME).is_none());
    // No other profile could be taken for a format.
    assert!(profile::ALL
        .iter()
        .all(|p| envelope::format(p.name).is_none()));
}

#[test]
fn what_differs_is_refused_before_the_blob() {
    let bytes = written(&device(), &[], &[&count(9)]).unwrap();
    let changed = |change: fn(&mut Capabilities)| {
        let mut caps = device();
        change(&mut caps);
        read(caps, &bytes).map_err(|error| (error.code, error.reason))
    };
    assert_eq!(changed(|_| ()), Ok(()));
    type Case = (fn(&mut Capabilities), Code, &'static str);
    let cases: [Case; 8] = [
        (|c| c.presented.vendor = 1, Code::XDev, "vendor id"),
        (|c| c.presented.subdevice = 1, Code::XDev, "subsystem id"),
        (
            |c| c.profile_name = "envelope.other",
            Code::XDev,
            "profile name",
        ),
        (
            |c| c.version = 1,
            Code::OpNotSupp,
            "profile version too new",
        ),
        (|c| c.floor = 4, Code::OpNotSupp, "profile version too old"),
        (
            |c| c.features = Features::default(),
            Code::OpNotSupp,
            "required features",
        ),
        (|c| assert!(c.limits.set(1, 7)), Code::Dom, "limit"),
        (|c| c.stream_max = 8191, Code::FBig, "stream_max"),
    ];
    for (change, code, reason) in cases {
        assert_eq!(changed(change), Err((code, reason)));
    }
}

#[test]
fn blobs_of_all_lengths() {
    let caps = Capabilities {
        sections: PROFILE.sections,
        stream_max: ENVELOPE_STREAM_MAX,
        ..device()
    };
    // As many fragments as there can be.
    let whole = vec![7; PAYLOAD_MAX as usize];
    let most = BLOB_MAX / PAYLOAD_MAX;
    let pieces = vec![&whole[..]; most as usize];
    let bytes = written(&caps, &[], &pieces).unwrap();
    assert!(bytes.len() as u64 <= ENVELOPE_STREAM_MAX);
    assert_eq!(read(caps, &bytes), Ok(()));
    let more = vec![&[1][..]; most as usize + 1];
    assert_eq!(written(&caps, &[], &more).unwrap_err().code, Code::FBig);

    // Longer than this device has them, and none at all.
    let own: &'static [SectionSpec] = Box::leak(Box::new([blob(100)]));
    let small = Capabilities {
        sections: own,
        ..caps
    };
    let (all, rest) = (count(100), count(1));
    let pieces: [&[u8]; 2] = [&all, &rest];
    for pieces in [&pieces[..], &[&count(101)]] {
        let bytes = written(&caps, &[], pieces).unwrap();
        assert_eq!(read(small, &bytes).unwrap_err().code, Code::MsgSize);
    }
    let bytes = written(&caps, &[], &[]).unwrap();
    let error = read(caps, &bytes).unwrap_err();
    assert_eq!((error.code, error.reason), (Code::IlSeq, "section missing"));
}
