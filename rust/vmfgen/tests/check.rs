// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfgen check`: contributions that are wrong, each refused for its own reason and for no other.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{each, source, Tree, INDEX, PROFILE, TUPLES};
use std::fs;

const MTTY: &str = "foreign/mtty.yaml";
const PDS: &str = "foreign/pds.yaml";

/// A registry with formats of others, from which everything was generated.
fn good(tree: Tree) -> Tree {
    let tree = tree.with_foreign(&[MTTY, PDS]);
    tree.accepted();
    checked(&tree, &[], &[]);
    tree
}

/// Requires that `check` says these lines, as they start and go on, and no others.
fn checked(tree: &Tree, args: &[&str], lines: &[(&str, &str)]) {
    let args: Vec<_> = ["check"].iter().chain(args).copied().collect();
    let run = tree.run(&args);
    assert_eq!(
        run.code,
        Some(i32::from(!lines.is_empty())),
        "{}{}",
        run.stdout,
        run.stderr
    );
    assert_eq!(run.stdout.lines().count(), lines.len(), "{}", run.stdout);
    for (line, (start, words)) in run.stdout.lines().zip(lines) {
        assert!(
            line.starts_with(start) && line.contains(words),
            "{line}: {start} ... {words}"
        );
    }
}

fn refused(name: &str, file: &str, cases: &str) {
    each(name, cases, |tree, edits, words| {
        let tree = good(tree);
        tree.edit(file, edits);
        checked(&tree, &[], &[(file, words)]);
    });
}

#[test]
fn formats_of_others() {
    let cases = r#"
        checks/length/evidence - => : checks[length]: "evidence" is a required property
        offered/0/evidence = [] => : offered[0].evidence: [] has less than 1 item
        properties/early/evidence/0/file = "/home/me/mtty.c" => : properties[early].evidence[0].file: "/home/me/mtty.c"
        releases/0/evidence/0/release = "6.0" => : evidence: 6.0 is not in the list of releases
        formats/structure/stream/ports/count = "header.ports" => : formats[structure].stream.ports.count: there is no integer header.ports
        checks/length/name = "Length" => : checks[Length].name: "Length" does not match
        structures/port/fields/fcr/type = "i32" => : structures[port].fields[fcr].type: "i32" does not match
        name = "tty" => : name: tty is not the name of the file
        author = "me" => Additional properties are not allowed ('author'
    "#;
    refused("others", MTTY, cases);
}

#[test]
fn own() {
    let cases = r#"
        name = "vf.net.another" => : name: vf.net.another is not the name of the file
        sections/tx-queue/type = 65537 => : sections: type 65537 is used twice
        sections/unicast/feature = "magic" => : sections[unicast].feature: there is no feature magic
        uuid = "58bc0add-fe7f-10a8-a167-bafa521ab699" => : uuid: "58bc0add-fe7f-10a8
    "#;
    each("own", cases, |tree, edits, words| {
        let tree = good(tree);
        // So that it is about nothing but the profile.
        tree.edit(TUPLES, "tuples = []; software = []; device-quirks = []");
        tree.accepted();
        tree.edit(PROFILE, edits);
        checked(&tree, &[], &[(PROFILE, words)]);
    });
    let cases = r#"
        tuples/0/evidence = "" => : tuples[QEMU's model of the 82576].evidence: "" is shorter than 1
        tuples/0/status = "works" => : tuples[QEMU's model of the 82576].status: "works" is not one of
        tuples/1/versions = [9] => : tuples[Intel 82576].versions: vf.net.igbvf-82576 has no version 9
    "#;
    refused("tuples", TUPLES, cases);
    let cases = r#"
        foreign = ["foreign/pds.yaml", "foreign/mtty.yaml"] => : foreign: foreign/mtty.yaml stands behind foreign/pds.yaml
        foreign + "foreign/pds.yaml" => : foreign: ["foreign/mtty.yaml","foreign/pds.yaml","foreign/pds.yaml"] has non-unique
        revision = 7 => : revision: 7, but the newest in published is 0
    "#;
    refused("index", INDEX, cases);
}

#[test]
fn files() {
    let tree = good(Tree::new("files"));
    tree.edit(INDEX, "foreign + \"foreign/qat.yaml\"");
    let qat = "foreign/qat.yaml";
    checked(&tree, &[], &[(qat, ": belongs here, and is not there")]);
    tree.edit(INDEX, "foreign/2 -");

    // What is contributed is looked at before it is listed.
    fs::copy(source(qat), tree.registry().join(qat)).unwrap();
    checked(&tree, &[], &[(qat, ": is not in foreign of registry.yaml")]);
    tree.edit(qat, "title -");
    let words = ": \"title\" is a required property";
    let lines = [(qat, ": is not in foreign"), (qat, words)];
    checked(&tree, &[], &lines);
    // And of several files those that were asked for.
    tree.edit(PDS, "title -");
    checked(&tree, &[PDS], &[(PDS, words)]);
    checked(&tree, &[MTTY, TUPLES], &[]);
    let below = format!("Documentation/registry/{PDS}");
    checked(&tree, &[&below], &[(PDS, words)]);
    let run = tree.run(&["check", "foreign/none.yaml"]);
    assert_eq!(run.code, Some(4));
    assert!(
        run.stderr.contains("cannot read foreign/none.yaml"),
        "{}",
        run.stderr
    );
}

#[test]
fn licence() {
    let tree = good(Tree::new("licence"));
    let path = tree.registry().join(MTTY);
    let text = fs::read_to_string(&path).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    let words = ": the first line has to be \"# SPDX-License-Identifier: ((GPL-2.0 WITH";
    for first in ["", "# SPDX-License-Identifier: GPL-2.0\n"] {
        fs::write(&path, format!("{first}{rest}")).unwrap();
        checked(&tree, &[], &[(MTTY, words)]);
    }
}

#[test]
fn no_yaml() {
    let tree = good(Tree::new("no-yaml"));
    let path = tree.registry().join(TUPLES);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "doc: twice\n").unwrap();
    checked(&tree, &[], &[(TUPLES, ": no valid YAML: ")]);
}

#[test]
fn stale() {
    let tree = good(Tree::new("stale"));
    tree.edit(MTTY, "title = \"Another title\"");
    let chapter = "Documentation/userspace-api/vmf-foreign/mtty.rst";
    let export = "Documentation/registry/registry.json";
    let write = ": stale: vmfgen without a command writes it";
    checked(&tree, &[], &[(export, write), (chapter, write)]);
    checked(&tree, &[MTTY], &[]);
    tree.accepted();
    checked(&tree, &[], &[]);
}

#[test]
fn published() {
    let tree = good(Tree::new("published"));
    tree.publish();
    tree.edit(INDEX, "revision = 2");
    tree.accepted();
    checked(&tree, &[], &[]);
    tree.edit(TUPLES, "tuples/1 -; software = []");
    let words = [
        ": tuples[Intel 82576]: has vanished",
        ": software[igbvf_mdev]: has vanished",
    ];
    checked(&tree, &[], &words.map(|words| ("published/1.json", words)));
}
