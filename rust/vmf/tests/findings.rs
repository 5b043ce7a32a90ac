// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! All findings of a descriptor, policies, and sets of features.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{
    caps, caps_of, edited_as, entry, limit, mutate, payload_also, payload_with, policy,
    refused_with, state_v2, written_as, Prng, Stream,
};
use vmf::profile::igbvf_82576::{State, PROFILE};
use vmf::{
    check, check_each, Action, Capabilities, Code, Descriptor, DescriptorFields, Features, Finding,
    Policy, Refusal, FEATURE_WORDS,
};

fn findings(payload: &[u8], caps: &Capabilities) -> Vec<Finding> {
    let mut list = Vec::new();
    let descriptor = Descriptor::parse(payload).unwrap();
    check_each(&descriptor, caps, &mut |finding| list.push(finding));
    // The first refusal among them is the verdict.
    let refused = |finding: &Finding| {
        let code = finding.code?;
        Some(Refusal::new(code, finding.rule, finding.got, finding.want))
    };
    let first = list.iter().find_map(refused);
    assert_eq!(check(&descriptor, caps).err(), first);
    list
}

const POLICIES: &[Policy] = &[
    Policy {
        id: 1,
        action: Action::Warn,
        value: 10,
        name: "rate",
    },
    Policy {
        id: 2,
        action: Action::Refuse,
        value: 20,
        name: "anti-spoof",
    },
];

fn strict() -> Capabilities {
    Capabilities {
        policies: POLICIES,
        ..caps_of(2)
    }
}

#[test]
fn every_rule_is_applied() {
    let identity = [
        "vendor id",
        "device id",
        "class code",
        "is a VF",
        "subsystem vendor id",
        "subsystem id",
        "revision id",
    ];
    let profile = [
        "profile UUID",
        "profile name",
        "profile version too new",
        "profile version too old",
        "unknown mandatory attribute",
    ];
    let mut want: Vec<(&str, u64)> = Vec::new();
    want.extend(identity.into_iter().chain(profile).map(|rule| (rule, 0)));
    want.push(("required features", 0));
    let kinds = 0x10001..=0x10007;
    want.extend(kinds.clone().map(|kind| ("schema of a section", kind)));
    want.extend([("rx-queues", 1), ("tx-queues", 2), ("msix-vectors", 3)]);
    want.push(("rate", 1));
    want.push(("anti-spoof", 2));
    want.extend(kinds.map(|kind| ("number of section instances", kind)));
    want.push(("stream_max", 0));

    let mut stream = common::stream_as(2);
    let mut list = common::attributes_of(&stream.sections[0].payload);
    let values = [policy(1, 1, 10), policy(2, 2, 20)].concat();
    list.push((10, 0, values));
    let list = list.iter();
    stream.sections[0].payload = list
        .flat_map(|(key, flags, value)| common::attr(*key, *flags, value))
        .collect();
    let payload = &stream.sections[0].payload;
    let found = findings(payload, &strict());
    assert!(found.iter().all(|finding| finding.code.is_none()));
    let got: Vec<_> = found.iter().map(|f| (f.rule, f.id)).collect();
    assert_eq!(got, want);
    // The same rules whatever the verdict, as far as both sides know of what they are about.
    let mut other = strict();
    other.presented.vendor = 1;
    other.profile_uuid = [0; 16];
    other.floor = 3;
    other.stream_max = 0;
    other.limits.set(1, 0);
    let refused = findings(payload, &other);
    assert_eq!(refused.len(), want.len());
    let codes = refused.iter().filter_map(|finding| finding.code);
    assert_eq!(codes.filter(|&code| code == Code::XDev).count(), 2);
    assert_eq!(refused.last().unwrap().code, Some(Code::FBig));
}

#[test]
fn findings_say_what_is_dropped() {
    let caps = caps();
    let rules = |payload: &[u8]| -> Vec<_> {
        let list = findings(payload, &caps);
        list.iter().map(|f| (f.rule, f.id, f.code)).collect()
    };
    let unknown = rules(&payload_also(&[entry(0x20000, [1, 1], 0, 9, 9)]));
    let rule = "unknown section, to be dropped";
    assert!(unknown.contains(&(rule, 0x20000, None)));
    let statistics = rules(&payload_also(&[entry(0x10006, [1, 1], 0, 1, 40)]));
    assert!(statistics.contains(&(rule, 0x10006, None)));
    let limits = rules(&payload_with(7, &limit(9, 6, 1)));
    assert!(limits.contains(&("unknown limit, to be ignored", 9, None)));
    let words = rules(&payload_with(5, &[0; 24]));
    let of = |word| words.contains(&("required features", word, None));
    assert!((0..3).all(of) && !of(3));
}

#[test]
fn first_refusal_is_the_verdict_on_any_descriptor() {
    let mut prng = Prng(5);
    let good = written_as(2, &state_v2(), &[]);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut bytes = mutate(&mut prng, &good);
        let len = bytes
            .get(48..52)
            .map_or(0, |len| usize::from(u16::from_le_bytes([len[0], len[1]])));
        bytes.drain(..bytes.len().min(64));
        bytes.truncate(len);
        if Descriptor::parse(&bytes).is_ok() {
            let caps = [caps(), strict()][prng.below(2)];
            refused += u32::from(findings(&bytes, &caps).iter().any(|f| f.code.is_some()));
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn policies_warn_or_refuse() {
    let caps = strict();
    let with = |list: &[Vec<u8>]| payload_with(10, &list.concat());
    let of = |payload: Vec<u8>| -> Vec<_> {
        let list = findings(&payload, &caps);
        let known = |f: &&Finding| f.rule == "rate" || f.rule == "anti-spoof";
        list.iter()
            .filter(known)
            .map(|f| (f.rule, f.got, f.want, f.code))
            .collect()
    };
    let dom = Some(Code::Dom);
    assert_eq!(of(with(&[])), []);
    assert_eq!(of(with(&[policy(1, 1, 10)])), [("rate", 10, 10, None)]);
    // A difference is found, and refused or not as this host has it, whatever the source says.
    for action in [1, 2, 9] {
        let both = with(&[policy(1, action, 11), policy(2, action, 21)]);
        let want = [("rate", 11, 10, None), ("anti-spoof", 21, 20, dom)];
        assert_eq!(of(both), want);
        // What this host does not know is no difference.
        assert_eq!(of(with(&[policy(3, action, 1)])), []);
    }
    let bytes = |list: &[Vec<u8>]| {
        let payload = with(list);
        edited_as(1, |s| s.sections[0].payload = payload)
    };
    let error = common::refused_as(caps, &bytes(&[policy(2, 2, 21)]));
    let got = (error.code, error.reason, error.offset);
    assert_eq!(got, (Code::Dom, "anti-spoof", 32));
    let warned = common::read_as(caps, &bytes(&[policy(1, 2, 11)]));
    assert_eq!(warned.result, Ok(()));
}

#[test]
fn policy_list_is_validated() {
    let refused = |list: &[u8]| {
        let payload = payload_with(10, list);
        let edit = |s: &mut Stream| s.sections[0].payload = payload;
        refused_with(&edited_as(1, edit), Code::BadMsg).reason
    };
    let good = policy(2, 1, 5);
    assert_eq!(refused(&good[..15]), "list length");
    let ids = "policy ids not ascending";
    assert_eq!(refused(&[good.clone(), good.clone()].concat()), ids);
    assert_eq!(refused(&[good.clone(), policy(1, 1, 5)].concat()), ids);
    assert_eq!(refused(&policy(2, 0, 5)), "policy without an action");
    for at in 3..8 {
        let mut list = good.clone();
        list[at] = 1;
        assert_eq!(refused(&list), "reserved field of policy-entry");
    }
    let list = [policy(0, 1, 0), policy(u16::MAX, 255, 9)].concat();
    let payload = payload_with(10, &list);
    let descriptor = Descriptor::parse(&payload).unwrap();
    let got: Vec<_> = descriptor
        .policies()
        .map(|p| (p.id, p.action, p.value))
        .collect();
    assert_eq!(got, [(0, 1, 0), (u16::MAX, 255, 9)]);
}

#[test]
fn features_are_a_set() {
    let of = |list: &[u16]| {
        let mut set = Features::default();
        list.iter().for_each(|&feature| set.set(feature, true));
        set
    };
    assert_eq!(of(&[0, 63, 64, 127]).0, [(1 << 63) | 1; 2]);
    // What has no word is not in any set.
    assert_eq!(of(&[128, 200, u16::MAX]), Features::default());
    let set = of(&[3, 70]);
    let has: Vec<u16> = (0..300).filter(|&feature| set.has(feature)).collect();
    assert_eq!(has, [3, 70]);
    let mut less = set;
    less.set(70, false);
    less.set(5, false);
    assert_eq!(less, of(&[3]));
    assert!(set.covers(&set) && set.covers(&less) && !less.covers(&set));
    assert!(set.covers(&Features::default()));
    assert!(!Features::default().covers(&less) && !less.covers(&of(&[4])));
    // At least one word, and no more than there are.
    assert_eq!(Features::default().words(), [0]);
    assert_eq!(of(&[1]).words(), [2]);
    assert_eq!(of(&[64]).words(), [0, 1]);
    assert_eq!(of(&[0, 127]).words().len(), FEATURE_WORDS);
}

#[test]
fn features_in_use_make_the_descriptor() {
    assert_eq!(State::default().features(), Features::default());
    let used = state_v2().features();
    assert_eq!(used, Features([1, 0]));
    assert_eq!(PROFILE.features_of(1), Features::default());
    assert_eq!(PROFILE.features_of(2), used);
    assert_eq!(PROFILE.split(2, &used), (used, Features::default()));
    // Of a bit that the profile does not have, nothing is known.
    assert_eq!(PROFILE.split(2, &Features([2, 0])).0, Features::default());
    // The manifest has the section of a feature in use, required or optional, and of no other.
    let caps = caps_of(2);
    let none = Features::default();
    let kinds = |required, optional| {
        let fields = DescriptorFields {
            required,
            optional,
            ..caps.fields()
        };
        let mut buf = [0; 4096];
        let len = fields.encode(&mut buf).unwrap();
        let descriptor = Descriptor::parse(&buf[..len]).unwrap();
        let manifest: Vec<_> = descriptor.manifest().map(|entry| entry.kind).collect();
        let specs: Vec<_> = fields.manifest().map(|spec| spec.kind).collect();
        assert_eq!(manifest, specs);
        let words: Vec<_> = descriptor.features_required().collect();
        assert_eq!(words, required.words());
        let words: Vec<_> = descriptor.features_optional().collect();
        assert_eq!(words.is_empty(), optional == none);
        manifest.last().copied()
    };
    assert_eq!(kinds(none, none), Some(0x10006));
    assert_eq!(kinds(used, none), Some(0x10007));
    assert_eq!(kinds(none, used), Some(0x10007));
    assert_eq!(kinds(Features([2, 0]), none), Some(0x10006));
}
