// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Streams whose state only its driver understands.

#![allow(missing_docs, clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::arithmetic_side_effects, clippy::panic)]

mod common;

use common::{dir, vmfctl, write};
use std::{fs, path::Path};

fn vector(name: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = top.join("selftests/vectors/envelope").join(name);
    path.to_str().unwrap().to_string()
}

/// A copy with other bytes in it, and the checksums right again.
fn edited(name: &str, from: &str, to: &str) -> String {
    let json = vmfctl(&["decode", "--json", &vector("fragments.vmf")]).out;
    assert!(json.contains(from), "{from}");
    let dir = dir(name);
    let document = write(
        &dir,
        &format!("{name}.json"),
        json.replace(from, to).as_bytes(),
    );
    let stream = dir
        .join(format!("{name}.vmf"))
        .to_str()
        .unwrap()
        .to_string();
    let said = vmfctl(&["encode", &document, "--output", &stream]);
    assert_eq!(said.code, 0, "{}", said.err);
    stream
}

#[test]
fn every_byte_has_a_name() {
    let file = vector("fragments.vmf");
    let json = vmfctl(&["decode", "--json", &file]).json();
    assert_eq!(json["profile"], "envelope.sample");
    let sections = json["sections"].as_array().unwrap();
    let names: Vec<_> = sections
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    let want = ["descriptor", "feature-names", "blob", "blob", "blob", "end"];
    assert_eq!(names, want);
    assert_eq!(sections[1]["entries"][0]["text"]["value"], "rate");
    let blob: Vec<_> = sections[2..5]
        .iter()
        .map(|s| s["bytes"]["value"].as_str().unwrap())
        .collect();
    let want: Vec<_> = (0..200).map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(blob.concat(), want.concat());
    let text = vmfctl(&["decode", &file]).out;
    assert!(text.contains("blob 0 fragment 2"), "{text}");
    assert!(text.contains("profile envelope.sample"), "{text}");
    assert!(!text.contains("unknown"), "{text}");
}

/// What is decoded is all of the stream.
#[test]
fn encoded_again() {
    for name in ["fragments", "least"] {
        let json = vmfctl(&["decode", "--json", &vector(&format!("{name}.vmf"))]).out;
        let document = write(&dir(&format!("again-{name}")), "again.json", json);
        let bytes = vmfctl(&["encode", &document]).bytes;
        assert_eq!(bytes, fs::read(vector(&format!("{name}.vmf"))).unwrap());
    }
}

#[test]
fn described() {
    let text = vmfctl(&["describe", &vector("fragments.vmf")]).out;
    for words in [
        "envelope.sample: a blob that only its driver understands",
        "1234:5678, subsystem 9abc:def0",
        "3, for readers from 2",
        "limit 2",
        "superset",
        "blob",
    ] {
        assert!(text.contains(words), "no {words} in:\n{text}");
    }
}

#[test]
fn verified() {
    for name in ["fragments.vmf", "least.vmf"] {
        let said = vmfctl(&["verify", &vector(name)]);
        assert_eq!(said.code, 0, "{}{}", said.out, said.err);
        assert!(
            said.out.contains("as envelope.sample version 3"),
            "{}",
            said.out
        );
    }
    // A bit of the blob.
    let mut bytes = fs::read(vector("fragments.vmf")).unwrap();
    let at = bytes.len() - 80;
    bytes[at] ^= 1;
    let file = write(&dir("flipped"), "flipped.vmf", &bytes);
    let said = vmfctl(&["verify", &file]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("EBADMSG"), "{}", said.out);
    assert!(said.out.contains("payload CRC"), "{}", said.out);
    let said = vmfctl(&["verify", "--profile-version", "1", &vector("least.vmf")]);
    assert!(said.out.contains("EOPNOTSUPP"), "{}{}", said.out, said.err);
}

#[test]
fn checked_against_each_other() {
    let (all, least) = (vector("fragments.vmf"), vector("least.vmf"));
    let against = |source: &str, destination: &str| {
        let said = vmfctl(&["check", source, "--against", destination]);
        (said.code, said.out)
    };
    assert_eq!(against(&all, &all).0, 0);
    // It uses a feature, and has a limit that the other does not state.
    let (code, out) = against(&all, &least);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("EOPNOTSUPP"), "{out}");
    let other = edited("other", "envelope.sample", "envelope.simple");
    let (code, out) = against(&all, &other);
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("EXDEV"), "{out}");
    assert!(out.contains("profile name"), "{out}");
}
