// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the generator exports is read again without loss, and so is what stands in the YAML.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::{json, Value};
use std::{fs, path::Path};
use vmf_registry::{
    foreign::{Base, Entry, Field, Int, Order, Part},
    tuple::{DeviceQuirk, Software, Tuple},
};

fn export() -> Value {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(top.join("Documentation/registry/registry.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn nothing_is_lost() {
    let mut export = export();
    // The generator works these out.
    for entry in export["foreign"].as_array_mut().unwrap() {
        for structure in entry["structures"].as_array_mut().unwrap() {
            for field in structure["fields"].as_array_mut().unwrap() {
                field.as_object_mut().unwrap().remove("size").unwrap();
            }
        }
    }
    let entries: Vec<Entry> = serde_json::from_value(export["foreign"].clone()).unwrap();
    assert!(entries.len() > 1);
    assert_eq!(serde_json::to_value(&entries).unwrap(), export["foreign"]);
    let tuples: Vec<Tuple> = serde_json::from_value(export["tuples"].clone()).unwrap();
    assert_eq!(serde_json::to_value(&tuples).unwrap(), export["tuples"]);
    let software = &export["software"];
    let known: Vec<Software> = serde_json::from_value(software.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&known).unwrap(), software);
    let quirks = &export["device-quirks"];
    let known: Vec<DeviceQuirk> = serde_json::from_value(quirks.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&known).unwrap(), quirks);
}

/// The generator works out the same sizes as whoever reads its export.
#[test]
fn sizes() {
    let export = export();
    for value in export["foreign"].as_array().unwrap() {
        let entry: Entry = serde_json::from_value(value.clone()).unwrap();
        let structures = value["structures"].as_array().unwrap();
        for (structure, value) in entry.structures.iter().zip(structures) {
            for (field, value) in structure
                .fields
                .iter()
                .zip(value["fields"].as_array().unwrap())
            {
                assert_eq!(entry.field_size(field), value["size"].as_u64(), "{value}");
            }
        }
    }
}

#[test]
fn one_key_or_two() {
    let read = |value: Value| serde_json::from_value::<Field>(value);
    let one = read(json!({"name": "a", "offset": 0, "type": "be16[3]"})).unwrap();
    let two = read(json!({"name": "a", "offset": 0, "type": "be16", "count": 3})).unwrap();
    assert_eq!(one.ty, two.ty);
    assert_eq!(one.ty.base, Base::Int(Int::U16, Order::Big));
    assert_eq!(one.ty.count, Some(3));
    assert_eq!(one.ty.to_string(), "be16[3]");
    let byte = read(json!({"name": "a", "offset": 0, "type": "u8", "count": null})).unwrap();
    assert_eq!((byte.ty.to_string().as_str(), byte.ty.count), ("u8", None));
    for wrong in ["le8", "u16", "be16[]", "be16[x]", "structure", "\u{e9}16"] {
        let field = read(json!({"name": "a", "offset": 0, "type": wrong}));
        assert!(field.is_err(), "{wrong}");
    }
    let both = read(json!({"name": "a", "offset": 0, "type": "u8[2]", "count": 3}));
    assert!(both
        .unwrap_err()
        .to_string()
        .contains("count, and type u8[2]"));
}

#[test]
fn parts() {
    let part = |json: Value| serde_json::from_value::<Part>(json).unwrap();
    assert_eq!(part(json!({"field": "a"})).of(u64::MAX), u64::MAX);
    let word = part(json!({"field": "a", "shift": 8, "width": 4, "times": 4}));
    assert_eq!(word.of(0xabcd), 0xb * 4);
    // A registry may be wrong, and then nothing is there.
    assert_eq!(part(json!({"field": "a", "shift": 64})).of(u64::MAX), 0);
    assert_eq!(
        part(json!({"field": "a", "times": 2})).of(u64::MAX),
        u64::MAX
    );
}
