// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Where output goes: files that are replaced as a whole or left alone, and what is no file.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::panic)]

mod common;
mod streams;

use common::*;
use std::{
    fs,
    os::unix::fs::{symlink, MetadataExt, PermissionsExt},
    path::Path,
    process::Command,
};
use streams::qemu::*;

/// The names in a directory.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A document of a stream, and one that is wrong at its end.
fn documents(dir: &Path) -> (String, String) {
    let file = write(dir, "in/stream", stream());
    let json = vmfctl(&["decode", "--json", &file]).json();
    let mut bad = json.clone();
    let sections = bad["sections"].as_array_mut().unwrap();
    sections.last_mut().unwrap()["header"] = "none".into();
    (
        write(dir, "in/good.json", json.to_string()),
        write(dir, "in/bad.json", bad.to_string()),
    )
}

fn migration(dir: &Path) -> String {
    let mut file = Qemu::new();
    file.start(41, "0000:00:03.0/vfio");
    file.part(3, 41, &[&stream()], END);
    write(dir, "in/guest.mig", file.0)
}

/// Runs a script that has the tool as `$0`.
fn bash(script: &str, args: &[&str]) -> i32 {
    let status = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_vmfctl")])
        .args(args)
        .status();
    status.unwrap().code().unwrap()
}

#[test]
fn a_file_stays_until_there_is_another() {
    let dir = dir("output-stays");
    let (good, bad) = documents(&dir);
    let out = write(&dir, "out/stream", stream());
    let said = vmfctl(&["encode", &bad, "-o", &out]);
    assert_eq!(said.code, 3);
    assert!(fs::read(&out).unwrap() == stream());
    assert_eq!(names(&dir.join("out")), ["stream"]);
    let said = vmfctl(&["encode", &bad, "-o", &format!("{out}.new")]);
    assert_eq!(said.code, 3);
    assert_eq!(names(&dir.join("out")), ["stream"]);
    // And is replaced, in place of all that it had.
    let long = write(&dir, "out/long", [1; 100_000]);
    assert_eq!(vmfctl(&["encode", &good, "-o", &long]).code, 0);
    assert!(fs::read(&long).unwrap() == stream());
    assert_eq!(names(&dir.join("out")), ["long", "stream"]);
}

#[test]
fn what_is_read_is_not_written_over() {
    let dir = dir("output-input");
    let file = migration(&dir);
    let before = fs::read(&file).unwrap();
    let link = dir.join("link").to_str().unwrap().to_string();
    symlink(&file, &link).unwrap();
    for out in [&file, &link] {
        let said = vmfctl(&["extract", &file, "-o", out]);
        assert!(fs::read(&file).unwrap() == before, "{out}");
        assert_eq!(said.code, 2, "{}", said.out);
        said.has(&format!("{out}: is what is read; name another --output"));
    }
}

/// Guests' state is for nobody else.
#[test]
fn only_the_owner_reads_it() {
    let dir = dir("output-mode");
    let (good, _) = documents(&dir);
    let file = migration(&dir);
    for (command, input) in [("encode", &good), ("extract", &file)] {
        let out = dir.join(command);
        let said = vmfctl(&[command, input, "-o", out.to_str().unwrap()]);
        assert_eq!(said.code, 0, "{}", said.err);
        let mode = fs::metadata(&out).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{command}");
        assert!(fs::read(&out).unwrap() == stream());
    }
}

#[test]
fn links_pipes_and_devices() {
    let dir = dir("output-special");
    let (good, _) = documents(&dir);
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    // A link stays one, wherever it leads to.
    fs::create_dir(dir.join("there")).unwrap();
    symlink("there/file", path("link")).unwrap();
    for _ in 0..2 {
        assert_eq!(vmfctl(&["encode", &good, "-o", &path("link")]).code, 0);
        assert!(fs::read(path("there/file")).unwrap() == stream());
        assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    }
    let script = "mkfifo $2 && { cat $2 >$3 & } && $0 encode $1 -o $2 && wait && [ -p $2 ]";
    assert_eq!(bash(script, &[&good, &path("fifo"), &path("copy")]), 0);
    assert!(fs::read(path("copy")).unwrap() == stream());
    let script = "set -o pipefail; $0 encode $1 -o /dev/stdout | cat >$2";
    assert_eq!(bash(script, &[&good, &path("piped")]), 0);
    assert!(fs::read(path("piped")).unwrap().starts_with(&stream()));
    // What the shell has opened is what is written.
    let script = "exec 5>$2; $0 encode $1 -o /dev/fd/5";
    let open = write(&dir, "open", b"");
    let before = fs::metadata(&open).unwrap().ino();
    assert_eq!(bash(script, &[&good, &open]), 0);
    assert_eq!(fs::metadata(&open).unwrap().ino(), before);
    assert!(fs::read(&open).unwrap() == stream());
    assert_eq!(vmfctl(&["encode", &good, "-o", "/dev/null"]).code, 0);
    assert_eq!(vmfctl(&["encode", &good, "-o", "/dev/full"]).code, 3);
    assert_eq!(vmfctl(&["encode", &good, "-o", &path("there")]).code, 3);
    assert_eq!(vmfctl(&["encode", &good, "-o", &path("no/file")]).code, 3);
}
