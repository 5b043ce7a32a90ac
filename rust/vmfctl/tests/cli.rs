// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The command line itself: usage, exit statuses, documents, devices that are not there.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod common;

use std::fs;

use common::*;

#[test]
fn wrong_usage_is_2_and_missing_files_are_3() {
    for args in [
        &[][..],
        &["decode"],
        &["frobnicate"],
        &["matrix"],
        &["inventory", "--json", "--yaml"],
    ] {
        assert_eq!(vmfctl(args).code, 2, "{args:?}");
    }
    for command in ["decode", "encode", "verify", "describe", "check", "extract"] {
        let said = vmfctl(&[command, "/nonexistent"]);
        assert_eq!(said.code, 3, "{command}");
        said.has("/nonexistent: ENOENT");
    }
    // Where a file is needed, a device will not do.
    assert_eq!(vmfctl(&["decode", "0000:01:10.0"]).code, 2);
    assert_eq!(vmfctl(&["save", "nonsense", "file"]).code, 2);
}

#[test]
fn help_documents_the_exit_status() {
    let help = vmfctl(&["--help"]);
    assert_eq!(help.code, 0);
    help.has("Exit status:");
    vmfctl(&["decode", "--help"]).has("vmf-stream/1");
}

#[test]
fn man_pages_and_completions() {
    let dir = dir("man");
    let out = dir.to_str().unwrap();
    assert_eq!(vmfctl(&["man", "--out", out]).code, 0);
    for page in [
        "vmfctl.1",
        "vmfctl-check.1",
        "vmfctl-decode.1",
        "vmfctl-load.1",
    ] {
        let text = fs::read_to_string(dir.join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
    vmfctl(&["man"]).has(".TH vmfctl 1");
    for shell in ["bash", "zsh", "fish"] {
        let said = vmfctl(&["completions", shell]);
        assert_eq!(said.code, 0);
        said.has("inventory");
    }
}

#[test]
fn another_registry_gives_other_names() {
    let dir = dir("registry");
    let stream = write(&dir, "stream", stream());
    let built_in =
        env!("CARGO_MANIFEST_DIR").to_string() + "/../../Documentation/registry/registry.json";
    let text = fs::read_to_string(built_in).unwrap();
    let other = write(
        &dir,
        "registry.json",
        text.replace("\"rdlen\"", "\"ring-length\""),
    );
    vmfctl(&["decode", "--registry", &other, &stream]).has("ring_length");
    // What a registry does not name is still there.
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fields = json["profiles"][0]["sections"][0]["fields"]
        .as_array_mut()
        .unwrap();
    fields.remove(2);
    let sparse = write(&dir, "sparse.json", json.to_string());
    let said = vmfctl(&["decode", "--json", "--registry", &sparse, &stream]);
    said.has("gap_12");
    let document = write(&dir, "document.json", said.out);
    let encoded = vmfctl(&["encode", "--registry", &sparse, &document]);
    assert!(encoded.bytes == fs::read(&stream).unwrap());
    let bad = write(&dir, "bad.json", "{}");
    let said = vmfctl(&["decode", "--registry", &bad, &stream]);
    assert_eq!(said.code, 3);
    said.has("not a registry.json");
}

#[test]
fn devices_that_cannot_be_opened_are_explained() {
    let dir = dir("device");
    let file = write(&dir, "stream", stream());
    let root = dir.join("sys");
    sysfs(&root, "0000:01:10.0", &descriptor(|_| {}), 2);
    let root = root.to_str().unwrap();
    for command in ["save", "load"] {
        let said = vmfctl(&[command, "--sysfs", root, "0000:01:10.0", &file]);
        assert_eq!(said.code, 3);
        said.has("no IOMMU group");
        let said = vmfctl(&[command, "--sysfs", root, "0000:01:10.7", &file]);
        assert_eq!(said.code, 3);
        said.has("no such device");
    }
    // Nothing was written over it.
    assert!(fs::read(&file).unwrap() == stream());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let file = write(&dir("pipe"), "stream", stream());
    let tool = env!("CARGO_BIN_EXE_vmfctl");
    let script = format!("set -o pipefail; {tool} decode {file} | head -n 1 >/dev/null");
    let status = std::process::Command::new("bash")
        .args(["-c", &script])
        .status();
    assert!(status.unwrap().success());
}
