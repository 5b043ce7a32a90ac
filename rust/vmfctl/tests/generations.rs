// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Streams with more than one DESCRIPTOR: a destination judges each, and the last one is in force.

#![allow(missing_docs, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use std::{fs, path::Path};
use vmf::{
    profile::igbvf_82576::State,
    registry::{KIND_BLOB, KIND_DESCRIPTOR},
    Writer,
};

const BDF: &str = "0000:01:10.0";
const UUID: &str = "82576000-0000-4000-8000-00000000000a";

/// A guest that uses a feature.
fn with_feature() -> State {
    let mut state = state();
    state.unicast.count = 1;
    state.unicast.addresses[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    state
}

/// A stream whose guest has begun to use a feature behind the first DESCRIPTOR.
fn grown() -> Vec<u8> {
    let state = with_feature();
    requiring([vmf::Features::default(), state.features()], &state)
}

/// A stream with a DESCRIPTOR for each of `all`.
fn requiring(all: [vmf::Features; 2], state: &State) -> Vec<u8> {
    let caps = capabilities(2);
    let mut buf = vec![0; 1 << 16];
    let mut writer = Writer::new(&mut buf, crc()).unwrap();
    let mut fields = caps.fields();
    for required in all {
        fields.required = required;
        writer.descriptor(&fields).unwrap();
    }
    state.write(2, &mut writer).unwrap();
    let len = writer.end().unwrap();
    buf.truncate(len);
    buf
}

/// The start of a stream with the second DESCRIPTOR alone: what a driver is asked.
fn in_force() -> Vec<u8> {
    let mut bytes = stream_of(2, &with_feature());
    bytes.truncate(64 + payload_of(&bytes).len());
    bytes
}

/// The length of file header and two DESCRIPTORs.
fn start_len(stream: &[u8]) -> usize {
    let first = 64 + payload_of(stream).len();
    let second = u64::from_le_bytes(stream[first + 16..first + 24].try_into().unwrap());
    first + 32 + usize::try_from(second).unwrap()
}

fn envelope(name: &str) -> Vec<u8> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read(top.join("selftests/vectors/envelope").join(name)).unwrap()
}

/// An envelope that begins as the vector `least`, and whose second DESCRIPTOR is that of the other.
fn grown_envelope() -> Vec<u8> {
    let descriptor = |generation, name| {
        let stream = envelope(name);
        raw(KIND_DESCRIPTOR, generation, payload_of(&stream))
    };
    let blob = raw(KIND_BLOB, 0, &[7; 24]);
    let sections = [
        descriptor(0, "least.vmf"),
        descriptor(1, "fragments.vmf"),
        blob,
    ];
    assemble(&[], &sections)
}

#[test]
fn every_descriptor_is_judged() {
    let dir = dir("generations");
    let root = dir.join("sys");
    sysfs(&root, BDF, &descriptor(|_| {}), 2);
    let root = root.to_str().unwrap();
    let format = format!("sys/bus/pci/devices/{BDF}/migration_format");
    let file = write(&dir, "grown", grown());
    assert_eq!(vmfctl(&["verify", &file]).code, 0);
    let version = ["--profile-version", "1"];
    for command in ["verify", "check"] {
        let said = vmfctl(&[&[command, &file], &version[..]].concat());
        assert_eq!(said.code, 1, "{command}: {}{}", said.out, said.err);
        said.has("EOPNOTSUPP");
    }
    // The verdict is that of the load, with its place.
    vmfctl(&[&["check", &file], &version[..]].concat())
        .has("section 0x1, instance 1, seq 1): required features");

    let said = vmfctl(&["check", "--sysfs", root, &file, "--against", BDF]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    // The driver takes what begins as a stream does.
    let shown = fs::read(dir.join(&format).join("check")).unwrap();
    assert_eq!(shown, in_force());

    write(&dir, &format!("{format}/features"), "0x0\n");
    let said = vmfctl(&["check", "--sysfs", root, &file, "--against", BDF]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused: EOPNOTSUPP");
    said.has("required features, word 0");
    let host = vmfctl(&["inventory", "--json", "--sysfs", root]).out;
    let host = write(&dir, "host.json", host);
    assert_eq!(vmfctl(&["check", &file, &host]).code, 1);
    // As a destination it has what it uses.
    let source = write(&dir, "source", stream_of(2, &with_feature()));
    assert_eq!(vmfctl(&["check", &source, &file]).code, 0);
}

/// Whoever does not need a feature any more has needed it, and the load fails there.
#[test]
fn an_earlier_one_counts_as_well() {
    let dir = dir("generations-less");
    let all = [with_feature().features(), vmf::Features::default()];
    let file = write(&dir, "less", requiring(all, &state()));
    let key = vmfctl(&["describe", "--json", &file]).json()["key"].to_string();
    let key = key.trim_matches('"');
    let without = key
        .replace("features=0x1", "features=0x0")
        .replace(",needs=0x1", "");
    for source in [key, &file] {
        let said = vmfctl(&["check", source, &without]);
        assert_eq!(said.code, 1, "{}{}", said.out, said.err);
        said.has("EOPNOTSUPP");
    }
    let said = vmfctl(&["check", &file, "--profile-version", "1"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("instance 0, seq 0): required features");
    said.has("EOPNOTSUPP   required features, word 0");
}

#[test]
fn a_later_one_that_is_damaged() {
    let dir = dir("generations-damaged");
    let stream = grown();
    let len = start_len(&stream);
    let cut = write(&dir, "cut", &stream[..len - 8]);
    let said = vmfctl(&["check", &cut]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused: ENODATA");
    assert_eq!(
        vmfctl(&["check", &write(&dir, "two", &stream[..len])]).code,
        0
    );
    let mut flipped = stream;
    flipped[len - 1] ^= 1;
    let said = vmfctl(&["check", &write(&dir, "flipped", flipped)]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("payload CRC");
}

#[test]
fn too_many() {
    let first = descriptor(|_| {});
    let sections = |count| {
        let one = |generation| raw(KIND_DESCRIPTOR, generation, payload_of(&first));
        let all: Vec<_> = (0..count).map(one).collect();
        assemble(&[], &all)
    };
    let dir = dir("generations-many");
    let said = vmfctl(&["check", &write(&dir, "16", sections(16))]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let said = vmfctl(&["check", &write(&dir, "17", sections(17))]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused: EFBIG");
    // A driver would see one at a time, and nothing wrong.
    let root = dir.join("sys");
    sysfs(&root, BDF, &first, 2);
    let file = dir.join("17");
    let [root, file] = [&root, &file].map(|path| path.to_str().unwrap());
    let said = vmfctl(&["check", "--sysfs", root, file, "--against", BDF]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("the driver was not asked: the descriptors of the stream are too many");
}

#[test]
fn the_last_one_is_shown() {
    let dir = dir("generations-shown");
    let file = write(&dir, "grown", grown());
    let json = vmfctl(&["describe", "--json", &file]).json();
    assert_eq!(json["features_required"]["words"][0], 1);
    let key = json["key"].as_str().unwrap();
    assert!(key.contains(",needs=0x1,"), "{key}");
    let without = key
        .replace("features=0x1", "features=0x0")
        .replace(",needs=0x1", "");
    let said = vmfctl(&["check", &file, &without]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("features that the guest uses: 0x1, and there 0x0");

    let adopt = format!("sys/bus/mdev/devices/{UUID}/migration_format/adopt");
    let adopt = write(&dir, &adopt, "");
    let root = dir.join("sys");
    let said = vmfctl(&["adopt", "--sysfs", root.to_str().unwrap(), UUID, &file]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(fs::read(adopt).unwrap(), in_force());
}

#[test]
fn an_envelope_may_grow() {
    let dir = dir("generations-envelope");
    let file = write(&dir, "grown", grown_envelope());
    let said = vmfctl(&["verify", &file]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let said = vmfctl(&["check", &file, "--against", &file]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let [least, all] = ["least.vmf", "fragments.vmf"].map(|name| write(&dir, name, envelope(name)));
    assert_eq!(vmfctl(&["check", &all, &file]).code, 0);
    let said = vmfctl(&["check", &file, &least]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("EOPNOTSUPP");
}
