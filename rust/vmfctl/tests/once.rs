// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What can be read once only is read once.

#![allow(missing_docs, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use std::{
    fs::OpenOptions,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

const BDF: &str = "0000:01:10.0";

/// Runs the tool with `input` in a pipe; returns the exit status and all that it says.
fn fed(args: &[&str], input: &[u8]) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vmfctl"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever has read enough closes it.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let all = [output.stdout, output.stderr].concat();
    let all = String::from_utf8(all).unwrap();
    (output.status.code().unwrap(), all)
}

#[test]
fn a_destination_in_a_pipe() {
    let dir = dir("once-pipe");
    let root = dir.join("sys");
    let own = descriptor(|_| {});
    sysfs(&root, BDF, &own, 2);
    let root = root.to_str().unwrap();
    let json = vmfctl(&["inventory", "--json", "--sysfs", root]);
    let yaml = vmfctl(&["inventory", "--yaml", "--sysfs", root]);
    let key = json.json()["devices"][0]["key"]
        .as_str()
        .unwrap()
        .to_string();
    let source = write(&dir, "source", stream());
    for source in [key.as_str(), source.as_str()] {
        for input in ["-", "/dev/stdin"] {
            for inventory in [&json, &yaml] {
                let (code, all) = fed(&["check", source, input], inventory.out.as_bytes());
                assert_eq!(code, 0, "{source} {input}: {all}");
                assert!(all.contains("destination 0000:01:10.0 on "), "{all}");
            }
            for bytes in [own.clone(), stream()] {
                let (code, all) = fed(&["check", source, "--against", input], &bytes);
                assert_eq!(code, 0, "{source} {input}: {all}");
            }
            let (code, all) = fed(&["check", source, input], b"");
            assert_eq!(code, 3, "{all}");
        }
    }
}

/// sysfs makes the bytes anew for each read(): two of them need not be of one descriptor.
#[test]
fn a_descriptor_of_sysfs() {
    let dir = dir("once-sysfs");
    let root = dir.join("sys");
    let own = descriptor(|_| {});
    sysfs(&root, BDF, &own, 2);
    let path = format!("bus/pci/devices/{BDF}/migration_format/descriptor");
    let path = root.join(path);
    std::fs::remove_file(&path).unwrap();
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let writer = thread::spawn({
        let own = own.clone();
        move || {
            let mut fifo = OpenOptions::new().write(true).open(&path).unwrap();
            fifo.write_all(&own).unwrap();
            thread::sleep(Duration::from_millis(500));
            let _ = fifo.write_all(&own);
        }
    });
    let json = vmfctl(&["inventory", "--json", "--sysfs", text(&root)]).json();
    writer.join().unwrap();
    let shown = json["devices"][0]["descriptor"].as_str().unwrap();
    assert_eq!(shown.len(), 2 * own.len());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
