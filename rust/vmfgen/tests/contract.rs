// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The contract of the profile against its sections, and against a driver that was written by hand.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{source, PROFILE};
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

fn profile() -> Value {
    let text = fs::read_to_string(source(PROFILE)).unwrap();
    serde_norway::from_str(&text).unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// The same register, with and without what the specification of the VF puts in front.
fn same(register: &str, name: &str) -> bool {
    let plain = |prefix| register.strip_prefix(prefix) == Some(name);
    register == name || plain("V") || plain("VT")
}

#[test]
fn registers_are_those_of_the_driver() {
    let profile = profile();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../igbvf/regs.rs");
    let driver = fs::read_to_string(source).unwrap();
    let mut found = 0;
    for line in driver.lines() {
        // As in: pub(crate) RDT(u32)[QUEUES, stride = 0x100] @ 0x2818 {
        let Some((head, offset)) = line.split_once(" @ 0x") else {
            continue;
        };
        let (name, array) = head.split_once("(u32)").unwrap();
        let name = name.rsplit(' ').next().unwrap();
        let offset = u64::from_str_radix(offset.trim_end_matches(" {"), 16).unwrap();
        let register =
            list(&profile["contract"], "registers").find(|r| same(text(r, "name"), name));
        let register = register.unwrap_or_else(|| panic!("{name} is not in the registry"));
        assert_eq!(register["offset"], offset, "{name}");
        assert_eq!(
            register["stride"] == 0x100,
            array.contains("0x100"),
            "{name}"
        );
        found += 1;
    }
    assert!(found > 30, "{found}");
}

/// Whoever implements a device knows where each field comes from.
#[test]
fn every_field_has_its_place() {
    let profile = profile();
    let contract = &profile["contract"];
    let named: BTreeSet<_> = list(contract, "registers")
        .chain(list(contract, "messages"))
        .flat_map(|one| list(one, "fields"))
        .filter_map(Value::as_str)
        .collect();
    for section in list(&profile, "sections") {
        let name = text(section, "name");
        for field in list(section, "fields").map(|field| text(field, "name")) {
            let field = format!("{name}.{field}");
            assert!(
                field.ends_with(".reserved") || named.contains(field.as_str()),
                "{field}"
            );
        }
    }
}
