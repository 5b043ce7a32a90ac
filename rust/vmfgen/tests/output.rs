// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What is written, and how `--check` sees it.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{at, foreign, Tree, PROFILE};
use serde_json::{json, Value};
use std::{collections::BTreeMap, fs, path::Path};

const HEADER: &str = "include/uapi/linux/vmf.h";
const EXPORT: &str = "Documentation/registry/registry.json";
const TABLES: &str = "Documentation/userspace-api/vmf-tables";
const CHAPTERS: &str = "Documentation/userspace-api/vmf-foreign";

/// All files below `dir` but those of the registry itself.
fn files(dir: &Path) -> BTreeMap<String, String> {
    fn walk(dir: &Path, top: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, top, found);
            } else if path.extension().is_none_or(|extension| extension != "yaml") {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(dir, dir, &mut found);
    found
}

#[test]
fn marked_and_deterministic() {
    let tree = |name| Tree::new(name).with_foreign(&foreign());
    let (one, two) = (tree("one"), tree("two"));
    one.accepted();
    two.accepted();
    let found = files(&one.dir);
    assert_eq!(found, files(&two.dir));
    for (name, text) in &found {
        let head: Vec<_> = text.lines().take(5).collect();
        let head = head.join("\n");
        assert!(head.contains("SPDX-License-Identifier: "), "{name}");
        assert!(
            head.contains("vmfgen from Documentation/registry; do not edit."),
            "{name}"
        );
        assert!(text.ends_with('\n'), "{name}");
        assert!(
            text.lines().all(|line| line.trim_end() == line),
            "{name}: blanks at an end"
        );
    }
    for name in [
        HEADER,
        EXPORT,
        "rust/vmf/src/registry.rs",
        "rust/vmf/src/profile/igbvf_82576.rs",
    ] {
        assert!(found.contains_key(name), "{name}");
    }
}

/// A cell too many or too few would shift borders; docutils then refuses the table.
#[test]
fn grid_tables() {
    let tree = Tree::new("grid").with_foreign(&foreign());
    tree.accepted();
    let tables = files(&tree.dir.join(TABLES));
    let chapters = files(&tree.dir.join(CHAPTERS));
    for (name, text) in tables.into_iter().chain(chapters) {
        let mut borders: Vec<usize> = Vec::new();
        for line in text.lines() {
            let at = |c| move |(n, found): (usize, char)| (found == c).then_some(n);
            if line.starts_with('+') {
                let corners: Vec<_> = line.chars().enumerate().filter_map(at('+')).collect();
                assert!(borders.is_empty() || borders == corners, "{name}: {line}");
                borders = corners;
            } else if line.starts_with('|') {
                let bars: Vec<_> = line.chars().enumerate().filter_map(at('|')).collect();
                assert!(borders.iter().all(|n| bars.contains(n)), "{name}: {line}");
            } else {
                borders.clear();
            }
        }
    }
}

#[test]
fn check() {
    let tree = Tree::new("check");
    let run = tree.run(&["--check"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout.contains(&format!("{HEADER}: missing")),
        "{}",
        run.stdout
    );
    assert!(!tree.dir.join(HEADER).exists());

    tree.accepted();
    let run = tree.run(&["--check"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert_eq!(tree.run(&[]).stdout, "", "nothing to write");

    fs::write(tree.dir.join(HEADER), "something else\n").unwrap();
    let run = tree.run(&["--check"]);
    assert_eq!(
        (run.code, run.stdout),
        (Some(1), format!("{HEADER}: stale\n"))
    );
}

#[test]
fn left_over() {
    let tree = Tree::new("left-over");
    tree.accepted();
    let (old, ours) = (format!("{TABLES}/old.rst"), format!("{TABLES}/ours.rst"));
    fs::copy(
        tree.dir.join(format!("{TABLES}/rules.rst")),
        tree.dir.join(&old),
    )
    .unwrap();
    fs::write(tree.dir.join(&ours), "Written by hand.\n").unwrap();
    let run = tree.run(&["--check"]);
    assert_eq!(
        (run.code, run.stdout),
        (Some(1), format!("{old}: left over\n"))
    );
    tree.accepted();
    assert!(!tree.dir.join(old).exists());
    assert!(tree.dir.join(ours).exists());
}

#[test]
fn elsewhere() {
    let (source, target) = (Tree::new("source"), Tree::new("target"));
    fs::remove_dir_all(target.registry()).unwrap();
    let (registry, out) = (source.registry(), target.dir.clone());
    let args = [
        "--registry",
        registry.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let run = source.run(&args);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(!source.dir.join(HEADER).exists());
    assert!(target.dir.join(HEADER).exists());
}

/// A section that is added to the YAML is in everything that is generated.
#[test]
fn added_section() {
    let section = json!({
        "name": "timers", "type": 0x10008, "schema": 1, "min-reader": 1, "introduced": 3,
        "critical": false, "instances": {"count": 2, "name": "timer"}, "length": 16,
        "doc": "Two timers.",
        "fields": [
            {"name": "start", "offset": 0, "type": "u64", "doc": "When it was started."},
            {"name": "period", "offset": 8, "type": "u32", "unit": "microseconds",
             "max": 1_000_000, "doc": "How long it runs."},
            {"name": "reserved", "offset": 12, "type": "u32"}
        ],
        "checks": [{"check": "instance-zero-only", "field": "period"}]
    });
    let tree = Tree::new("added");
    tree.edit(
        PROFILE,
        r#"versions/1 copy {"version": 3, "status": "draft"}"#,
    );
    tree.edit(PROFILE, &format!("sections + {section}"));
    tree.accepted();
    let found = files(&tree.dir);
    let has = |file: &str, what: &str| {
        let text = found.get(file).expect(file);
        assert!(text.contains(what), "no \"{what}\" in {file}:\n{text}");
    };
    has(HEADER, "struct vmf_igbvf_82576_timers {\n\t__le64 start;\n");
    let module = "rust/vmf/src/profile/igbvf_82576";
    has(&format!("{module}.rs"), "mod timers;\n");
    has(&format!("{module}/timers.rs"), "instance == 0");
    let table = format!("{TABLES}/profile-igbvf-82576.rst");
    has(&table, "in all instances but instance 0, ``period`` is 0");
    has(&format!("{TABLES}/compatibility.rst"), "version 3 (draft)");
    has(EXPORT, "\"timers\"");
}

#[test]
fn export() {
    let tree = Tree::new("export");
    tree.accepted();
    let text = fs::read_to_string(tree.dir.join(EXPORT)).unwrap();
    let mut export: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(export["registry"]["name"], "vmf");
    assert_eq!(export["registry"]["revision"], 1);
    let field = at(&mut export, "profiles/0/sections/mailbox/fields/vmbmem");
    assert_eq!(field["type"], "u32");
    assert_eq!(field["count"], 16);
    assert_eq!(field["size"], 64);
    assert_eq!(field["mask"], Value::Null);
    assert_eq!(field["flags"], json!([]));
    let section = at(&mut export, "profiles/0/sections/mailbox");
    assert_eq!(section["omit-if-zero"], false);
    assert_eq!(section["feature"], Value::Null);
    let section = at(&mut export, "profiles/0/sections/interrupts");
    assert_eq!(section["checks"], json!([]));
    assert_eq!(
        at(&mut export, "tuples/Intel 82576/presented/subvendor"),
        "any"
    );
    assert_eq!(at(&mut export, "container/structures/end/length"), 24);
}

#[test]
fn usage() {
    let tree = Tree::new("usage");
    assert_eq!(tree.run(&["--nonsense"]).code, Some(2));
    let help = tree.run(&["--help"]);
    assert_eq!(help.code, Some(0));
    assert!(help.stdout.contains("Exit status:"));
}
