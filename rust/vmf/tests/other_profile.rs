// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the profile tables allow and the one profile there is does not use: optional features,
//! policies, sections that are compared only, features beyond the first word.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects)]

mod common;

use common::{entry, raw, Raw, Stream, CRC};
use vmf::profile::{self, Verifier};
use vmf::{
    Action, Capabilities, Code, DescriptorFields, Error, Feature, Features, Identity, Limit, Match,
    Policy, Profile, Reader, Refusal, Rule, SectionSpec, Version, Writer, FEATURE_WORDS,
    FLAG_CRITICAL, FLAG_VERIFY_ONLY, LIMITS_MAX,
};

const BASE: SectionSpec = SectionSpec {
    kind: 0x10001,
    schema: 2,
    min_reader: 1,
    flags: FLAG_CRITICAL,
    instances: 3,
    len_max: 16,
    introduced: 3,
    feature: None,
    omit_if_zero: false,
    name: "base",
};

/// Of an optional feature, and compared only.
const EXTRA: SectionSpec = SectionSpec {
    kind: 0x10002,
    flags: FLAG_VERIFY_ONLY,
    instances: 1,
    introduced: 4,
    feature: Some(70),
    omit_if_zero: true,
    name: "extra",
    ..BASE
};

/// Critical, and in every stream from version 5 on, which therefore shuts out older readers.
const LATER: SectionSpec = SectionSpec {
    kind: 0x10003,
    instances: 1,
    introduced: 5,
    name: "later",
    ..BASE
};

static OTHER: Profile = Profile {
    name: "other-1.0",
    uuid: [7; 16],
    identity: Identity {
        vendor: 1,
        device: 2,
        class: [3, 4, 5],
        is_vf: false,
        subsystem: Match::Equal,
        revision: Match::Any,
    },
    floor: 3,
    versions: &[
        Version {
            version: 3,
            min_reader: 3,
        },
        Version {
            version: 4,
            min_reader: 3,
        },
        Version {
            version: 5,
            min_reader: 5,
        },
    ],
    features: &[
        Feature {
            bit: 1,
            introduced: 3,
            required: true,
            name: "needed",
        },
        Feature {
            bit: 70,
            introduced: 4,
            required: false,
            name: "wanted",
        },
    ],
    limits: &[Limit {
        id: 5,
        rule: Rule::Subset,
        value: 0b110,
        name: "modes",
    }],
    policies: &[Policy {
        id: 1,
        action: Action::Refuse,
        value: 9,
        name: "trust",
    }],
    config: &[],
    sections: &[BASE, EXTRA, LATER],
    stream_max: 4096,
    verify,
};

/// Takes payloads that start with their instance.
fn verify(_kind: u32, instance: u32, payload: &[u8]) -> Result<(), Refusal> {
    match payload.first().map(|&first| u32::from(first)) {
        Some(first) if first == instance => Ok(()),
        first => {
            let got = first.unwrap_or(0).into();
            Err(Refusal::new(Code::Range, "first", got, instance.into()))
        }
    }
}

fn caps(version: u32) -> Capabilities {
    OTHER
        .capabilities(version, OTHER.presented(6, 7, 8))
        .unwrap()
}

fn used() -> Features {
    let mut used = Features::default();
    used.set(1, true);
    used.set(70, true);
    used
}

fn written() -> Vec<u8> {
    written_as(4)
}

fn written_as(version: u32) -> Vec<u8> {
    let caps = caps(version);
    let (required, optional) = OTHER.split(OTHER.newest(), &used());
    assert_eq!((required.0, optional.0), ([2, 0], [0, 1 << 6]));
    let fields = DescriptorFields {
        required,
        optional,
        ..caps.fields()
    };
    let mut buf = vec![0; 4096];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    writer.descriptor(&fields).unwrap();
    for instance in 0..3u8 {
        let payload = [instance; 9];
        OTHER
            .put(&mut writer, version, BASE.kind, instance.into(), &payload)
            .unwrap();
    }
    for (kind, payload) in [(EXTRA.kind, [0, 1]), (LATER.kind, [0, 0])] {
        OTHER.put(&mut writer, version, kind, 0, &payload).unwrap();
    }
    let len = writer.end().unwrap();
    buf.truncate(len);
    buf
}

fn verdict(caps: Capabilities, bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(caps, CRC, vec![0; caps.buffer_len()]);
    reader.feed(bytes, &mut Verifier::new(&OTHER))?;
    reader.finish()
}

fn reason(result: Result<(), Error>) -> (Code, &'static str) {
    let error = result.unwrap_err();
    (error.code, error.reason)
}

#[test]
fn optional_features_may_be_missing() {
    let bytes = written();
    assert_eq!(verdict(caps(4), &bytes), Ok(()));
    // Version 3 knows neither the feature nor its section, and drops that.
    assert_eq!(caps(3).features, Features([2, 0]));
    assert_eq!(verdict(caps(3), &bytes), Ok(()));
    let mut lacks = caps(4);
    lacks.features = Features([0, 1 << 6]);
    let want = (Code::OpNotSupp, "required features");
    assert_eq!(reason(verdict(lacks, &bytes)), want);
    lacks.features = Features([2, 0]);
    assert_eq!(verdict(lacks, &bytes), Ok(()));
}

#[test]
fn sections_are_due_from_their_version_on() {
    let (old, new) = (written_as(4), written_as(5));
    assert_eq!(new.len(), old.len() + 24 + 40);
    assert_eq!(verdict(caps(5), &old), Ok(()));
    assert_eq!(verdict(caps(5), &new), Ok(()));
    let want = (Code::OpNotSupp, "profile version too new");
    assert_eq!(reason(verdict(caps(4), &new)), want);
    let mut stream = Stream::parse(&new);
    stream.sections.remove(5);
    let want = (Code::IlSeq, "section missing");
    assert_eq!(reason(verdict(caps(5), &stream.bytes())), want);
}

#[test]
fn tables_make_the_verdict() {
    let good = written();
    let edited = |edit: &dyn Fn(&mut Stream)| {
        let mut stream = Stream::parse(&good);
        edit(&mut stream);
        verdict(caps(4), &stream.bytes())
    };
    assert_eq!(edited(&|_| {}), Ok(()));
    let want = (Code::IlSeq, "section missing");
    assert_eq!(reason(edited(&|s| drop(s.sections.remove(2)))), want);
    let want = (Code::Range, "first");
    assert_eq!(reason(edited(&|s| s.sections[2].payload[0] = 7)), want);
    assert_eq!(edited(&|s| drop(s.sections.remove(4))), Ok(()));
    let want = (Code::IlSeq, "flags not as in the manifest");
    assert_eq!(reason(edited(&|s| s.sections[4].flags = 0)), want);

    let mut caps_of = caps(4);
    caps_of.presented.revision = 9;
    assert_eq!(verdict(caps_of, &good), Ok(()));
    caps_of.presented.subdevice = 9;
    let want = (Code::XDev, "subsystem id");
    assert_eq!(reason(verdict(caps_of, &good)), want);
    let mut caps_of = caps(4);
    assert!(caps_of.limits.set(5, 0b111));
    assert_eq!(verdict(caps_of, &good), Ok(()));
    assert!(caps_of.limits.set(5, 0b101));
    assert_eq!(reason(verdict(caps_of, &good)), (Code::Dom, "modes"));
}

#[test]
fn policies_come_from_the_profile() {
    let bytes = |value| {
        let mut stream = Stream::parse(&written());
        let mut list = common::attributes_of(&stream.sections[0].payload);
        list.push((10, 0, common::policy(1, 1, value)));
        let list = list.iter();
        stream.sections[0].payload = list
            .flat_map(|(key, flags, value)| common::attr(*key, *flags, value))
            .collect();
        stream.bytes()
    };
    assert_eq!(verdict(caps(4), &bytes(9)), Ok(()));
    assert_eq!(reason(verdict(caps(4), &bytes(8))), (Code::Dom, "trust"));
    // Nor is a difference in what neither knows or states.
    assert_eq!(verdict(caps(4), &written()), Ok(()));
}

#[test]
fn newer_schemas_are_cut_to_the_known_length() {
    // As if `base` had grown to 24 bytes, which an older reader may cut.
    let mut stream = Stream::parse(&written());
    let mut list = common::attributes_of(&stream.sections[0].payload);
    let manifest = &mut list.iter_mut().find(|attr| attr.0 == 8).unwrap().2;
    let base = entry(BASE.kind, [3, 2], FLAG_CRITICAL, 3, 24);
    manifest[..24].copy_from_slice(&base);
    let list = list.iter();
    stream.sections[0].payload = list
        .flat_map(|(key, flags, value)| common::attr(*key, *flags, value))
        .collect();
    for instance in 0..3u8 {
        stream.sections[usize::from(instance) + 1] = Raw {
            schema: 3,
            ..raw(BASE.kind, instance.into(), &[instance; 24])
        };
    }
    assert_eq!(verdict(caps(4), &stream.bytes()), Ok(()));
}

/// Beyond these bounds entries of the tables would be left out without a word.
#[test]
fn tables_fit_the_types() {
    for profile in profile::ALL.iter().copied().chain([&OTHER]) {
        let bits = 64 * FEATURE_WORDS;
        let mut features = profile.features.iter();
        assert!(features.all(|feature| usize::from(feature.bit) < bits));
        assert!(profile.limits.len() <= LIMITS_MAX);
        let instances: u32 = profile.sections.iter().map(|s| s.instances).sum();
        assert!(instances <= u128::BITS);
        // END and DESCRIPTOR, too.
        assert!(instances + 2 <= vmf::registry::SECTIONS_MAX);
        assert!(profile.sections.is_sorted_by_key(|spec| spec.kind));
        assert!(profile.limits.is_sorted_by_key(|limit| limit.id));
        assert!(profile.policies.is_sorted_by_key(|policy| policy.id));
        assert!(profile.versions.is_sorted_by_key(|version| version.version));
        for spec in profile.sections {
            // The writer puts it if it is not 0, and the manifest has it if the feature is in use.
            assert!(spec.feature.is_none() || spec.omit_if_zero, "{}", spec.name);
        }
    }
}
