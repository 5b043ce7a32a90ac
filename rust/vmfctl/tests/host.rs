// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! inventory, describe, check, matrix: what hosts say of their devices.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use serde_json::{json, Value as Json};
use vmf::profile::igbvf_82576::PROFILE;

const BDF: &str = "0000:01:10.0";

/// The root of a host with one function.
fn host(name: &str, queues: u32) -> (std::path::PathBuf, String) {
    let dir = dir(name);
    let own = descriptor(|caps| {
        caps.limits.set(1, queues.into());
        caps.limits.set(2, queues.into());
    });
    let root = dir.join("sys");
    sysfs(&root, BDF, &own, queues);
    write(&dir, "proc/sys/kernel/hostname", format!("{name}\n"));
    let text = root.to_str().unwrap().to_string();
    (dir, text)
}

#[test]
fn inventory_in_three_forms() {
    let (dir, root) = host("inventory", 2);
    let text = vmfctl(&["inventory", "--sysfs", &root]);
    assert_eq!(text.code, 0, "{}", text.err);
    for part in [
        BDF,
        NAME,
        "rx-queues 2",
        "reads 1 to 2, writes 2",
        "65536 bytes",
    ] {
        text.has(part);
    }
    let json = vmfctl(&["--sysfs", &root, "inventory", "--json"]).json();
    assert_eq!(json["hostname"], "inventory");
    let device = &json["devices"][0];
    assert_eq!(device["bdf"], BDF);
    assert_eq!(
        device["limits"],
        json!({"msix-vectors": 3, "rx-queues": 2, "tx-queues": 2})
    );
    assert!(device["descriptor"]
        .as_str()
        .unwrap()
        .starts_with("89564d46"));

    // Every form is one that check reads.
    let stream = write(&dir, "stream", stream());
    for form in ["--yaml", "--json"] {
        let said = vmfctl(&["inventory", "--sysfs", &root, form]);
        let file = write(&dir, "inventory", &said.out);
        let checked = vmfctl(&["check", &stream, "--against", &file]);
        assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
        checked.has("0000:01:10.0 on inventory");
    }
    let none = dir.join("none/bus/pci/devices");
    std::fs::create_dir_all(none).unwrap();
    let none = dir.join("none").to_str().unwrap().to_string();
    vmfctl(&["inventory", "--sysfs", &none]).has("no device");
    assert_eq!(vmfctl(&["inventory", "--sysfs", "/nonexistent"]).code, 3);
}

#[test]
fn mediated_devices_as_well() {
    const UUID: &str = "82576000-0000-4000-8000-00000000000a";
    let (dir, root) = host("mediated", 2);
    sysfs(&dir.join("sys"), UUID, &descriptor(|_| {}), 2);
    let text = vmfctl(&["inventory", "--sysfs", &root]);
    text.has(BDF);
    text.has(UUID);
    // In capitals, too.
    let upper = UUID.to_uppercase();
    let checked = vmfctl(&["check", BDF, "--against", &upper, "--sysfs", &root]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    checked.has(UUID);
    let shown = dir.join(format!(
        "sys/bus/mdev/devices/{UUID}/migration_format/check"
    ));
    assert!(!std::fs::read(shown).unwrap().is_empty());
    let missing = vmfctl(&["describe", "--sysfs", &root, &UUID.replace('a', "b")]);
    assert_eq!(missing.code, 3);
    missing.has("no such device");
}

#[test]
fn wires_of_functions_in_software_only() {
    const UUID: &str = "82576000-0000-4000-8000-00000000000a";
    let (dir, root) = host("wires", 2);
    let fd = write(
        &dir,
        &format!("sys/bus/mdev/devices/{UUID}/network/backend_fd"),
        "",
    );
    let said = vmfctl(&["detach", "--sysfs", &root, UUID]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(std::fs::read_to_string(fd).unwrap(), "-1");
    let said = vmfctl(&["detach", "--sysfs", &root, BDF]);
    assert_eq!(said.code, 3);
    said.has("no function in software");
    let said = vmfctl(&["detach", "--sysfs", &root, "eth0"]);
    assert_eq!(said.code, 2);
    // Names that no interface can have.
    for name in ["", "an-interface-with-a-long-name"] {
        assert_eq!(vmfctl(&["attach", "--sysfs", &root, UUID, name]).code, 3);
    }
}

#[test]
fn describe_a_device_and_a_stream() {
    let (dir, root) = host("describe", 2);
    let said = vmfctl(&["describe", "--sysfs", &root, "01:10.0"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for part in [
        "8086:10ca",
        "QEMU's model of the 82576 (emulated)",
        "rx-queues",
        "critical",
    ] {
        said.has(part);
    }
    let file = write(&dir, "stream", stream());
    let json = vmfctl(&["describe", "--json", &file]).json();
    assert_eq!(json["profile"], NAME);
    assert_eq!(json["limits"][0]["rule"], "le");
    assert_eq!(json["manifest"][0]["name"], "rx-queue");
    let missing = vmfctl(&["describe", "--sysfs", &root, "0000:01:10.2"]);
    assert_eq!(missing.code, 3);
    missing.has("no such device");
    let short = write(&dir, "short", &stream()[..50]);
    let said = vmfctl(&["describe", &short]);
    assert_eq!(said.code, 3);
    said.has("no VMF descriptor");
}

#[test]
fn check_shows_all_rules_and_names_the_one_that_fails() {
    let dir = dir("check");
    let good = write(&dir, "good", descriptor(|_| {}));
    let said = vmfctl(&["check", &good]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("limit rx-queues (le)");
    said.has("accepted");
    said.has("subsystem vendor id");

    // What differs at the source, and what the tool says.
    let cases: [(&str, &str, Vec<u8>); 5] = [
        (
            "EDOM",
            "limit rx-queues (le)",
            descriptor(|caps| _ = caps.limits.set(1, 8)),
        ),
        (
            "EDOM",
            "limit msix-vectors (equal)",
            descriptor(|caps| _ = caps.limits.set(3, 2)),
        ),
        (
            "EXDEV",
            "device id",
            descriptor(|caps| caps.presented.device = 0x1520),
        ),
        (
            "EXDEV",
            "profile UUID",
            descriptor(|caps| caps.profile_uuid[0] ^= 1),
        ),
        (
            "EFBIG",
            "stream_max",
            descriptor(|caps| caps.stream_max = 1 << 20),
        ),
    ];
    for (errno, rule, bytes) in cases {
        let file = write(&dir, "bad", &bytes);
        let said = vmfctl(&["check", &file]);
        assert_eq!(said.code, 1, "{rule}: {}", said.err);
        let row = said.out.lines().find(|line| line.contains(rule));
        assert!(
            row.is_some_and(|row| row.contains(errno)),
            "{rule}: {}",
            said.out
        );
        let json = vmfctl(&["check", "--json", &file]);
        assert_eq!(json.code, 1);
        let json = json.json();
        assert_eq!(json["accepted"], false);
        assert_eq!(json["destinations"][0]["error"]["error"], errno);
        let rules = json["destinations"][0]["rules"].as_array().unwrap();
        let failed: Vec<_> = rules.iter().filter(|rule| rule["holds"] == false).collect();
        assert_eq!(failed.len(), 1, "{failed:?}");
        assert_eq!(failed[0]["rule"], rule);
        assert!(rules.len() > 15);
    }
    let mut damaged = descriptor(|_| {});
    damaged[70] ^= 1;
    let file = write(&dir, "damaged", &damaged);
    let said = vmfctl(&["check", &file]);
    assert_eq!(said.code, 1);
    said.has("EBADMSG");

    // An older destination: a stream that uses a feature of version 2 does not fit.
    let mut state = state();
    state.unicast.count = 1;
    state.unicast.addresses[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    let file = write(&dir, "feature", stream_of(2, &state));
    assert_eq!(vmfctl(&["check", &file]).code, 0);
    let said = vmfctl(&["check", &file, "--profile-version", "1"]);
    assert_eq!(said.code, 1);
    said.has("EOPNOTSUPP");
    said.has("required features, word 0");
}

#[test]
fn check_against_a_descriptor_and_a_device() {
    let (dir, root) = host("against", 1);
    let source = write(&dir, "source", stream());
    let own = format!("{root}/bus/pci/devices/{BDF}/migration_format/descriptor");
    for against in [own.as_str(), BDF] {
        let said = vmfctl(&["check", "--sysfs", &root, &source, "--against", against]);
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        said.has("rx-queues");
        said.has("EDOM");
    }
    // The file that stands for the driver accepts all, and it is told what it was shown.
    let said = vmfctl(&[
        "check",
        "--json",
        "--sysfs",
        &root,
        &source,
        "--against",
        BDF,
    ])
    .json();
    assert_eq!(said["destinations"][0]["driver"]["agrees"], false);
    let shown =
        std::fs::read(dir.join(format!("sys/bus/pci/devices/{BDF}/migration_format/check")));
    assert_eq!(shown.unwrap(), descriptor(|_| {}));

    // A feature that the device says it lacks.
    let mut with_feature = state();
    with_feature.unicast.count = 1;
    with_feature.unicast.addresses[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    let file = write(&dir, "feature", stream_of(2, &with_feature));
    let features = format!("sys/bus/pci/devices/{BDF}/migration_format/features");
    for (value, errno) in [("0x1", "EDOM"), ("0x10000000000000000", "EOPNOTSUPP")] {
        write(&dir, &features, value);
        let said = vmfctl(&["check", "--sysfs", &root, &file, "--against", BDF]);
        said.has(&format!("refused: {errno}"));
    }

    // The device as a source fits itself.
    let said = vmfctl(&["check", "--sysfs", &root, BDF, "--against", BDF]);
    assert_eq!(said.code, 0, "{}", said.out);
    said.has("the driver of this device says the same");
}

#[test]
fn matrix_of_hosts() {
    let (a, root_a) = host("small", 1);
    let (_, root_b) = host("large", 2);
    let inventory = |root: &str, name: &str| {
        let said = vmfctl(&["inventory", "--json", "--sysfs", root]);
        write(&a, name, said.out)
    };
    let (small, large) = (
        inventory(&root_a, "small.json"),
        inventory(&root_b, "large.json"),
    );
    let said = vmfctl(&["matrix", &small, &large]);
    assert_eq!(said.code, 1, "{}", said.err);
    said.has("0 of 1");
    said.has("1 of 1");
    said.has("refused 0000:01:10.0 on large -> 0000:01:10.0 on small: EDOM");
    let json = vmfctl(&["matrix", "--json", &small, &large]).json();
    let pairs = json["pairs"].as_array().unwrap();
    let accepted: Vec<&Json> = pairs
        .iter()
        .filter(|pair| pair["accepted"] == true)
        .collect();
    assert_eq!((pairs.len(), accepted.len()), (2, 1));
    assert_eq!(accepted[0]["source"]["host"], "small");
    assert_eq!(vmfctl(&["matrix", &large]).code, 0);
    // A device of a profile that the codec does not know is no reason to stop.
    let text = std::fs::read_to_string(&small).unwrap();
    let text = text.replace(
        "\"profile\": \"vf.net.igbvf-82576\"",
        "\"profile\": \"vf.other\"",
    );
    let other = write(&a, "other.json", text.replace("small", "other"));
    let said = vmfctl(&["matrix", &large, &small, &other]);
    assert_eq!(said.code, 1);
    said.has("no verdict 0000:01:10.0 on large -> 0000:01:10.0 on other");
    said.has("EDOM");
    let bad = write(&a, "bad.yaml", "hostname: x");
    let said = vmfctl(&["matrix", &bad]);
    assert_eq!(said.code, 3);
    said.has("neither a descriptor nor what \"vmfctl inventory\" writes");
    // What another host says of itself is shown.
    let text = std::fs::read_to_string(&small).unwrap();
    let text = text.replace("\"small\"", "\"\\u001b]0;small\\u0007\"");
    let said = vmfctl(&["matrix", &large, &write(&a, "escape.json", text)]);
    assert_eq!(said.code, 3);
    said.has("control characters in \"\\u{1b}]0;small\\u{7}\"");
}

/// What a function shows that differs from the registry in its DEVCAP.
fn other_config(flip: u32) -> vmf::Config {
    vmf::Config::new(PROFILE.config, |_, spec| match spec.offset {
        0xa4 => spec.value ^ flip,
        _ => spec.value,
    })
}

#[test]
fn configuration_space_is_compared() {
    let dir = dir("configuration");
    let [same, other] =
        [0, 0x20].map(|flip| descriptor_showing(|_| {}, other_config(flip).as_slice()));
    let root = dir.join("sys");
    sysfs(&root, BDF, &same, 2);
    let root = root.to_str().unwrap();
    let [same, other] = [("same", same), ("other", other)].map(|(name, it)| write(&dir, name, it));
    let said = vmfctl(&["check", &same, "--against", BDF, "--sysfs", root]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said.has("46 words");
    for (source, against) in [
        (&other, BDF),
        (&other, same.as_str()),
        (&same, other.as_str()),
    ] {
        let said = vmfctl(&["check", source, "--against", against, "--sysfs", root]);
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        said.has("refused: EXDEV at offset 0: configuration space, DEVCAP");
        said.has("45 words");
        let json = vmfctl(&[
            "check",
            source,
            "--against",
            against,
            "--sysfs",
            root,
            "--json",
        ])
        .json();
        assert_eq!(json["accepted"], false);
        assert_eq!(json["destinations"][0]["error"]["error"], "EXDEV");
    }
    // The registry promises nothing about a host, and who does not state it is not asked.
    for args in [
        vec!["check", &other],
        vec!["check", &stream_file(&dir), "--against", BDF],
    ] {
        let said = vmfctl(&[args, vec!["--sysfs", root]].concat());
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(!said.out.contains(" words"), "{}", said.out);
    }
    vmfctl(&["describe", &same]).has("46 words, as in the registry");
    vmfctl(&["describe", &other]).has("not as in the registry: DEVCAP 0x10008000");
    vmfctl(&["describe", &stream_file(&dir)]).has("not stated");
}

fn stream_file(dir: &std::path::Path) -> String {
    write(dir, "stream", stream())
}

#[test]
fn a_function_in_software_adopts() {
    const UUID: &str = "82576000-0000-4000-8000-00000000000a";
    let (dir, root) = host("adopt", 2);
    let own = descriptor_showing(|_| {}, other_config(0x20).as_slice());
    let source = write(&dir, "source", &own);
    let file = format!("sys/bus/mdev/devices/{UUID}/migration_format/adopt");
    let file = write(&dir, &file, "");
    let said = vmfctl(&["adopt", "--sysfs", &root, UUID, &source]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(std::fs::read(file).unwrap(), own);
    let said = vmfctl(&["adopt", "--sysfs", &root, BDF, &source]);
    assert_eq!(said.code, 3);
    said.has("no function in software");
    assert_eq!(
        vmfctl(&["adopt", "--sysfs", &root, "eth0", &source]).code,
        2
    );
    assert_eq!(
        vmfctl(&["adopt", "--sysfs", &root, UUID, "/nonexistent"]).code,
        3
    );
}
