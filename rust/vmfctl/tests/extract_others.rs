// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! extract: streams of other drivers, files of libvirt, files that are large or hostile.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod common;
mod streams;

use base64::{prelude::BASE64_STANDARD, Engine};
use common::*;
use serde_json::json;
use std::{fs::File, os::unix::fs::FileExt};
use streams::qemu::*;

/// Requires that all of them are found, named, and as they were.
fn has_all_drivers(test: &str, file: &str) {
    let out = dir(test).join("out");
    let said = vmfctl(&["extract", "--json", file, "-o", out.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    let found = said.json()["streams"].clone();
    let all = streams::all();
    assert_eq!(found.as_array().unwrap().len(), all.len(), "{found}");
    for (n, (name, stream)) in all.iter().enumerate() {
        assert_eq!(found[n]["format"], *name);
        assert_eq!(found[n]["intact"], true, "{found}");
        let likely = ["mlx5/records", "virtio/records", "xe/packets"].contains(name);
        assert_eq!(
            found[n]["certainty"],
            if likely { "likely" } else { "certain" }
        );
        let written = format!("{}.{n}", out.display());
        assert!(std::fs::read(&written).unwrap() == *stream, "{name}");
        assert_eq!(vmfctl(&["decode", &written]).code, 0);
    }
}

#[test]
fn of_other_drivers() {
    let file = write(&dir("others"), "migration", of_all_drivers().0);
    has_all_drivers("others-out", &file);
    let said = vmfctl(&["extract", &file]);
    said.has("mlx5.records/vfio: may be mlx5, format records, 45 bytes");
    said.has("qat.sections/vfio: qat, format sections, 4096 bytes");
    let cut = of_all_drivers().0;
    let cut = write(&dir("others-cut"), "migration", &cut[..cut.len() - 400]);
    let said = vmfctl(&["extract", &cut]);
    said.has("qat.sections/vfio: qat, format sections, 4096 bytes");
    said.has("xe.packets/vfio: unknown format, 9 bytes");
    let mut cut = Qemu::new();
    cut.part(2, 41, &[&streams::hisi_acc()[..100]], END);
    let said = vmfctl(&["extract", &write(&dir("others-cut"), "migration", cut.0)]);
    said.has("section 41: hisi-acc, format v2, 100 bytes; damaged: the stream ended: offset 0x28");
}

/// With mapped-ram the file has holes, and memory at places of its own behind what is said of it.
#[test]
fn with_mapped_ram() {
    let (qemu, rest) = halves();
    let path = write(&dir("mapped"), "migration", qemu.0);
    let file = File::options().write(true).open(&path).unwrap();
    file.write_all_at(&[0xff; 4096], 5 << 30).unwrap();
    file.write_all_at(&rest.0, (6 << 30) + 4094).unwrap();
    drop(file);
    has_all_drivers("mapped-out", &path);
}

/// A file of `virsh save`.
fn saved(magic: &[u8; 16], version: u32, format: u32, swap: bool, behind: &[u8]) -> Vec<u8> {
    let xml = b"<domain type='kvm'><name>QEVM</name></domain>\0";
    let mut file = magic.to_vec();
    for number in [version, xml.len() as u32, 1, format, 0]
        .into_iter()
        .chain([0; 14])
    {
        file.extend(if swap {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        });
    }
    file.extend(xml);
    file.extend(behind);
    file
}

#[test]
fn of_libvirt() {
    let dir = dir("libvirt");
    let magic = b"LibvirtQemudSave";
    let qemu = of_all_drivers().0;
    for (name, swap, format) in [
        ("raw", false, 0),
        ("swapped", true, 0),
        ("sparse", false, 6),
    ] {
        let file = write(&dir, name, saved(magic, 2, format, swap, &qemu));
        has_all_drivers(&format!("libvirt-{name}"), &file);
    }
    let cut = saved(magic, 2, 0, false, &[]);
    for (name, bytes, words) in [
        (
            "gzip",
            saved(magic, 2, 1, false, &qemu),
            "compressed by gzip; first run: tail -c +139",
        ),
        ("zstd", saved(magic, 2, 5, true, &qemu), "| zstd -dc >FILE"),
        (
            "new",
            saved(magic, 2, 7, false, &qemu),
            "in format 7, which is not known",
        ),
        (
            "newer",
            saved(magic, 3, 0, false, &qemu),
            "of version 3, and only those up to 2",
        ),
        (
            "part",
            saved(b"LibvirtQemudPart", 2, 0, false, &qemu),
            "that was not finished",
        ),
        ("cut", cut[..130].to_vec(), "that ends in the XML"),
        ("short", cut[..50].to_vec(), "that ends in its header"),
    ] {
        let file = write(&dir, name, bytes);
        let said = vmfctl(&["extract", &file]);
        assert_eq!(said.code, 3, "{name}: {}", said.out);
        said.has(words);
        said.has(": a file of libvirt ");
        assert_eq!(said.err.lines().count(), 1);
    }
    let said = vmfctl(&["extract", &write(&dir, "empty", cut)]);
    assert_eq!(said.code, 1);
}

/// The command that is named undoes what has compressed the file.
#[test]
fn compressed_by_libvirt() {
    let dir = dir("compressed");
    let plain = write(&dir, "plain", of_all_drivers().0);
    let bash = |script: &str| {
        let output = std::process::Command::new("bash")
            .args(["-c", script])
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}");
        output.stdout
    };
    for (format, program) in [(1, "gzip"), (3, "xz")] {
        let bytes = bash(&format!("{program} -c <{plain}"));
        let file = write(
            &dir,
            program,
            saved(b"LibvirtQemudSave", 2, format, false, &bytes),
        );
        let said = vmfctl(&["extract", &file]);
        let (_, command) = said.err.split_once("first run: ").unwrap();
        let out = bash(command.trim().trim_end_matches(">FILE"));
        has_all_drivers(&format!("compressed-{program}"), &write(&dir, "out", out));
        // Not in a file of libvirt it is the same.
        let file = write(&dir, "bare", bytes);
        let said = vmfctl(&["extract", &file]);
        assert_eq!(said.code, 3);
        said.has(&format!("compressed; first run: {program} -dc <"));
    }
}

#[test]
fn multifd() {
    let mut file = Qemu::new();
    file.start(41, "0000:00:03.0/vfio");
    file.memory(1 << 20);
    file.part(3, 41, &[], END);
    let said = vmfctl(&["extract", &write(&dir("multifd"), "main", file.0)]);
    assert_eq!(said.code, 1);
    said.has("the state of 0000:00:03.0/vfio is not here: with multifd it is in other channels");
}

/// A guest can have written anything to its memory, and must not be able to stall who reads it.
#[test]
fn hostile_memory() {
    let dir = dir("hostile-memory");
    let start = std::time::Instant::now();
    // Frames in each other's blocks, each of which starts a chain to the end.
    let mut chain = Qemu::new();
    for id in 0..50_000_u32 {
        chain.put(&[2]).put(&id.to_be_bytes()).flag(DATA).flag(5);
    }
    // Flags and magic numbers one behind the other.
    let mut flags = Qemu::new();
    for _ in 0..1 << 14 {
        flags.flag(DATA);
    }
    for _ in 0..1 << 14 {
        flags.flag(SETUP).flag(END);
    }
    let mut magic = b"QEVM".to_vec();
    for _ in 0..1 << 13 {
        magic.extend(vmf::registry::MAGIC);
    }
    // More blocks than would fit in memory, if there were more of them.
    let mut many = Qemu::new();
    many.put(&[2, 0, 0, 0, 1]);
    for _ in 0..=1 << 20 {
        many.flag(DATA).flag(1).put(&[0]);
    }
    // Blocks that are empty, which QEMU writes none of.
    let mut empty = Qemu::new();
    empty.put(&[2, 0, 0, 0, 1]);
    for _ in 0..1 << 17 {
        empty.flag(DATA).flag(0);
    }
    empty.flag(END).footer(1);
    // Starts of streams of ours, with a section each that is said to be long.
    let mut start_of = stream()[..vmf::FileHeader::LEN + vmf::SectionHeader::LEN].to_vec();
    start_of[vmf::FileHeader::LEN + 16..][..8].copy_from_slice(&(1_u64 << 20).to_le_bytes());
    let starts = start_of.repeat(1 << 15);
    let mut giant = Qemu::new();
    giant
        .put(&[2, 0, 0, 0, 1])
        .flag(DATA)
        .flag(u64::MAX)
        .flag(END)
        .footer(1);
    // Parts that are complete, of more devices than any host has, and starts of as many.
    let parts = |file: &mut Qemu| (0..20_000).for_each(|id| file.part(2, id, &[&[1]], END));
    let mut devices = Qemu::new();
    parts(&mut devices);
    let mut named = Qemu::new();
    (0..5000).for_each(|id| named.start(id, "0000:00:03.0/vfio"));
    let ours = stream_of(1, &Default::default()).repeat(5000);
    for (name, bytes, words) in [
        ("chain", chain.0, "no VMF stream found"),
        ("flags", flags.0, "no VMF stream found"),
        ("magic", magic, "no VMF stream found"),
        ("many", many.0, "more blocks of state"),
        ("empty", empty.0, "no VMF stream found"),
        ("starts", starts, "no VMF stream found"),
        ("giant", giant.0, "no VMF stream found"),
        ("devices", devices.0, "more than 4096 devices"),
        ("named", named.0, "more than 4096 devices"),
        ("ours", ours, "more than 4096 streams"),
    ] {
        let out = dir.join("out").to_str().unwrap().to_string();
        let said = vmfctl(&["extract", &write(&dir, name, bytes), "-o", &out]);
        let code = if words.starts_with("more") { 3 } else { 1 };
        assert_eq!(said.code, code, "{name}: {}", said.out.len());
        said.has(words);
        assert!(!dir.join("out").exists() && !dir.join("out.0").exists());
    }
    // A device that has a start is told from them, wherever they are.
    let a = stream();
    for before in [false, true] {
        let mut file = Qemu::new();
        if before {
            parts(&mut file);
        }
        file.start(30_041, "0000:00:03.0/vfio");
        file.part(2, 30_041, &[&a[..440]], END);
        parts(&mut file);
        file.part(3, 30_041, &[&a[440..]], END);
        let out = dir.join("one").to_str().unwrap().to_string();
        let said = vmfctl(&["extract", &write(&dir, "file", file.0), "-o", &out]);
        assert_eq!(said.code, 0, "{}", said.err);
        assert_eq!(said.out.lines().count(), 1);
        assert!(std::fs::read(&out).unwrap() == a);
    }
    assert!(start.elapsed().as_secs() < 300);
}

#[test]
fn of_other_drivers_in_snapshots() {
    let mut devices = json!({});
    for (name, stream) in streams::all() {
        let name = name.replace('/', ".");
        let blob = json!({"blob": BASE64_STANDARD.encode(&stream)}).to_string();
        devices[format!("_vfio_{name}")] = json!({"snapshot_data": {"state": blob}});
    }
    // Zeros could be a stream of virtio, but not here.
    devices["_disk"] = json!({"bitmap": BASE64_STANDARD.encode([0; 64])});
    devices["_vfio_bitmap"] = json!({"list": vec![0; 60]});
    let state = json!({"snapshots": devices}).to_string();
    let file = write(&dir("snapshot-others"), "state.json", state);
    has_all_drivers("snapshot-others-out", &file);
}

/// A file that is nothing but the stream of another driver.
#[test]
fn alone() {
    let dir = dir("alone");
    for (name, stream) in streams::all() {
        let file = write(&dir, "stream", stream);
        let said = vmfctl(&["extract", "--json", &file]);
        assert_eq!(said.code, 0);
        assert_eq!(said.json()["streams"][0]["format"], name);
    }
}
