// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The export is as its schema says, which refuses what is not.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{at, source};
use jsonschema::{draft202012, Validator};
use serde_json::{json, Value};
use std::{collections::BTreeMap, fs};

fn read(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(source(file)).unwrap()).unwrap()
}

fn validator() -> Validator {
    let schema = read("registry.schema.json");
    draft202012::meta::validate(&schema).unwrap();
    draft202012::new(&schema).unwrap()
}

#[test]
fn the_export_is_valid() {
    let export = read("registry.json");
    let problems: Vec<_> = validator()
        .iter_errors(&export)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_part_is_described() {
    let schema = read("registry.schema.json");
    let export = read("registry.json");
    let keys =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(keys(&schema["properties"]), keys(&export));
    // Types of files are no types of the export.
    assert!(schema["$defs"]["type"].is_null());
    assert!(!schema.to_string().contains("\"#/$defs/type\""));
}

#[test]
fn what_is_not_one_is_refused() {
    let good = read("registry.json");
    let validator = validator();
    let cases = r#"
        registry/revision = 0
        container/errors/Io/number = "5"
        container/constants/magic/type = "u8[8]"
        container/constants/magic/size = null
        profiles/0/uuid = "58bc0add-fe7f-10a8-a167-bafa521ab699"
        profiles/0/sections/mailbox/fields/vmbmem/count = 0
        profiles/0/sections/mailbox/fields/vmbmem/mask = "0xff"
        profiles/0/sections/mailbox/checks/0/check = "parity"
        profiles/0/limits/0/rule = 2
        envelope/section/type = -1
        tuples/0/status = "works"
        tuples/0/presented/subvendor = "some"
        device-quirks/0/tuples = []
        foreign/mtty/status = "proprietary"
        foreign/mtty/checks/length/evidence = []
        foreign/mtty/checks/length/rules/0/whole = "header"
        foreign/mtty/checks/length/rules/0/of = null
        foreign/mtty/structures/port/fields/uart-reg/type = "u8[8]"
        foreign/mtty/formats/structure/recognise/fields/0/type = "char"
        foreign/mtty/formats/structure/stream/header/count = 0
    "#;
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (path, value) = case.split_once(" = ").unwrap();
        let mut export = good.clone();
        *at(&mut export, path) = serde_json::from_str(value).unwrap();
        assert!(!validator.is_valid(&export), "{case}");
        // So is one that is left out, and one that nobody knows.
        let (map, key) = path.rsplit_once('/').unwrap();
        let mut export = good.clone();
        if let Some(map) = at(&mut export, map).as_object_mut() {
            map.remove(key);
        }
        assert!(!validator.is_valid(&export), "{map} without {key}");
        let mut export = good.clone();
        at(&mut export, map)["colour"] = json!(1);
        assert!(!validator.is_valid(&export), "{map} with a colour");
    }
}

/// The same things have the same keys in the same order, all over the file.
#[test]
fn order_of_keys() {
    fn walk(value: &Value, path: &str, seen: &mut BTreeMap<String, Vec<String>>) {
        match value {
            Value::Array(list) => list.iter().for_each(|item| walk(item, path, seen)),
            Value::Object(map) => {
                let keys: Vec<_> = map.keys().cloned().collect();
                // Those have keys of their own for each kind.
                if !(path.ends_with(".checks") && map.contains_key("check")) {
                    let first = seen.entry(path.into()).or_insert_with(|| keys.clone());
                    assert_eq!(*first, keys, "{path}");
                }
                for (key, value) in map {
                    walk(value, &format!("{path}.{key}"), seen);
                }
            }
            _ => {}
        }
    }
    let mut seen = BTreeMap::new();
    walk(&read("registry.json"), "", &mut seen);
    assert!(seen.len() > 50);
}
