// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! extract: streams in the files of QEMU and cloud-hypervisor, which are made here from the
//! definitions of their formats.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod common;
mod streams;

use base64::{prelude::BASE64_STANDARD, Engine};
use common::*;
use serde_json::{json, Value as Json};
use streams::qemu::*;

fn both_devices() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (a, b) = (stream(), stream_of(1, &state()));
    let mut file = Qemu::new();
    file.start(2, "ram");
    file.start(41, "0000:00:03.0/vfio");
    file.start(42, "0000:00:04.0/vfio");
    file.start(43, "0000:00:05.0/vfio");
    file.part(2, 41, &[&a[..440]], INIT_DATA_SENT);
    file.part(2, 42, &[&b[..432]], INIT_DATA_SENT);
    file.part(2, 43, &[b"another format"], INIT_DATA_SENT);
    file.memory(3 << 20);
    file.part(2, 41, &[], END);
    file.memory(100);
    file.part(3, 41, &[&a[440..1000], &a[1000..]], END);
    file.part(3, 42, &[&b[432..]], END);
    file.part(3, 43, &[b"and more"], END);
    file.put(&[0]);
    (file.0, a, b)
}

#[test]
fn from_a_migration_file_of_qemu() {
    let dir = dir("qemu");
    let (file, a, b) = both_devices();
    let file = write(&dir, "migration", file);
    let said = vmfctl(&["extract", &file]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("0000:00:03.0/vfio: vf.net.igbvf-82576 version 2");
    let out = dir.join("out");
    let said = vmfctl(&["extract", "--json", &file, "-o", out.to_str().unwrap()]);
    let streams = said.json()["streams"].clone();
    assert_eq!(streams.as_array().unwrap().len(), 3);
    assert_eq!(streams[1]["name"], "0000:00:04.0/vfio");
    assert_eq!(streams[1]["intact"], true);
    assert_eq!(streams[1]["format"], "vmf");
    assert_eq!(streams[2]["format"], Json::Null);
    assert!(std::fs::read(dir.join("out.0")).unwrap() == a);
    assert!(std::fs::read(dir.join("out.1")).unwrap() == b);
}

#[test]
fn from_a_file_of_qemu_that_is_cut_off() {
    let dir = dir("qemu_cut");
    let (file, ..) = both_devices();
    let file = write(&dir, "migration", &file[..file.len() - 1200]);
    let said = vmfctl(&["extract", &file]);
    assert_eq!(said.code, 0);
    said.has("damaged: ENODATA");
}

#[test]
fn from_snapshots_of_cloud_hypervisor() {
    let dir = dir("hypervisor");
    let (a, b) = (stream(), stream_of(1, &state()));
    let blob = json!({"blob": BASE64_STANDARD.encode(&a)}).to_string();
    let state = json!({"snapshots": {"device-manager": {"snapshots": {
        "_vfio0": {"snapshots": {"vfio_common": {"snapshots": {
            "vfio_migration": {"snapshots": {}, "snapshot_data": {"state": blob}},
        }}}},
        "_vfio1": {"state": {"migration_data": b}},
        "_disk2": {"state": "iVZN", "list": [0x89, 0x56, 300]},
    }}}});
    write(&dir, "snapshot/state.json", state.to_string());
    let out = dir.join("out").to_str().unwrap().to_string();
    let source = dir.join("snapshot").to_str().unwrap().to_string();
    let said = vmfctl(&["extract", &source, "-o", &out]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("/snapshots/device-manager/snapshots/_vfio0");
    assert!(std::fs::read(format!("{out}.0")).unwrap() == a);
    assert!(std::fs::read(format!("{out}.1")).unwrap() == b);
}

#[test]
fn from_the_middle_of_any_file() {
    let dir = dir("raw");
    let a = stream();
    let mut bytes = vec![0x11; (1 << 20) - 3];
    bytes.extend(&a);
    bytes.extend([0x22; 99]);
    let file = write(&dir, "core", bytes);
    let out = dir.join("out").to_str().unwrap().to_string();
    let said = vmfctl(&["extract", &file, "-o", &out]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("offset 0xffffd");
    assert!(std::fs::read(&out).unwrap() == a);
}

#[test]
fn nothing_to_find() {
    let dir = dir("nothing");
    for (name, bytes) in [
        ("a", &b"nothing"[..]),
        ("b", b"QEVM\0\0\0\x03"),
        ("c", b"{}"),
        ("d", b""),
    ] {
        let file = write(&dir, name, bytes);
        let said = vmfctl(&["extract", &file]);
        assert_eq!(said.code, 1);
        said.has("no VMF stream found");
    }
    let file = write(&dir, "bad.json", b"{");
    assert_eq!(vmfctl(&["extract", &file]).code, 3);
}
