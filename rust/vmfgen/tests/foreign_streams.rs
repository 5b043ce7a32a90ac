// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What is exported of formats of others is enough to take their streams apart: a small reader that
//! knows nothing else, on streams that are put together here as the sources of the drivers do.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;
mod reader;

use common::{foreign, Tree};
use reader::{list, number, Reader};
use serde_json::Value;
use std::{collections::BTreeMap, fs, sync::OnceLock};

fn entries() -> &'static [Value] {
    static ENTRIES: OnceLock<Vec<Value>> = OnceLock::new();
    ENTRIES.get_or_init(|| {
        let tree = Tree::new("streams").with_foreign(&foreign());
        tree.accepted();
        let text = fs::read_to_string(tree.registry().join("registry.json")).unwrap();
        let mut export: Value = serde_json::from_str(&text).unwrap();
        serde_json::from_value(export["foreign"].take()).unwrap()
    })
}

/// The format that a stream is of by its first bytes, and whether it is big-endian: of those that
/// fit the one by which most bytes are compared.
fn recognise(bytes: &[u8], certainty: &str) -> Option<(&'static Value, &'static Value, bool)> {
    let formats = entries().iter().flat_map(|entry| {
        let formats = list(entry, "formats").iter();
        formats.map(move |format| (entry, format))
    });
    let of_this = formats.filter(|(_, format)| format["recognise"]["certainty"] == certainty);
    let fitting = of_this.filter_map(|(entry, format)| {
        let fields = list(&format["recognise"], "fields");
        let place = |field: &'static Value| {
            let (at, ty) = (number(&field["offset"]), field["type"].as_str().unwrap());
            (at, ty, field["value"].as_u64().unwrap())
        };
        let big = [false, true].into_iter().find(|&big| {
            let reader = Reader::new(entry, bytes, big);
            fields.iter().map(place).all(|(at, ty, value)| {
                bytes.len() >= at + reader.size(ty) && reader.integer(at, ty) == value
            })
        })?;
        let reader = Reader::new(entry, bytes, big);
        let compared: usize = fields.iter().map(|field| reader.size(place(field).1)).sum();
        Some((compared, (entry, format, big)))
    });
    let best = fitting.max_by_key(|(compared, _)| *compared);
    best.map(|(_, found)| found)
}

/// Recognises a stream, which has to be of this driver, and takes it apart.
fn read(bytes: &[u8], certainty: &str, driver: &str) -> BTreeMap<String, String> {
    let (entry, format, big) = recognise(bytes, certainty).unwrap();
    assert_eq!(entry["name"], driver);
    let mut reader = Reader::new(entry, bytes, big);
    let mut at = 0;
    for run in list(format, "stream") {
        if run["optional"] == true && at == bytes.len() {
            break;
        }
        at = reader.run(run, at, bytes.len(), run["name"].as_str().unwrap());
    }
    assert_eq!(at, bytes.len(), "bytes are left");
    reader.found
}

/// Integers of a size each, one behind the other.
fn le(parts: &[(u64, usize)]) -> Vec<u8> {
    let part = |(value, size): &(u64, usize)| value.to_le_bytes()[..*size].to_vec();
    parts.iter().flat_map(part).collect()
}

#[test]
fn mlx5() {
    let mut stream = le(&[(8, 8), (1, 4), (1, 4), (0x3000, 8)]);
    stream.extend(le(&[(5, 8), (0, 4), (0, 4), (0, 5)]));
    let found = read(&stream, "likely", "mlx5");
    assert_eq!(found["records[0].stop-copy-size.stop-copy-size"], "12288");
    assert_eq!(found["records[1].fw-data"], "5 bytes");
}

#[test]
fn hisi_acc() {
    let head = [
        (4, 4),
        (0xa251, 4),
        (0, 4),
        (64, 4),
        (0, 4),
        (1, 2),
        (0, 2),
        (0, 8),
    ];
    let mut stream = le(&[(0xaacc_feed_deca_dede, 8)]);
    stream.extend(le(&head));
    let found = read(&stream, "certain", "hisi-acc");
    assert_eq!(found["match.dev-id"], "41553");
    assert_eq!(found["match.major-ver"], "1");

    stream.extend(vec![0; 104]);
    stream.extend(le(&[(1, 8), (2, 8), (3, 8), (4, 8)]));
    assert_eq!(stream.len(), 176);
    let found = read(&stream, "certain", "hisi-acc");
    assert_eq!(found["state.cqc-dma"], "4");

    // From a host of the other order.
    let mut stream = 0xaacc_feed_deca_dede_u64.to_be_bytes().to_vec();
    for (value, size) in head {
        stream.extend(&value_be(value, size));
    }
    let found = read(&stream, "certain", "hisi-acc");
    assert_eq!(found["match.dev-id"], "41553");
}

fn value_be(value: u64, size: usize) -> Vec<u8> {
    value.to_be_bytes()[8 - size..].to_vec()
}

fn section(name: &str, subsections: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.resize(8, 0);
    bytes.extend(le(&[(payload.len() as u64, 4), (subsections, 4)]));
    bytes.extend(payload);
    bytes
}

fn block(sections: u64, payload: &[u8]) -> Vec<u8> {
    let size = payload.len() as u64;
    let mut bytes = le(&[(0xadf5_caea, 4), (1, 4), (16, 2), (sections, 2), (size, 4)]);
    bytes.extend(payload);
    bytes
}

#[test]
fn qat() {
    let mut config = section("gencap", 0, &le(&[(0x0fff, 4)]));
    config.extend(section("svcmap", 0, &le(&[(0x1234, 2)])));
    config.extend(section("extdc", 0, &le(&[(7, 4)])));
    let mut general = section("iovinit", 0, &[1]);
    general.extend(section("compver", 0, &[5]));
    let limit = le(&[(1, 4), (0, 4), (0xf0, 8), (100, 4), (200, 4)]);
    general.extend(section("sla", 0, &limit));
    let mut registers = vec![0; 472];
    registers[88..96].copy_from_slice(&le(&[(0xabc, 8)]));
    let banks: Vec<_> = (0..4)
        .flat_map(|n| section(&format!("bnk{n}"), 1, &section("mregs", 0, &registers)))
        .collect();
    let mut state = section("GENER", 3, &general);
    state.extend(section("MISCBAR", 1, &section("pf2vm", 0, &le(&[(9, 4)]))));
    state.extend(section("ETRBAR", 4, &banks));
    let mut stream = block(1, &section("CONFIG", 3, &config));
    stream.extend(block(3, &state));
    stream.resize(4096, 0);

    let found = read(&stream, "certain", "qat");
    let config = "setup[0].sections[0].config";
    assert_eq!(found[&format!("{config}[1].services")], "4660");
    let state = "state[0].sections";
    assert_eq!(
        found[&format!("{state}[0].general[1].mailbox-version")],
        "5"
    );
    assert_eq!(
        found[&format!("{state}[0].general[2].rate-limits[0].pir")],
        "200"
    );
    let ring = format!("{state}[2].rings[3].bank3[0].registers.rings[0].base");
    assert_eq!(found[&ring], "2748");
    assert!(found["rest"].ends_with(" bytes"));
}

#[test]
fn virtio() {
    let part = |ty: u64, flags: u64, selector: u64, value: &[u8]| {
        let length = value.len() as u64;
        let mut bytes = le(&[(ty, 2), (flags, 1), (0, 1), (selector, 8), (length, 4)]);
        bytes.extend(value);
        bytes
    };
    let mut parts = part(0x100, 1, 0, &le(&[(0x1_0000_0020, 8)]));
    parts.extend(part(0x102, 0, 22, &le(&[(3, 2)])));
    parts.extend(part(0x103, 0, 0, &[15]));
    let queue = [
        (256, 2),
        (1, 2),
        (1, 2),
        (0, 2),
        (0x1000, 8),
        (0x2000, 8),
        (0x3000, 8),
    ];
    parts.extend(part(0x104, 0, 1, &le(&queue)));
    let mut stream = le(&[(parts.len() as u64, 8), (0, 8)]);
    stream.extend(&parts);
    let found = read(&stream, "likely", "virtio");
    let data = "records[0].device-data";
    assert_eq!(
        found[&format!("{data}[0].device-features[0]")],
        "4294967328"
    );
    assert_eq!(found[&format!("{data}[1].pci-common-cfg")], "2 bytes");
    assert_eq!(found[&format!("{data}[2].device-status")], "15");
    assert_eq!(found[&format!("{data}[3].queue.queue-device")], "12288");
}

#[test]
fn xe() {
    let packet = |ty: u64, offset: u64, payload: &[u8]| {
        let size = payload.len() as u64;
        let mut bytes = le(&[(1, 1), (ty, 1), (0, 2), (0, 4), (offset, 8), (size, 8)]);
        bytes.extend(payload);
        bytes
    };
    let klvs = [(0xf001_0001, 4), (0xe20b, 4), (0xf002_0001, 4), (1, 4)];
    let mut stream = packet(1, 0, &le(&klvs));
    stream.extend(packet(5, 0, &[0; 40]));
    stream.extend(packet(3, 0, &le(&[(5, 8), (6, 8)])));
    stream.extend(packet(4, 0, &le(&[(1, 4), (2, 4), (3, 4), (4, 4)])));
    stream.extend(packet(2, 0, &[]));
    let found = read(&stream, "likely", "xe");
    assert_eq!(found["packets[0].descriptor[0].device-id"], "57867");
    assert_eq!(found["packets[1].guc"], "40 bytes");
    assert_eq!(found["packets[2].ggtt[1]"], "6");
    assert_eq!(found["packets[3].mmio[3]"], "4");
}

#[test]
fn mtty() {
    let mut stream = le(&[(0x7e9d_0989_8c3e_2c4e, 8), (1, 4), (0, 4), (2, 4), (0, 4)]);
    for fcr in [7, 8] {
        let mut port = vec![0; 36];
        port[30] = 12;
        port[32] = fcr;
        stream.extend(port);
    }
    let found = read(&stream, "certain", "mtty");
    assert_eq!(found["ports[0].divisor"], "12");
    assert_eq!(found["ports[1].fcr"], "8");
    assert_eq!(found["ports[1].rxtx.count"], "0");
}

#[test]
fn igb_vfio_pci() {
    let mut stream = le(&[(0x4d49_4742, 4), (1, 4), (3, 4), (2, 4)]);
    stream.extend(le(&[(0x100, 4), (1, 4), (0x104, 4), (2, 4)]));
    stream.resize(1024, 0);
    stream[1020] = 1;
    let found = read(&stream, "certain", "igb-vfio-pci");
    assert_eq!(found["blob.regs[1].value"], "2");
    assert!(!found.contains_key("blob.regs[2].value"));
    assert_eq!(found["blob.vfte"], "1");
}

/// What has no magic number may be taken for another, but not for certain.
#[test]
fn opaque() {
    assert!(recognise(&[0x5a; 4096], "certain").is_none());
    assert!(recognise(&[0x5a; 4096], "likely").is_none());
    assert!(recognise(&[], "certain").is_none());
}
