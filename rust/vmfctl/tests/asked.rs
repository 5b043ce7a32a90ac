// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the driver of a device says, and when it was not asked.

#![allow(missing_docs, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use std::{fs, os::unix::fs::symlink, path::PathBuf};
use vmf::profile::igbvf_82576::{Filters, Mailbox};

const BDF: &str = "0000:01:10.0";
const UUID: &str = "82576000-0000-4000-8000-00000000000a";

/// A host with one device, and a file of it that is gone.
fn without(test: &str, address: &str, file: &str) -> (PathBuf, String, PathBuf) {
    let dir = dir(test);
    let root = dir.join("sys");
    sysfs(&root, address, &descriptor(|_| {}), 2);
    let bus = if address == UUID { "mdev" } else { "pci" };
    let path = root.join(format!(
        "bus/{bus}/devices/{address}/migration_format/{file}"
    ));
    let _ = fs::remove_file(&path);
    (dir, root.to_str().unwrap().into(), path)
}

#[test]
fn a_file_that_cannot_be_opened_is_no_verdict() {
    let (_, root, path) = without("asked-open", BDF, "check");
    let args = ["check", "--sysfs", &root, BDF, "--against", BDF];
    // None, and one that cannot be written, as where /sys is mounted read-only.
    for errno in ["ENOENT", "EISDIR"] {
        let said = vmfctl(&args);
        assert_eq!(said.code, 0, "{errno}: {}{}", said.out, said.err);
        let lines: Vec<_> = said.out.lines().collect();
        let asked = lines.iter().filter(|line| line.contains("the driver"));
        let asked: Vec<_> = asked.collect();
        assert_eq!(asked.len(), 1, "{}", said.out);
        let line = format!("the driver was not asked: {}: {errno}: ", path.display());
        assert!(asked[0].starts_with(&line), "{}", said.out);
        let json = vmfctl(&[&args[..], &["--json"]].concat()).json();
        let answer = &json["destinations"][0];
        assert_eq!(answer["accepted"], true, "{answer:#}");
        assert_eq!(answer["driver"], serde_json::Value::Null);
        assert!(answer["driver_not_asked"].as_str().unwrap().contains(errno));
        let _ = fs::create_dir(&path);
    }
    // What the driver says to the bytes is one.
    fs::remove_dir(&path).unwrap();
    symlink("/dev/full", &path).unwrap();
    let said = vmfctl(&args);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("the driver of this device says: refused: ENOSPC");
    let json = vmfctl(&[&args[..], &["--json"]].concat()).json();
    let answer = &json["destinations"][0];
    assert_eq!(answer["driver"]["error"], "ENOSPC");
    assert_eq!(answer["driver"]["agrees"], false);
    assert_eq!(answer["driver_not_asked"], serde_json::Value::Null);
}

#[test]
fn adopt_that_cannot_be_opened_is_no_refusal() {
    let (dir, root, path) = without("asked-adopt", UUID, "adopt");
    let source = write(&dir, "source", descriptor(|_| {}));
    let args = ["adopt", "--sysfs", &root, UUID, &source];
    let said = vmfctl(&args);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    said.has("no function in software");
    fs::create_dir(&path).unwrap();
    let said = vmfctl(&args);
    assert_eq!(said.code, 3, "{}{}", said.out, said.err);
    said.has(&format!("{}: EISDIR: ", path.display()));
    fs::remove_dir(&path).unwrap();
    symlink("/dev/full", &path).unwrap();
    let said = vmfctl(&args);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused: ENOSPC");
}

#[test]
fn a_driver_does_not_look_at_host_policy() {
    let (dir, root, path) = without("asked-policy", UUID, "check");
    fs::write(path, "").unwrap();
    let network = format!("bus/mdev/devices/{UUID}/network");
    for (file, value) in [("mac", "02:76:6d:66:00:aa\n"), ("trusted", "0\n")] {
        write(&dir.join("sys"), &format!("{network}/{file}"), value);
    }
    let mut state = state();
    state.mailbox.flags = Mailbox::FLAGS_VF_RESET_DONE;
    state.filters.flags = Filters::FLAGS_MAC_VALID;
    state.filters.mac = [2, 0x76, 0x6d, 0x66, 0, 0x0a];
    let file = write(&dir, "stream", stream_of(2, &state));
    let args = ["check", "--sysfs", &root, &file, "--against", UUID];
    let said = vmfctl(&args);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused: EIO: address of the guest");
    said.has("the driver of this device accepts the descriptor; it does not look at host policy");
    assert!(!said.out.contains("says the same"), "{}", said.out);
    let json = vmfctl(&[&args[..], &["--json"]].concat()).json();
    let driver = &json["destinations"][0]["driver"];
    assert_eq!(driver["errno"], 0);
    assert_eq!(driver["agrees"], serde_json::Value::Null);
}
