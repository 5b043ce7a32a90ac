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
    process::Command,
    thread,
    time::Duration,
};

const BDF: &str = "0000:01:10.0";

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
