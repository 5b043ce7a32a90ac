// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What is published stays: every class of change, refused once.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{each, source, Tree, CONTAINER, ENVELOPE, INDEX, PROFILE, TUPLES};
use serde_json::Value;
use std::fs;

/// Versions 1 and 2 are what the tests take for published, whatever they are at the moment.
const PUBLISHED: &str = r#"versions/0/status = "published"; versions/1/status = "published""#;

/// A third version with a section and a feature.
const THIRD: &str = r#"
    versions/1 copy {"version": 3, "status": "draft"};
    features/0 copy {"bit": 1, "name": "more", "introduced": 3};
    sections/statistics copy {"type": 65544, "name": "more-statistics", "introduced": 3}
"#;

/// What names sections, which the tests rename and remove.
const NAMES: &str = "contract/registers = []; contract/messages = []";

/// Publishes the first revision and starts the second one.
fn publish(tree: &Tree) {
    tree.edit(PROFILE, PUBLISHED);
    tree.edit(PROFILE, NAMES);
    tree.publish();
    tree.edit(INDEX, "revision = 2");
}

fn frozen(name: &str, file: &str, cases: &str) {
    each(name, cases, |tree, edits, words| {
        publish(&tree);
        tree.edit(file, edits);
        tree.refused("published/1.json", words);
    });
}

fn allowed(name: &str, file: &str, edits: &str) {
    let tree = Tree::new(name);
    publish(&tree);
    tree.edit(file, edits);
    tree.accepted();
}

#[test]
fn container() {
    let cases = r#"
        major = 2 => : container.major: was 1, is 2
        constants/sections-max/value = 65 => : container.constants[sections-max].value: was 64, is 65
        constants/sections-max/type = "u64" => : container.constants[sections-max].type: was "u32", is "u64"
        constants/sections-max/unit = "items" => : container.constants[sections-max].unit: was "sections"
        type-ranges/vendor/last = 2164260862 => : container.type-ranges[vendor].last: was
        section-flags/cont/name = "more" => : container.section-flags[cont].name: was "cont", is "more"
        section-flags/cont/bit = 3 => : container.section-flags[cont]: was renumbered: bit was 2, is 3
        sections/feature-names/type = 6 => : container.sections[feature-names]: was renumbered: type was 5, is 6
        sections/text/content = "ascii" => : container.sections[text].content: was "utf-8", is "ascii"
        sections/text/flags = ["critical"] => : container.sections[text].flags: was [], is ["critical"]
        attributes/provider-os/key = 69 => : container.attributes[provider-os]: was renumbered: key was 68, is 69
        attributes/provider-os - => : container.attributes[provider-os]: has vanished
        attributes/policy-digest/must = true => : container.attributes[policy-digest].must: was false
        rules/ignore/id = 7 => : container.rules[ignore]: was renumbered: id was 6, is 7
        policy-actions/warn/name = "report" => : container.policy-actions[warn].name: was "warn"
        errors/Io/number = 6 => : container.errors[Io]: was renumbered: number was 5, is 6
        structures/end/fields/total/name = "bytes" => : container.structures[end].fields[total]: has vanished
        structures/end/fields/total/unit - => : container.structures[end].fields[total].unit: was "bytes", is null
        structures/presented/fields/flags/flags + {"bit": 1, "name": "a", "doc": "b"} => : container.structures[presented].fields[flags].flags[a]: was added to what
    "#;
    frozen("container", CONTAINER, cases);
    let more = r#"
        minor = 1;
        attributes/provider-os copy {"key": 69, "name": "provider-serial"};
        rules + {"id": 7, "name": "any-of", "doc": "one bit in common"};
        structures/end/fields/total/doc = "Said better."
    "#;
    allowed("container-grows", CONTAINER, more);
}

#[test]
fn envelope() {
    let cases = r#"
        name = "parcel" => : envelope.name: was "envelope", is "parcel"
        uuid = "00000000-0000-4000-8000-000000000001" => : envelope.uuid: was
        stream-max = 134217728 => : envelope.stream-max: was 67108864, is 134217728
        section/type = 65538 => : envelope.section.type: was 65537, is 65538
        section/length-max = 1048576 => : envelope.section.length-max: was 65011712, is 1048576
    "#;
    frozen("envelope", ENVELOPE, cases);
    allowed("envelope-said-better", ENVELOPE, r#"doc = "Said better.""#);
}

#[test]
fn profile() {
    let cases = r#"
        uuid = "00000000-0000-4000-8000-000000000001" => .uuid: was
        identity/revision/rule = "any" => .identity.revision.rule: was "equal", is "any"
        stream-max = 65544 => .stream-max: was 65536, is 65544
        floor = 2 => .floor: was 1, is 2
        contract/bars/0/size = 32768 => .contract.bars[0].size: was 16384, is 32768
        versions/1/min-reader = 2 => .versions[2].min-reader: was 1, is 2
        versions/1/status = "draft" => .versions[2].status: was "published", is "draft"
        features/0/bit = 1 => .features[unicast-filters]: was renumbered: bit was 0, is 1
        features/0/required = false; sections/unicast/critical = false => .features[unicast-filters].required: was true, is false
        limits/rx-queues/value = 3 => .limits[rx-queues].value: was 2, is 3
        limits/rx-queues/rule = "equal" => .limits[rx-queues].rule: was "le", is "equal"
        limits/msix-vectors/id = 4 => .limits[msix-vectors]: was renumbered: id was 3, is 4
        limits/msix-vectors -; reserved/limits = [3] => .limits[msix-vectors]: has vanished, although
        sections/unicast/type = 65544 => .sections[unicast]: was renumbered: type was 65543, is 65544
        sections/unicast/name = "unicast-list" => .sections[unicast].name: was "unicast", is "unicast-list"
        sections/statistics/introduced = 1 => .sections[statistics].introduced: was 2, is 1
        sections/unicast/omit-if-zero = false => .sections[unicast].omit-if-zero: was true, is false
        sections/statistics -; reserved/types = [65542] => .sections[statistics]: has vanished, although
        sections/filters/fields/max-frame/max = 9729 => .sections[filters].fields[max-frame].max: was 9728, is 9729
        sections/rx-queue/fields/rxctl/max = 9 => .sections[rx-queue].fields[rxctl].max: was null, is 9
        sections/filters/fields/flags/flags/vlan-strip - => .sections[filters].fields[flags].flags[vlan-strip]: has vanished
        sections/filters/checks/4/max-set = 32 => .sections[filters].checks: was [
        sections/statistics copy {"type": 65544, "name": "more-statistics"} => .sections[more-statistics]: was added to version 2, which is published
        features/0 copy {"bit": 1, "name": "more"} => .features[more]: was added to version 2, which is published
    "#;
    each("profile", cases, |tree, edits, words| {
        publish(&tree);
        tree.edit(PROFILE, edits);
        let start = "published/1.json: profiles[vf.net.igbvf-82576]";
        tree.refused(start, words);
    });
    let tree = Tree::new("version-gone");
    publish(&tree);
    tree.edit(
        PROFILE,
        "versions/1 -; sections/unicast -; sections/statistics -; features/0 -",
    );
    tree.edit(
        TUPLES,
        "tuples/0/versions = [1]; tuples/1/versions = [1]; software = []",
    );
    tree.refused(
        "published/1.json: profiles[vf.net.igbvf-82576].versions[2]",
        "has vanished",
    );
    let tree = Tree::new("profile-gone");
    publish(&tree);
    tree.edit(INDEX, "profiles = []");
    tree.edit(TUPLES, "tuples = []; software = []; device-quirks = []");
    tree.refused(
        "published/1.json: profiles[vf.net.igbvf-82576]",
        "has vanished",
    );
}

/// What a contract had left open may be said later, and then stays.
#[test]
fn contract() {
    let tree = Tree::new("contract-later");
    let later = ["capability-list", "clauses", "messages", "registers"];
    tree.edit(PROFILE, PUBLISHED);
    tree.publish();
    // As revision 1 was, which had no such keys.
    let published = tree.registry().join("published/1.json");
    let text = fs::read_to_string(&published).unwrap();
    let mut export: Value = serde_json::from_str(&text).unwrap();
    let contract = &mut export["profiles"][0]["contract"];
    let contract = contract.as_object_mut().unwrap();
    contract.retain(|key, _| !later.contains(&key.as_str()));
    fs::write(published, export.to_string()).unwrap();
    tree.edit(INDEX, "revision = 2");
    tree.publish();
    tree.edit(INDEX, "revision = 3");
    let start = "published/2.json: profiles[vf.net.igbvf-82576].contract";
    for (edit, words) in [
        (
            "registers/RDT/fields = [\"tx-queue.tdt\"]",
            "registers[RDT].fields: \"rx-queue.rdt\" has vanished",
        ),
        (
            "registers/RDT/stride = 4",
            "registers[RDT].stride: was 256, is 4",
        ),
        (
            "messages/VF_RESET/type = 7",
            "messages[VF_RESET].type: was 1, is 7",
        ),
        ("clauses/access -", "clauses[access]: has vanished"),
        ("registers/TDT -", "registers[TDT]: has vanished"),
        (
            "capability-list/MSI-X/offset = 80",
            "capability-list[MSI-X].offset: was 112, is 80",
        ),
    ] {
        tree.edit(PROFILE, &format!("contract/{edit}"));
        tree.refused(start, words);
    }
    fs::copy(source(PROFILE), tree.registry().join(PROFILE)).unwrap();
    let more = r#"contract/registers/STATUS copy {"name": "MORE", "offset": 12};
        contract/registers/RQDPC/fields = ["rx-queue.rdh"]"#;
    tree.edit(PROFILE, more);
    tree.accepted();
}

#[test]
fn profile_may_grow() {
    let third = format!(r#"{THIRD}; versions/2/status = "published""#);
    allowed("third", PROFILE, &third);
    let words = r#"doc = "Said better."; sections/filters/fields/mac/spec = "elsewhere""#;
    allowed("words", PROFILE, words);
}

#[test]
fn drafts_may_change() {
    let draft = |name: &str| {
        let tree = Tree::new(name);
        tree.edit(PROFILE, THIRD);
        publish(&tree);
        tree
    };
    let tree = draft("draft-changes");
    tree.edit(PROFILE, "sections/more-statistics/fields/gprc/max = 7");
    tree.edit(PROFILE, r#"versions/2/status = "published""#);
    tree.accepted();

    let tree = draft("draft-gone");
    tree.edit(
        PROFILE,
        "sections/more-statistics -; features/more -; versions/2 -",
    );
    tree.refused(
        "published/1.json",
        "its number 65544 has to be in reserved.types",
    );
    tree.refused(
        "published/1.json",
        "its number 1 has to be in reserved.bits",
    );
    tree.edit(
        PROFILE,
        r#"reserved = {"types": [65544], "bits": [1], "limits": []}"#,
    );
    tree.accepted();

    let tree = draft("draft-renamed");
    tree.edit(
        PROFILE,
        r#"sections/more-statistics/name = "less-statistics""#,
    );
    tree.refused("published/1.json", ".sections[more-statistics].name: was");
}

#[test]
fn draft_profile() {
    let tree = Tree::new("draft-profile");
    tree.edit(
        PROFILE,
        r#"versions/0/status = "draft"; versions/1/status = "draft""#,
    );
    tree.publish();
    tree.edit(INDEX, "revision = 2");
    tree.edit(
        PROFILE,
        "limits/rx-queues/value = 3; sections/filters/fields/max-frame/max = 9999",
    );
    tree.accepted();
}

#[test]
fn reserved_stays_reserved() {
    let tree = Tree::new("reserved");
    tree.edit(PROFILE, "reserved/types = [65792]");
    publish(&tree);
    tree.edit(PROFILE, "reserved/types = []");
    tree.refused("published/1.json", ".reserved.types: 65792 has vanished");
}

#[test]
fn tuples() {
    let cases = r#"
        tuples/1 -; software = [] => : tuples[Intel 82576]: has vanished
        tuples/0/versions = [1] => : tuples[QEMU's model of the 82576].versions: 2 has vanished
        software/igbvf_mdev/versions = [2] => : software[igbvf_mdev].versions: 1 has vanished
        software/igbvf_mdev/tuples = ["Intel 82576"] => : software[igbvf_mdev].tuples: "QEMU's model of the 82576" has vanished
        tuples/0/presented/subdevice = 1 => : tuples[QEMU's model of the 82576].presented.subdevice: was
    "#;
    frozen("tuples", TUPLES, cases);
    let better = r#"tuples/1/status = "tested"; tuples/1/evidence = "somebody had one""#;
    allowed("tuple-better", TUPLES, better);
}

#[test]
fn revisions() {
    let tree = Tree::new("revisions");
    publish(&tree);
    tree.edit(INDEX, "revision = 4");
    tree.refused(
        "registry.yaml",
        ": revision: 4, but the newest in published is 1",
    );
    tree.edit(INDEX, "revision = 1");
    tree.accepted();
    let run = tree.run(&["publish"]);
    assert_eq!(run.code, Some(4));
    assert!(run.stderr.contains("is there already"), "{}", run.stderr);

    let tree = Tree::new("same-revision");
    publish(&tree);
    tree.edit(INDEX, "revision = 1");
    tree.edit(PROFILE, THIRD);
    tree.refused(
        "registry.yaml",
        ": revision: 1 is published and the registry is not as it was",
    );
    tree.edit(INDEX, "revision = 2");
    tree.publish();
    assert!(tree.registry().join("published/2.json").exists());

    let tree = Tree::new("first-revision");
    tree.edit(INDEX, "revision = 2");
    tree.refused(
        "registry.yaml",
        ": revision: 2, but the newest in published is 0",
    );
}
