// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Formats of others: every rule broken once, what may change, and what is exported.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{at, each, foreign, source, Tree, INDEX};
use serde_json::{json, Value};
use std::fs;

const HISI: &str = "foreign/hisi-acc.yaml";
const IGB: &str = "foreign/igb-vfio-pci.yaml";
const MLX5: &str = "foreign/mlx5.yaml";
const MTTY: &str = "foreign/mtty.yaml";
const QAT: &str = "foreign/qat.yaml";
const XE: &str = "foreign/xe.yaml";

fn refused(name: &str, file: &str, cases: &str) {
    each(name, cases, |tree, edits, words| {
        let tree = tree.with_foreign(&[file]);
        tree.edit(file, edits);
        tree.refused(file, words);
    });
}

#[test]
fn shape() {
    let cases = r#"
        checks/tag/evidence = [] => : checks[tag].evidence: [] has less than 1 item
        checks/tag/evidence/0/function - => : checks[tag].evidence[0]: "function" is a required property
        checks/tag/evidence/0/file = "/usr/include" => : checks[tag].evidence[0].file: "/usr/include" does not match
        checks/tag/then = "maybe" => : checks[tag].then: "maybe" is not one of
        structures/record-header/fields/tag/type = "u32" => : structures[record-header].fields[tag].type: "u32"
        formats/images/stream/image/content = "blob" => : formats[images].stream[image].content: "blob"
        properties/version/value = "some forty characters and a bit, so too long" => : properties[version].value:
        checks/image/errno = "firmware" => : checks[image].errno: "firmware" does not match
    "#;
    refused("shape", MLX5, cases);
}

#[test]
fn entry() {
    let cases = r#"
        name = "mlx" => : name: mlx is not the name of the file
        ids/devices = [] => : ids: there is no device
        ids/devices/0 copy {} => : ids: device 15b3:101e is used twice
        checks/tag/name = "image" => : checks: name image is used twice
        features/p2p - => : features: P2P is missing
        features/p2p copy {} => : features: name P2P is used twice
        properties/early - => : properties: checked early is missing
        properties/early copy {} => : properties: name checked early is used twice
        formats/images/recognise/fields = [{"offset": 0, "type": "u8", "value": 1}] => : formats[images].recognise: there are fields, so
        formats/records/recognise/fields = [] => : formats[records].recognise: there are no fields
        formats/records/recognise/fields/1/value = 4294967296 => : formats[records].recognise.fields[8]: 0x100000000 does not fit into le32
        formats/records/recognise/fields/1/type = "u8[4]" => : formats[records].recognise.fields[8]: u8[4] is no integer
        releases/0/release = "7.3.4" => : releases: release 7.3.4 is used twice
        releases/3/writes = "packets" => : releases: 7.3.4: there is no format packets
        releases/3/reads = ["packets"] => : releases: 7.3.4: there is no format packets
        releases/0 - => : releases: no release writes or reads images
        release = "7.4" => : release: 7.4 is not in the list of releases
        checks/tag/evidence/0/release = "7.4" => : evidence: 7.4 is not in the list of releases
    "#;
    refused("entry", MLX5, cases);
    refused(
        "types",
        MTTY,
        "ids/mdev-types/mtty-2/name = \"mtty-1\" => : ids: type mtty-1 is used twice",
    );
    refused(
        "same-here",
        HISI,
        "formats/v1/recognise/fields/0/value = 12307492179295264478 => : formats[v2].recognise: the same as v1",
    );
    let tree = Tree::new("same-there").with_foreign(&[MTTY, QAT]);
    let magic = r#"[{"offset": 0, "type": "ne64", "value": 9123458906490547278}]"#;
    tree.edit(QAT, &format!("formats/sections/recognise/fields = {magic}"));
    tree.refused(
        QAT,
        ": formats[sections].recognise: the same as structure of mtty",
    );
}

#[test]
fn streams() {
    let cases = r#"
        formats/v1/name = "v2" => : formats: name v2 is used twice
        formats/v2/stream/state/name = "match" => : formats[v2].stream: name match is used twice
        formats/v2/stream/match/tag = 1 => : formats[v2].stream.match: a stream has no tags
        formats/v2/stream/match/optional = true; formats/v2/stream/state/optional = false => : formats[v2].stream.state: has to be optional, as match
        formats/v2/stream/match/count = "rest" => : formats[v2].stream.state: nothing is left for it, match takes
        formats/v2/stream/match/content = "structure half" => : formats[v2].stream.match.content: there is no structure half
        formats/v2/stream/match/content = "records half" => : formats[v2].stream.match.content: there are no records half
        formats/v2/stream/match/known-by = "me" => : formats[v2].stream.match.known-by: has to be with what is opaque
        formats/v2/stream/state/content = "opaque" => : formats[v2].stream.state.known-by: has to be with what is opaque
        formats/v2/stream/state/content = "padding"; formats/v2/stream/state/count = 2 => : formats[v2].stream.state.count: says nothing about what is padding
        formats/v2/stream/state/count = "match.number" => : formats[v2].stream.state.count: there is no integer match.number
        formats/v2/stream/state/count = "match.reserved" => : formats[v2].stream.state.count: there is no integer match.reserved
        formats/v2/stream/match/count = "state.page-size" => : formats[v2].stream.match.count: there is no integer state.page-size
    "#;
    refused("streams", HISI, cases);
}

#[test]
fn records() {
    let cases = r#"
        records/klv/name = "packet" => : records: name packet is used twice
        records/klv/header = "head" => : records[klv].header: there is no structure head
        records/packet/length/field = "len" => : records[packet].length.field: there is no integer len in packet-header
        records/packet/header-length = {"field": "len"} => : records[packet].header-length.field: there is no integer len
        records/klv/length/width = 33 => : records[klv].length: head has only 32 bits
        records/klv/tag/width = 17 => : records[klv].tag: head has only 32 bits
        records/packet/tag/shift = 8 => : records[packet].tag: type has only 8 bits
        records/packet/payloads/vram/name = "guc" => : records[packet].payloads: name guc is used twice
        records/packet/payloads/vram/tag = 5 => : records[packet].payloads: tag 0x5 is used twice
        records/packet/payloads/vram/tag = 256 => : records[packet].payloads.vram: tag 0x100 does not fit into 8 bits
        records/packet/payloads/vram/tag = "VRAM" => : records[packet].payloads.vram: the tag is not of the kind
        records/packet/payloads/vram/tag - => : records[packet].payloads.vram: has no tag
        records/packet/payloads/vram/optional = true => : records[packet].payloads.vram.optional: a payload is there
        records/packet/payloads/vram/known-by - => : records[packet].payloads.vram.known-by: has to be with
        records/packet/payloads/descriptor/content = "records kvl" => : records[packet].payloads.descriptor.content: there are no records kvl
        records/packet/end = 3 => : records[packet].end: there is no empty payload with tag 0x3
        records/packet/end = 9 => : records[packet].end: there is no empty payload with tag 0x9
        records/packet/unknown - => : records[packet].unknown: has to be with records that have tags
        records/packet/payloads/descriptor/content = "opaque"; records/packet/payloads/descriptor/count = 1; records/packet/payloads/descriptor/known-by = "me" => : records[klv]: nothing is made of it
    "#;
    refused("records", XE, cases);
    let cases = r#"
        records/bank-section/payloads/registers/tag = "registers" => : records[bank-section].payloads.registers: registers is longer than the 8 bytes of id
        records/bank-section/payloads/registers/tag = 1 => : records[bank-section].payloads.registers: the tag is not of the kind
        records/bank-section/tag/width = 8 => : records[bank-section].tag: a text has no bits
        records/bank-section/tag/field = "name" => : records[bank-section].tag.field: there is no integer name
        records/setup-block/payloads/sections/tag = "one" => : records[setup-block].payloads: without a tag in the header
        records/setup-block/payloads/sections copy {"name": "more"} => : records[setup-block].payloads: without a tag in the header
        records/setup-block/end = 1 => : records[setup-block].end: without a tag there is none
        records/setup-block/unknown = "dropped" => : records[setup-block].unknown: has to be with
    "#;
    refused("sections", QAT, cases);
}

#[test]
fn structures() {
    let cases = r#"
        structures/ring/name = "preamble" => : structures: name preamble is used twice
        structures/ring copy {"name": "spare"} => : structures[spare]: nothing is made of it
        structures/ring/fields/tail/name = "head" => : structures[ring].fields: name head is used twice
        structures/ring/fields/head/offset = 10 => : structures[ring].fields[head].offset: 10 overlaps the field before, which ends at 12
        structures/ring/fields/head/offset = 13 => : structures[ring].fields[head].offset: 13 leaves a gap, the field before ends at 12
        structures/ring/length = 20 => : structures[ring].length: 20, but the last field ends at 24
        structures/ring/fields/tail/type = "structure bank-state" => : structures[ring].fields[tail].type: structure bank-state: there is no such structure before
        structures/bank-state/fields/rings/type = "structure rung[16]" => : structures[bank-state].fields[rings].type: structure rung[16]: there is no such structure
        structures/ring/fields/tail/doc - => : structures[ring].fields[tail]: doc is missing
        structures/rate-limit/fields/srv/values/sym/value = 0 => : structures[rate-limit].fields[srv].values: value 0 is used twice
        structures/rate-limit/fields/srv/values/sym/name = "asym" => : structures[rate-limit].fields[srv].values: name asym is used twice
        structures/rate-limit/fields/srv/values/sym/value = 4294967296 => : structures[rate-limit].fields[srv].values: 0x100000000 does not fit
        structures/section-header/fields/id/bits = [{"bit": 0, "name": "a", "doc": "b"}] => : structures[section-header].fields[id]: bits and values of char[8] have no meaning
        structures/ring/fields/tail/bits = [{"bit": 32, "name": "a", "doc": "b"}] => : structures[ring].fields[tail].bits: bit 32 of a is beyond u32
    "#;
    refused("structures", QAT, cases);
    let cases = r#"
        structures/blob/fields/ra/used = "number" => : structures[blob].fields[ra].used: there is no integer number before
        structures/blob/fields/ra/used = "num-tx-ctx" => : structures[blob].fields[ra].used: there is no integer num-tx-ctx before
        structures/blob/fields/vfre/used = "num-ra" => : structures[blob].fields[vfre].used: there is no integer num-ra before this array
    "#;
    refused("in-use", IGB, cases);
}

/// What is made for programs leads to something, and says something of it.
#[test]
fn rules() {
    let cases = r#"
        checks/magic/rules/0/formats = ["v3"] => : checks[magic].rules[0].formats: there is no format v3
        checks/magic/rules/0/of = "match.magic" => : checks[magic].rules[0].match.magic: there is nothing of that name
        checks/magic/rules/0/of = "match.acc-magic.low" => : checks[magic].rules[0].match.acc-magic.low: there is nothing
        checks/magic/rules/0/of = "match" => : checks[magic].rules[0].match: is no integer
        checks/magic/rules/0/fits = "match" => : checks[magic].rules[0]:
        checks/device/rules/0/destination - => : checks[device].rules[0].match.dev-id: is compared with nothing
        checks/device/rules/0 = {"whole": "match", "at-most": 3} => : checks[device].rules[0]: there is nothing to compare
        checks/device/rules/0 = {"known-tags": "match"} => : checks[device].rules[0].match: is not made of records
        checks/device/rules/0/unless = {"field": "tag", "bit": 1} => : checks[device].rules[0].match.dev-id.unless: has to be with known-tags
        checks/device/rules/0/key = ["dev-id"] => : checks[device].rules[0]: key has to be with what is listed
        checks/device/rules/0/destination = "higher" => : checks[device].rules[0]
        checks/complete/rules/0/required = true => : checks[complete].rules[0]: the length is compared with a number
        checks/complete/rules/0/one-of - => : checks[complete].rules[0]: the length is compared with a number
    "#;
    refused("rules", HISI, cases);
    let cases = r#"
        checks/rate-limits/rules/0/key/0 = "service" => : checks[rate-limits].rules[0].state.sections.general.rate-limits.service: there is no such integer
        checks/rate-limits/rules/0/key - => : checks[rate-limits].rules[0]: key has to be with
        checks/capabilities/rules/0/of = "setup.config.capabilities" => : checks[capabilities].rules[0].setup.config.capabilities: there is nothing
        checks/capabilities/rules/0 = {"known-tags": "setup"} => : checks[capabilities].rules[0].setup: has no tags
    "#;
    refused("listed", QAT, cases);
    refused(
        "unless",
        MLX5,
        "checks/tag/rules/0/unless/bit = 32 => : checks[tag].rules[0].records.unless: there is no such bit",
    );
}

/// A key that the schema has got, and the generator not, is not left out in silence.
#[test]
fn every_key_is_known() {
    let tree = Tree::new("keys").with_foreign(&[MTTY]);
    let places = [
        ("properties", "colour"),
        (
            "properties/structures/items/properties",
            "structures/port/colour",
        ),
        (
            "properties/structures/items/properties/fields/items/properties",
            "structures/port/fields/fcr/colour",
        ),
    ];
    for (place, key) in places {
        tree.edit(
            "schema.yaml",
            &format!("$defs/foreign/{place}/colour = {{}}"),
        );
        tree.edit(MTTY, &format!("{key} = 1"));
        let run = tree.run(&[]);
        let words = "not as this version of vmfgen knows it: nothing would become of colour";
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert_eq!(run.code, Some(4));
        tree.edit(MTTY, &format!("{key} -"));
        tree.accepted();
    }
}

/// What is known of others may be mended, but whoever refers to an entry finds it.
#[test]
fn names_stay() {
    let tree = Tree::new("names").with_foreign(&[HISI, MTTY]);
    tree.publish();
    let published = tree.registry().join("published/1.json");
    let published = fs::read_to_string(published).unwrap();
    let published: Value = serde_json::from_str(&published).unwrap();
    assert_eq!(published["foreign"][0], json!({"name": "hisi-acc"}));

    tree.edit(
        MTTY,
        "checks/length/errno = \"EFBIG\"; structures/port/fields/fcr/name = \"fifo-control\"",
    );
    tree.accepted();
    tree.edit(MTTY, "retired = \"The sample is gone.\"");
    tree.accepted();
    tree.edit(INDEX, "foreign/1 -");
    let run = tree.run(&[]);
    let words = "published/1.json: foreign[mtty]: has vanished";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    assert_eq!(run.code, Some(3));
}

#[test]
fn export() {
    let tree = Tree::new("export").with_foreign(&[MTTY, QAT, XE]);
    tree.accepted();
    let text = fs::read_to_string(tree.registry().join("registry.json")).unwrap();
    let mut export: Value = serde_json::from_str(&text).unwrap();
    let rings = at(
        &mut export,
        "foreign/qat/structures/bank-state/fields/rings",
    );
    assert_eq!(rings["type"], "structure ring");
    assert_eq!(rings["count"], 16);
    assert_eq!(rings["size"], 384);
    let length = at(&mut export, "foreign/xe/records/klv/length");
    assert_eq!(
        *length,
        json!({"field": "head", "shift": 0, "width": 16, "times": 4})
    );
    let run = at(&mut export, "foreign/mtty/formats/structure/stream/header");
    assert_eq!(run["count"], 1);
    assert_eq!(run["optional"], false);
}

/// A file that is not in the index would be shown nowhere.
#[test]
fn every_file_is_listed() {
    let files = fs::read_dir(source("foreign")).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.map(|name| format!("foreign/{name}")).collect();
    names.sort();
    assert_eq!(names, foreign());
}
