// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The verdict on descriptors, rule by rule.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{caps, entry, limit, payload, payload_also, payload_with, presented};
use vmf::profile::igbvf_82576::{LIMIT_RX_QUEUES, PROFILE};
use vmf::{check, Capabilities, Code, Descriptor, Features, Match, Presented, Rule};

type Verdict = Result<(), (Code, &'static str)>;

fn verdict(payload: &[u8], caps: &Capabilities) -> Verdict {
    let descriptor = Descriptor::parse(payload).unwrap();
    check(&descriptor, caps).map_err(|refusal| (refusal.code, refusal.reason))
}

fn encoded(caps: &Capabilities) -> Vec<u8> {
    let mut buf = vec![0; 4096];
    let len = caps.fields().encode(&mut buf).unwrap();
    buf.truncate(len);
    buf
}

#[test]
fn descriptor_reads_as_written() {
    let bytes = encoded(&caps());
    let descriptor = Descriptor::parse(&bytes).unwrap();
    assert_eq!(descriptor.presented(), presented());
    assert_eq!(descriptor.profile_uuid(), PROFILE.uuid);
    assert_eq!(descriptor.profile_name(), PROFILE.name);
    assert_eq!((descriptor.version(), descriptor.min_reader()), (1, 1));
    assert_eq!(descriptor.features_required().collect::<Vec<_>>(), [0]);
    assert_eq!(descriptor.features_optional().count(), 0);
    assert_eq!(descriptor.stream_max(), 65536);
    let limits: Vec<_> = descriptor
        .limits()
        .map(|l| (l.id, l.rule, l.value))
        .collect();
    assert_eq!(limits, [(1, 2, 2), (2, 2, 2), (3, 1, 3)]);
    let manifest: Vec<_> = descriptor.manifest().collect();
    assert_eq!(manifest.len(), 5);
    assert_eq!((manifest[1].kind, manifest[1].count_max), (0x10002, 2));
    assert_eq!((manifest[3].len_max, manifest[3].flags), (136, 1));
    assert_eq!(payload(&common::attributes()), bytes);
}

#[test]
fn litmus_6_identity() {
    let bytes = encoded(&common::caps());
    let good = presented();
    let caps = |presented| PROFILE.capabilities(1, presented).unwrap();
    let cases: &[(Presented, Option<&str>)] = &[
        (good, None),
        (Presented { vendor: 1, ..good }, Some("vendor id")),
        (
            Presented {
                device: 0x1520,
                ..good
            },
            Some("device id"),
        ),
        (
            Presented {
                class: [1, 0, 2],
                ..good
            },
            Some("class code"),
        ),
        (
            Presented {
                class: [0, 1, 2],
                ..good
            },
            Some("class code"),
        ),
        (
            Presented {
                class: [0, 0, 1],
                ..good
            },
            Some("class code"),
        ),
        (Presented { flags: 0, ..good }, Some("is a VF")),
        (
            Presented {
                revision: 2,
                ..good
            },
            Some("revision id"),
        ),
        (
            Presented {
                subvendor: 1,
                ..good
            },
            Some("subsystem vendor id"),
        ),
        (
            Presented {
                subdevice: 1,
                ..good
            },
            Some("subsystem id"),
        ),
    ];
    for (presented, reason) in cases {
        let want = reason.map_or(Ok(()), |reason| Err((Code::XDev, reason)));
        assert_eq!(verdict(&bytes, &caps(*presented)), want);
    }
    let strict = |presented| Capabilities {
        subsystem: Match::Equal,
        revision: Match::Any,
        ..caps(presented)
    };
    let subvendor = Presented {
        subvendor: 1,
        ..good
    };
    let subdevice = Presented {
        subdevice: 1,
        ..good
    };
    let revision = Presented {
        revision: 9,
        ..good
    };
    let refused = |reason| Err((Code::XDev, reason));
    assert_eq!(
        verdict(&bytes, &strict(subvendor)),
        refused("subsystem vendor id")
    );
    assert_eq!(verdict(&bytes, &strict(subdevice)), refused("subsystem id"));
    assert_eq!(verdict(&bytes, &strict(revision)), Ok(()));
}

#[test]
fn litmus_6_profile() {
    let mut uuid = PROFILE.uuid;
    uuid[15] ^= 1;
    let refused = |reason| Err((Code::XDev, reason));
    assert_eq!(
        verdict(&payload_with(2, &uuid), &caps()),
        refused("profile UUID")
    );
    let other = payload_with(3, b"vf.net.igbvf-82575");
    assert_eq!(verdict(&other, &caps()), refused("profile name"));
}

#[test]
fn version_window() {
    let caps = Capabilities {
        version: 5,
        floor: 3,
        ..caps()
    };
    let new = Err((Code::OpNotSupp, "profile version too new"));
    let old = Err((Code::OpNotSupp, "profile version too old"));
    for (version, min_reader, want) in [
        (3u32, 1u32, Ok(())),
        (5, 5, Ok(())),
        (9, 5, Ok(())),
        (9, 6, new),
        (2, 1, old),
        (2, 2, old),
        (u32::MAX, u32::MAX, new),
    ] {
        let value = [version.to_le_bytes(), min_reader.to_le_bytes()].concat();
        assert_eq!(
            verdict(&payload_with(4, &value), &caps),
            want,
            "{version} {min_reader}"
        );
    }
}

#[test]
fn litmus_3_and_7_features() {
    let caps = Capabilities {
        features: Features([0b1010, 1 << 63]),
        ..caps()
    };
    let refused = Err((Code::OpNotSupp, "required features"));
    let words = |words: &[u64]| {
        words
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect::<Vec<_>>()
    };
    for (required, want) in [
        (&[][..], Ok(())),
        (&[0b0010], Ok(())),
        (&[0b1010, 1 << 63], Ok(())),
        (&[0b1010, 1 << 63, 0, 0], Ok(())),
        (&[0b1011], refused),
        (&[0, 1], refused),
        (&[0, 0, 1], refused),
    ] {
        assert_eq!(verdict(&payload_with(5, &words(required)), &caps), want);
        // The same bits as optional features never refuse.
        assert_eq!(verdict(&payload_with(6, &words(required)), &caps), Ok(()));
    }
}

#[test]
fn rules() {
    use Rule::{Equal, Ge, Ignore, Le, Subset, Superset};
    for (rule, source, local, want) in [
        (Equal, 3, 3, true),
        (Equal, 3, 4, false),
        (Le, 2, 2, true),
        (Le, 1, 2, true),
        (Le, 3, 2, false),
        (Ge, 2, 2, true),
        (Ge, 3, 2, true),
        (Ge, 1, 2, false),
        (Superset, 0b111, 0b101, true),
        (Superset, 0b110, 0b101, false),
        (Subset, 0b100, 0b101, true),
        (Subset, 0b110, 0b101, false),
        (Ignore, 1, 2, true),
    ] {
        assert_eq!(rule.holds(source, local), want, "{rule:?} {source} {local}");
    }
    for byte in 0..=255 {
        assert_eq!(Rule::from_byte(byte).is_some(), (1..=6).contains(&byte));
        assert!(Rule::from_byte(byte).is_none_or(|rule| rule.to_byte() == byte));
    }
}

#[test]
fn litmus_7_limits() {
    let lists: &[(Vec<u8>, Verdict)] = &[
        (vec![], Ok(())),
        (limit(1, 2, 1), Ok(())),
        (limit(1, 2, 2), Ok(())),
        (limit(1, 2, 3), Err((Code::Dom, "rx-queues"))),
        (limit(3, 1, 2), Err((Code::Dom, "msix-vectors"))),
        (limit(3, 1, 4), Err((Code::Dom, "msix-vectors"))),
        // The kernel trusts its own registry, not the rule of the stream.
        (limit(1, 6, 3), Err((Code::Dom, "rule of a limit"))),
        (limit(1, 1, 2), Err((Code::Dom, "rule of a limit"))),
        (limit(1, 77, 2), Err((Code::Dom, "rule of a limit"))),
        (limit(9, 2, 1), Err((Code::OpNotSupp, "unknown limit"))),
        (limit(9, 77, 1), Err((Code::OpNotSupp, "unknown limit"))),
        (limit(9, 6, 1), Ok(())),
    ];
    for (list, want) in lists {
        assert_eq!(verdict(&payload_with(7, list), &caps()), *want);
    }
    // The device at hand may have less than the profile allows.
    let mut less = caps();
    assert!(less.limits.set(LIMIT_RX_QUEUES, 1));
    assert!(!less.limits.set(77, 1));
    assert_eq!(
        verdict(&encoded(&caps()), &less),
        Err((Code::Dom, "rx-queues"))
    );
    assert_eq!(verdict(&encoded(&less), &caps()), Ok(()));
}

#[test]
fn manifest_and_stream_max() {
    let cases: &[(Vec<u8>, Verdict)] = &[
        (payload_also(&[entry(0x20000, [1, 1], 0, 9, 9)]), Ok(())),
        (payload_also(&[entry(0x20000, [1, 1], 2, 9, 9)]), Ok(())),
        (
            payload_also(&[entry(0x20000, [1, 1], 1, 9, 9)]),
            Err((Code::OpNotSupp, "unknown critical section")),
        ),
        (
            payload_with(8, &entry(0x10001, [2, 2], 1, 2, 40)),
            Err((Code::OpNotSupp, "schema of a critical section too new")),
        ),
        (payload_with(8, &entry(0x10001, [2, 1], 1, 2, 400)), Ok(())),
        (
            payload_with(8, &entry(0x10001, [1, 1], 1, 3, 40)),
            Err((Code::Dom, "number of section instances")),
        ),
        (payload_with(9, &65536u64.to_le_bytes()), Ok(())),
        (payload_with(9, &0u64.to_le_bytes()), Ok(())),
        (
            payload_with(9, &65537u64.to_le_bytes()),
            Err((Code::FBig, "stream_max")),
        ),
        (
            payload_with(9, &u64::MAX.to_le_bytes()),
            Err((Code::FBig, "stream_max")),
        ),
    ];
    for (payload, want) in cases {
        assert_eq!(verdict(payload, &caps()), *want);
    }
}

#[test]
fn first_rule_that_fails_wins() {
    // Everything is wrong; each step puts one thing right.
    let mut list = common::attributes();
    let set = |list: &mut Vec<(u16, Vec<u8>)>, key: u16, value: Vec<u8>| {
        list.retain(|attr| attr.0 != key);
        list.push((key, value));
        list.sort();
    };
    let good = list.clone();
    for (key, value) in [
        (2, vec![0; 16]),
        (4, vec![9, 0, 0, 0, 9, 0, 0, 0]),
        (5, vec![1, 0, 0, 0, 0, 0, 0, 0]),
        (7, limit(1, 2, 9)),
        (8, entry(0x20000, [1, 1], 1, 9, 9)),
        (9, vec![0xff; 8]),
        (100, vec![]),
    ] {
        set(&mut list, key, value);
    }
    let other = Presented {
        device: 0x1520,
        ..presented()
    };
    assert_eq!(
        verdict(&payload(&list), &PROFILE.capabilities(1, other).unwrap()),
        Err((Code::XDev, "device id"))
    );
    let take = |key: u16| good.iter().find(|attr| attr.0 == key).unwrap().1.clone();
    for (key, code, reason) in [
        (2, Code::XDev, "profile UUID"),
        (4, Code::OpNotSupp, "profile version too new"),
        (100, Code::OpNotSupp, "unknown mandatory attribute"),
        (5, Code::OpNotSupp, "required features"),
        (8, Code::OpNotSupp, "unknown critical section"),
        (7, Code::Dom, "rx-queues"),
        (9, Code::FBig, "stream_max"),
    ] {
        assert_eq!(verdict(&payload(&list), &caps()), Err((code, reason)));
        if key == 100 {
            list.retain(|attr| attr.0 != key);
        } else {
            set(&mut list, key, take(key));
        }
    }
    assert_eq!(verdict(&payload(&list), &caps()), Ok(()));
}

#[test]
fn errno_numbers_are_those_of_linux() {
    let table: Vec<_> = Code::ALL
        .iter()
        .map(|code| (code.name(), code.errno()))
        .collect();
    let want = [
        ("EBADMSG", 74),
        ("EPROTONOSUPPORT", 93),
        ("EXDEV", 18),
        ("EOPNOTSUPP", 95),
        ("EDOM", 33),
        ("EILSEQ", 84),
        ("EMSGSIZE", 90),
        ("EFBIG", 27),
        ("ERANGE", 34),
        ("ENODATA", 61),
        ("EIO", 5),
    ];
    assert_eq!(table, want);
}
