// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Keys: shown, documented, and judged as the devices are whose keys they are.

#![allow(missing_docs, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use vmf::{profile::igbvf_82576::PROFILE, Capabilities, Config};

const BDF: &str = "0000:01:10.0";

/// A descriptor that shows configuration space, with some bits of one of its words inverted.
fn showing(edit: impl FnOnce(&mut Capabilities), flip: u32) -> Vec<u8> {
    let config = Config::new(PROFILE.config, |_, spec| match spec.offset {
        0xa4 => spec.value ^ flip,
        _ => spec.value,
    });
    descriptor_showing(edit, config.as_slice())
}

/// The key that a command shows.
fn shown(said: &Said) -> String {
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let mut words = said.out.split_whitespace();
    words.find(|word| word.starts_with("vmf=")).unwrap().into()
}

#[test]
fn the_same_everywhere_and_as_documented() {
    let dir = dir("key");
    let root = dir.join("sys");
    let own = showing(|_| {}, 0);
    sysfs(&root, BDF, &own, 2);
    let rule = format!("sys/bus/pci/devices/{BDF}/migration_format/subsystem_rule");
    write(&dir, &rule, "equal\n");
    let root = root.to_str().unwrap();
    let key = shown(&vmfctl(&["describe", "--sysfs", root, BDF]));
    assert_eq!(shown(&vmfctl(&["inventory", "--sysfs", root])), key);
    let json = vmfctl(&["inventory", "--json", "--sysfs", root]).json();
    assert_eq!(json["devices"][0]["key"], key);

    // What vmf.rst has in several lines.
    let text = include_str!("../../../Documentation/userspace-api/vmf.rst");
    let lines = text.lines().map(str::trim);
    let lines = lines.skip_while(|line| !line.starts_with("vmf="));
    let documented: String = lines.take_while(|line| !line.is_empty()).collect();
    assert_eq!(key, documented);

    // Of a stream, no more than it needs.
    let file = write(&dir, "descriptor", own);
    let json = vmfctl(&["describe", "--json", &file]).json();
    let less = key
        .replace("reads=1-2", "reads=2-2")
        .replace("features=0x1", "features=0x0");
    assert_eq!(json["key"], less);
    let said = vmfctl(&["check", &less, &key]);
    assert_eq!(said.code, 0, "{}", said.out);
    let said = vmfctl(&["check", &key, &less]);
    assert_eq!(said.code, 0, "{}", said.out);
    said.has("accepted, with 1 warning");
    said.has("features that the guest may come to use");
    // A device, a descriptor and an inventory have keys as well.
    for (a, b) in [(&key, BDF), (&less, BDF), (&key, file.as_str())] {
        let said = vmfctl(&["check", a, b, "--sysfs", root]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        let said = vmfctl(&["check", b, "--against", a, "--sysfs", root]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    }
    let all = vmfctl(&["inventory", "--json", "--sysfs", root]).out;
    let all = write(&dir, "inventory", all);
    vmfctl(&["check", &key, &all]).has("0000:01:10.0 on ");
}

#[test]
fn what_is_wrong_with_a_key() {
    let key = "vmf=vf.x@1,reads=1-1,min-reader=1,features=0x0";
    assert_eq!(vmfctl(&["check", key, key]).code, 0);
    for (args, text) in [
        (vec!["check", key], "name a destination"),
        (vec!["check", "vmf=vf.x", key], "vmf=vf.x: "),
        (vec!["check", key, "vmf=vf.x@1"], "reads is missing"),
        (
            vec!["check", key, key, "--against", key],
            "cannot be used with",
        ),
        (vec!["decode", key], "a file is needed here"),
        (vec!["describe", key], "a file is needed here"),
    ] {
        let said = vmfctl(&args);
        assert_eq!(said.code, 2, "{args:?}: {}{}", said.out, said.err);
        said.has(text);
    }
}

/// What makes one device differ from another.
type Edit = fn(&mut Capabilities);

/// A device: its capabilities, its subsystem rule, which bits its configuration space has of its own.
const DEVICES: [(&str, Edit, &str, u32); 14] = [
    ("same", |_| {}, "equal", 0),
    ("version 1", |caps| *caps = capabilities(1), "equal", 0),
    (
        "one queue",
        |caps| assert!(caps.limits.set(1, 1)),
        "equal",
        0,
    ),
    (
        "three queues",
        |caps| assert!(caps.limits.set(2, 3)),
        "equal",
        0,
    ),
    ("vectors", |caps| assert!(caps.limits.set(3, 5)), "equal", 0),
    ("subsystem", |caps| caps.presented.subdevice = 2, "equal", 0),
    (
        "any subsystem",
        |caps| caps.presented.subdevice = 3,
        "any",
        0,
    ),
    ("revision", |caps| caps.presented.revision = 7, "equal", 0),
    ("short streams", |caps| caps.stream_max = 4096, "equal", 0),
    ("long streams", |caps| caps.stream_max = 1 << 20, "equal", 0),
    ("configuration", |_| {}, "equal", 0x20),
    ("other configuration", |_| {}, "equal", 0x8000),
    ("floor", |caps| caps.floor = 2, "equal", 0),
    (
        "queues and vectors",
        |caps| assert!(caps.limits.set(1, 9) && caps.limits.set(3, 1)),
        "equal",
        0,
    ),
];

/// A host for each device; the kernel is not asked, as that is a file.
#[test]
fn judged_as_the_devices_are() {
    let dir = dir("key-judged");
    let mut hosts = Vec::new();
    for (name, edit, rule, flip) in DEVICES {
        let mut caps = capabilities(2);
        edit(&mut caps);
        let root = dir.join(name).join("sys");
        sysfs(&root, BDF, &showing(edit, flip), 2);
        let mut files = vec![
            ("subsystem_rule", rule.to_string()),
            ("profile_version", caps.version.to_string()),
            ("profile_floor", caps.floor.to_string()),
            ("stream_max", caps.stream_max.to_string()),
            ("features", format!("{:#x}", caps.features.0[0])),
        ];
        let limits = caps.limits.as_slice().iter();
        let names = ["limit_rx-queues", "limit_tx-queues", "limit_msix-vectors"];
        files.extend(
            names
                .into_iter()
                .zip(limits.map(|limit| limit.value.to_string())),
        );
        for (file, value) in files {
            let file = format!("bus/pci/devices/{BDF}/migration_format/{file}");
            write(&root, &file, value + "\n");
        }
        let root = root.to_str().unwrap().to_string();
        let inventory = vmfctl(&["inventory", "--json", "--sysfs", &root]);
        let key = inventory.json()["devices"][0]["key"]
            .as_str()
            .unwrap()
            .to_string();
        let inventory = write(&dir, &format!("{name}.json"), inventory.out);
        hosts.push((name, root, inventory, key));
    }
    let mut refusals = std::collections::BTreeSet::new();
    for (from, root, _, key) in &hosts {
        let path = format!("{root}/bus/pci/devices/{BDF}/migration_format/descriptor");
        for (to, _, inventory, other) in &hosts {
            let device = vmfctl(&["check", "--json", &path, inventory]).json();
            let keys = vmfctl(&["check", "--json", key, other]).json();
            let error =
                |said: &serde_json::Value| said["destinations"][0]["error"]["error"].clone();
            assert_eq!(device["accepted"], keys["accepted"], "{from} -> {to}");
            assert_eq!(error(&device), error(&keys), "{from} -> {to}");
            refusals.insert(error(&keys).to_string());
        }
    }
    let all: Vec<_> = refusals.iter().map(String::as_str).collect();
    assert_eq!(
        all,
        [
            "\"EDOM\"",
            "\"EFBIG\"",
            "\"EOPNOTSUPP\"",
            "\"EXDEV\"",
            "null"
        ]
    );
}

#[test]
fn features_in_use() {
    let dir = dir("key-features");
    let mut state = state();
    state.unicast.count = 1;
    state.unicast.addresses[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    let file = write(&dir, "stream", stream_of(2, &state));
    let key = vmfctl(&["describe", "--json", &file]).json()["key"].to_string();
    let key = key.trim_matches('"');
    assert!(key.contains(",features=0x1,needs=0x1,"), "{key}");
    let without = key.replace(",needs=0x1", "");
    assert_eq!(vmfctl(&["check", key, &without]).code, 0);
    let said = vmfctl(&[
        "check",
        key,
        &without.replace("features=0x1", "features=0x2"),
    ]);
    assert_eq!(said.code, 1);
    said.has("refused: EOPNOTSUPP: features that the guest uses: 0x1, and there 0x2");
}

#[test]
fn limits_that_one_does_not_know() {
    let key = "vmf=vf.x@1,reads=1-1,min-reader=1,features=0x0";
    for (mine, theirs, code, text) in [
        ("limit.a.le=1", "limit.b.le=1", 1, "EOPNOTSUPP: limit.a"),
        ("limit.a.ignore=1", "limit.b.le=1", 0, "not compared"),
        (
            "limit.a.le=1",
            "limit.a.ge=1",
            1,
            "EDOM: rule of limit.a: le, and there ge",
        ),
        ("limit.a.superset=0x6", "limit.a.superset=2", 0, "ok"),
        ("limit.a.superset=0x6", "limit.a.superset=9", 1, "EDOM"),
        ("limit.a.subset=2", "limit.a.subset=0x6", 0, "ok"),
        ("colour.equal=red", "colour.equal=blue", 1, "EDOM: colour"),
        ("colour=red", "colour=blue", 0, "accepted"),
        (
            "config.equal=46-00000001",
            "config.equal=45-00000002",
            0,
            "not compared",
        ),
        (
            "config.equal=46-00000001",
            "config.equal=46-00000002",
            1,
            "EXDEV: config",
        ),
        (
            "subsystem.equal=1:1",
            "subsystem.ignore=2:2",
            0,
            "not compared",
        ),
        (
            "subsystem.ignore=1:1",
            "subsystem.equal=2:2",
            1,
            "EXDEV: subsystem",
        ),
    ] {
        let (mine, theirs) = (format!("{key},{mine}"), format!("{key},{theirs}"));
        let said = vmfctl(&["check", &mine, &theirs]);
        assert_eq!(said.code, code, "{mine} {theirs}: {}", said.out);
        said.has(text);
    }
}
