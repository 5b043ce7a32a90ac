// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! decode, encode, verify, diff: intact streams, strange ones, damaged ones.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod common;

use common::*;
use serde_json::{json, Value as Json};
use vmf::{registry::KIND_DESCRIPTOR, FLAG_CONT, FLAG_CRITICAL};

/// Decodes and encodes, with `more` arguments; returns the bytes.
fn round(name: &str, bytes: &[u8], more: &[&str]) -> Vec<u8> {
    let dir = dir(name);
    let file = write(&dir, "stream", bytes);
    let decoded = vmfctl(&["decode", "--json", &file]);
    decoded.json();
    let json = write(&dir, "stream.json", &decoded.out);
    let encoded = vmfctl(&[&["encode", &json], more].concat());
    assert_eq!(encoded.code, 0, "{}", encoded.err);
    encoded.bytes
}

/// Adds up the sizes of all values.
fn sizes(json: &Json) -> u64 {
    match json {
        Json::Object(map) if map.contains_key("size") && map.contains_key("value") => {
            map["size"].as_u64().unwrap()
        }
        Json::Object(map) => map.values().map(sizes).sum(),
        Json::Array(list) => list.iter().map(sizes).sum(),
        _ => 0,
    }
}

/// Streams that are well formed, but unusual.
fn strange() -> Vec<(&'static str, Vec<u8>)> {
    let preamble = descriptor(|_| {});
    let own = payload_of(&preamble).to_vec();
    let mut unknown_keys = own.clone();
    unknown_keys.extend([0, 2, 0, 0, 3, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0]);
    // A provider's name, which is text, and what is not.
    unknown_keys.extend([1, 2, 0, 0, 0, 0, 0, 0]);
    let mut named = own.clone();
    named.extend([
        65, 0, 0, 0, 5, 0, 0, 0, b'i', b'g', b'b', b'v', b'f', 0, 0, 0,
    ]);
    named.extend([66, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xfe, 0, 0, 0, 0, 0, 0]);
    let part = |flags, payload: &[u8]| Raw {
        flags,
        ..raw(0x8080_8601, 0, payload)
    };
    let feature_names = [0, 0, 1, 0, 3, 0, 0, 0, b'a', b'b', b'c', 0, 0, 0, 0, 0];
    let more = FLAG_CRITICAL | FLAG_CONT;
    vec![
        (
            "unknown_keys",
            assemble(&[], &[raw(KIND_DESCRIPTOR, 0, &unknown_keys)]),
        ),
        (
            "provider",
            assemble(&[], &[raw(KIND_DESCRIPTOR, 0, &named)]),
        ),
        (
            "long_header",
            assemble(&[7; 16], &[raw(KIND_DESCRIPTOR, 0, &own)]),
        ),
        (
            "fragments",
            assemble(
                &[],
                &[
                    raw(KIND_DESCRIPTOR, 0, &own),
                    part(more, &[1; 9]),
                    part(FLAG_CRITICAL, &[2; 3]),
                ],
            ),
        ),
        (
            "generations",
            assemble(
                &[],
                &[raw(KIND_DESCRIPTOR, 0, &own), raw(KIND_DESCRIPTOR, 1, &own)],
            ),
        ),
        (
            "lengths",
            assemble(
                &[],
                &[
                    raw(KIND_DESCRIPTOR, 0, &own),
                    raw(4, 0, "Grüße\u{1b}[31m".as_bytes()),
                    raw(5, 0, &feature_names),
                    raw(0x10001, 0, &[1; 38]),
                    raw(0x10001, 1, &[2; 36]),
                    raw(0x10003, 0, &[3; 51]),
                ],
            ),
        ),
        (
            "garbled_descriptor",
            assemble(&[], &[raw(KIND_DESCRIPTOR, 0, &own[..own.len() - 3])]),
        ),
    ]
}

#[test]
fn encode_is_the_reverse_of_decode() {
    for version in [1, 2] {
        let bytes = stream_of(version, &state());
        assert!(round(&format!("round{version}"), &bytes, &[]) == bytes);
    }
    for (name, bytes) in strange() {
        // The length of its last attribute is computed.
        if name != "garbled_descriptor" {
            assert!(round(name, &bytes, &[]) == bytes, "{name}");
        }
        assert!(round(name, &bytes, &["--as-is"]) == bytes, "{name} as is");
    }
}

#[test]
fn damage_survives_as_is_and_is_repaired_else() {
    let bytes = stream();
    let strange = strange().into_iter().map(|(_, bytes)| bytes);
    for bytes in strange.chain([bytes.clone()]) {
        for at in (0..bytes.len()).step_by(61) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(
                round("damaged", &damaged, &["--as-is"]) == damaged,
                "byte {at}"
            );
            let cut = &bytes[..at];
            assert!(round("damaged", cut, &["--as-is"]) == cut, "length {at}");
        }
    }
    let mut damaged = bytes.clone();
    damaged[60] ^= 1;
    assert!(round("repaired", &damaged, &[]) == bytes);
}

#[test]
fn every_byte_has_a_name() {
    let dir = dir("names");
    let mut all = strange();
    all.push(("plain", stream()));
    for (name, bytes) in all {
        let file = write(&dir, name, &bytes);
        let document = vmfctl(&["decode", "--json", &file]).json();
        let named = sizes(&document["file_header"]) + sizes(&document["sections"]);
        assert_eq!(named, bytes.len() as u64, "{name}");
        assert_eq!(document["length"], bytes.len() as u64, "{name}");
    }
}

#[test]
fn decode_shows_names_values_units_and_offsets() {
    let file = write(&dir("decode"), "stream", stream());
    let text = vmfctl(&["decode", &file]);
    assert_eq!(text.code, 0);
    for part in [
        "0x000000  file header, 32 bytes",
        "rx-queue 1 (type 0x10001), 72 bytes",
        "0x123456000 guest address",
        "Base of the ring.",
        "0x2000000 (enable)",
        "1 (critical)",
        "58bc0add-fe7f-40a8-a167-bafa521ab699",
        "77 packets",
        "profile vf.net.igbvf-82576",
    ] {
        text.has(part);
    }
    let document = vmfctl(&["decode", "--json", &file]).json();
    assert_eq!(document["document"], "vmf-stream/1");
    assert_eq!(document["damage"], json!([]));
    let queue = &document["sections"][1];
    assert_eq!(queue["name"], "rx-queue");
    assert_eq!(queue["fields"]["rdba"]["value"], 0x1_2345_6000u64);
    let offset = queue["offset"].as_u64().unwrap();
    assert_eq!(queue["fields"]["rdlen"]["offset"], offset + 32 + 8);
    assert_eq!(queue["fields"]["rdlen"]["unit"], "bytes");
    assert_eq!(queue["fields"]["rxdctl"]["names"], json!(["enable"]));
    // Above 2^53.
    let sent = &document["sections"][3]["fields"]["tdba"]["value"];
    assert_eq!(sent, &json!("18446744073709551584"));
    let throttle = &document["sections"][5]["fields"]["eitr"]["value"];
    assert_eq!(throttle, &json!([1, 2, 0xffff]));
}

#[test]
fn text_in_a_stream_does_not_reach_the_terminal() {
    // vmfctl() looks for escapes.
    let lengths = strange().into_iter().find(|(name, _)| *name == "lengths");
    let file = write(&dir("escape"), "stream", lengths.unwrap().1);
    vmfctl(&["decode", &file]).has("Grüße\\u{1b}[31m");
}

#[test]
fn decode_goes_on_behind_damage_and_names_it() {
    let dir = dir("behind");
    let bytes = stream();
    let decode = |name: &str, bytes: &[u8]| {
        let file = write(&dir, name, bytes);
        (
            vmfctl(&["decode", &file]),
            vmfctl(&["decode", "--json", &file]).json(),
        )
    };
    let whole = decode("whole", &bytes).1["sections"]
        .as_array()
        .unwrap()
        .len();

    let at = decode("whole", &bytes).1["sections"][1]["offset"]
        .as_u64()
        .unwrap();
    let mut damaged = bytes.clone();
    damaged[at as usize + 40] ^= 1;
    let (text, json) = decode("payload", &damaged);
    assert_eq!(text.code, 3);
    text.has("EBADMSG");
    text.has("payload CRC");
    assert_eq!(json["sections"].as_array().unwrap().len(), whole);
    assert_eq!(json["damage"][0]["reason"], "payload CRC");

    // The header of the first section behind DESCRIPTOR, but not its length.
    damaged = bytes.clone();
    damaged[at as usize + 8] ^= 1;
    let (_, json) = decode("header", &damaged);
    assert_eq!(json["sections"].as_array().unwrap().len(), whole);
    assert_eq!(json["damage"][0]["offset"], at);

    // Its length as well: nothing behind it can be told.
    damaged[at as usize + 16] ^= 1;
    let (text, json) = decode("length", &damaged);
    assert_eq!(json["sections"].as_array().unwrap().len(), 1);
    assert_eq!(json["rest"]["offset"], at);
    let rest = json["rest"]["value"].as_str().unwrap().len() / 2;
    assert_eq!(rest as u64, bytes.len() as u64 - at);
    text.has("bytes more");

    let (text, _) = decode("cut", &bytes[..700]);
    text.has("ENODATA");
    let mut longer = bytes.clone();
    longer.extend(b"more");
    let (text, json) = decode("longer", &longer);
    text.has("bytes after END");
    assert_eq!(json["rest"]["value"], "6d6f7265");

    let (text, _) = decode("none", b"not a stream, and long enough for a file header");
    assert_eq!(text.code, 3);
    text.has("vmfctl extract");
}

#[test]
fn encode_takes_what_people_write_and_says_what_is_wrong() {
    let dir = dir("edited");
    let file = write(&dir, "stream", stream());
    let mut document = vmfctl(&["decode", "--json", &file]).json();
    let encode = |name: &str, document: &Json| {
        let json = write(&dir, name, document.to_string());
        let out = dir.join("out").to_str().unwrap().to_string();
        (vmfctl(&["encode", &json, "-o", &out]), out)
    };
    document["sections"][1]["fields"]["rdh"] = json!(9);
    document["sections"][1]["fields"]["rdba"] = json!("0x20");
    document["sections"][2]["fields"]
        .as_object_mut()
        .unwrap()
        .remove("reserved");
    let (said, out) = encode("good.json", &document);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(vmfctl(&["verify", &out]).code, 0);
    let differs = vmfctl(&["diff", &file, &out]);
    assert_eq!(differs.code, 1);
    differs.has("fields.rdh                     3 descriptors  ->  9 descriptors");
    differs.has("0x123456000 guest address  ->  0x20");

    document["sections"][1]["fields"]["rdh"] = json!(1u64 << 40);
    let (said, _) = encode("wide.json", &document);
    assert_eq!(said.code, 3);
    said.has("sections[1].fields.rdh: an integer of 4 bytes is needed");
    let (said, _) = encode("other.json", &json!({"document": "vmf-check/1"}));
    said.has("take what \"vmfctl decode --json\" writes");
}

#[test]
fn verify_is_the_verdict_of_the_codec() {
    let dir = dir("verify");
    let bytes = stream();
    let verify = |bytes: &[u8], more: &[&str]| {
        let file = write(&dir, "stream", bytes);
        let json = vmfctl(&[&["verify", "--json", &file], more].concat());
        assert_eq!(json.json()["accepted"], json.code == 0);
        vmfctl(&[&["verify", &file], more].concat())
    };
    let said = verify(&bytes, &[]);
    assert_eq!(said.code, 0);
    said.has("accepted as vf.net.igbvf-82576 version 2");
    assert_eq!(verify(&bytes, &["--profile-version", "1"]).code, 0);
    let file = write(&dir, "plain", &bytes);
    assert_eq!(vmfctl(&["verify", &file, "--profile-version", "9"]).code, 3);

    for len in [0, 10, 40, 500, bytes.len() - 1] {
        let said = verify(&bytes[..len], &[]);
        assert_eq!(said.code, 1);
        said.has("ENODATA");
    }
    let mut damaged = bytes.clone();
    damaged[500] ^= 1;
    verify(&damaged, &[]).has("EBADMSG");

    // A value out of its range, with all CRCs right.
    let file = write(&dir, "plain", &bytes);
    let mut document = vmfctl(&["decode", "--json", &file]).json();
    document["sections"][5]["fields"]["eims"] = json!(8);
    let json = write(&dir, "range.json", document.to_string());
    let out = dir.join("range").to_str().unwrap().to_string();
    assert_eq!(vmfctl(&["encode", &json, "-o", &out]).code, 0);
    let said = vmfctl(&["verify", &out]);
    assert_eq!(said.code, 1);
    said.has("ERANGE");
    said.has("A value of the device state is out of its range.");
}

#[test]
fn diff_finds_what_differs_and_nothing_else() {
    let dir = dir("diff");
    let a = write(&dir, "a", stream());
    let b = write(&dir, "b", stream());
    let same = vmfctl(&["diff", &a, &b]);
    assert_eq!((same.code, same.out.as_str()), (0, "no difference\n"));

    let mut other = state();
    other.statistics = Default::default();
    other.interrupts.eiac = 5;
    let c = write(&dir, "c", stream_of(2, &other));
    let said = vmfctl(&["diff", &a, &c]);
    assert_eq!(said.code, 1);
    said.has("fields.eiac");
    said.has("72 bytes  ->  nothing");
    assert!(!said.out.contains("crc"));
    vmfctl(&["diff", "--all", &a, &c]).has("fields.stream_crc");
    let json = vmfctl(&["diff", "--json", &a, &c]).json();
    assert_eq!(json["differences"].as_array().unwrap().len(), 2);

    let mut damaged = stream();
    damaged[60] ^= 1;
    let d = write(&dir, "d", &damaged);
    let said = vmfctl(&["diff", &a, &d]);
    assert_eq!(said.code, 1);
    said.has("--all shows them");
    assert_eq!(vmfctl(&["diff", &a, "/nonexistent"]).code, 3);
}

#[test]
fn a_long_stream_is_not_kept_in_memory() {
    // 24 MiB in fragments, the longest sections that there are.
    let preamble = descriptor(|_| {});
    let mut sections = vec![raw(KIND_DESCRIPTOR, 0, payload_of(&preamble))];
    for _ in 0..24 {
        sections.push(Raw {
            flags: FLAG_CONT,
            ..raw(0x8080_8601, 0, &vec![0x5a; 1 << 20])
        });
    }
    let file = write(&dir("long"), "stream", assemble(&[], &sections));
    let limited = |args: &str| {
        // The address space is limited to what 24 MiB and their text would not fit in.
        let tool = env!("CARGO_BIN_EXE_vmfctl");
        let script = format!("ulimit -v 32768; {tool} {args} {file} >/dev/null");
        std::process::Command::new("sh")
            .args(["-c", &script])
            .status()
            .unwrap()
            .code()
    };
    assert_eq!(limited("decode"), Some(0));
    assert_eq!(limited("decode --json"), Some(0));
    assert_eq!(limited("verify"), Some(1));
}
