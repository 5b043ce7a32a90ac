// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! That nothing in the codec can panic or allocate is up to lints and to `no_std`: this is the check
//! that they are on, and not switched off somewhere.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Each is a way to a panic.
const PANICS: &[&str] = &[
    "arithmetic_side_effects",
    "expect_used",
    "indexing_slicing",
    "panic",
    "string_slice",
    "unwrap_used",
];

/// What clippy has no lint for, or none that is on.
const MACROS: &[&str] = &[
    "unreachable!",
    "todo!",
    "unimplemented!",
    "dbg!",
    "extern crate",
    "std::",
    "alloc::",
    "unsafe ",
    "debug_assert",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn lints_against_panics_are_on() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, lints) = manifest.split_once("[lints.clippy]").unwrap();
    let lints = lints.split("\n[").next().unwrap();
    for lint in PANICS.iter().chain(&["cast_possible_truncation"]) {
        // `make lint` has `-D warnings`.
        let on = ["warn", "deny", "forbid"].map(|level| format!("{lint} = \"{level}\""));
        assert!(
            lints.lines().any(|line| on.iter().any(|on| on == line)),
            "{lint}"
        );
    }
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    assert!(lib.contains("#![cfg_attr(not(MODULE), no_std)]"));
    assert!(lib.contains("#![forbid(unsafe_code)]"));
}

#[test]
fn lints_against_panics_are_not_switched_off() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    assert!(files.len() > 20);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (n, line) in text.lines().enumerate() {
            let at = format!("{}:{}: {line}", file.display(), n + 1);
            let (code, comment) = line.split_once("//").unwrap_or((line, ""));
            if code.contains("allow(") || code.contains("expect(clippy") {
                assert!(!PANICS.iter().any(|lint| code.contains(lint)), "{at}");
                assert!(
                    code.contains("reason") || !comment.is_empty(),
                    "no reason: {at}"
                );
            }
            assert!(!MACROS.iter().any(|word| code.contains(word)), "{at}");
            // An assertion is fine where the compiler evaluates it.
            assert!(!code.contains("assert") || code.contains("const"), "{at}");
        }
    }
}
