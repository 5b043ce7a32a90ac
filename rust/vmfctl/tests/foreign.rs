// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! decode of streams of other drivers.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::panic, clippy::arithmetic_side_effects)]

mod common;
mod streams;

use common::{dir, vmfctl, write, Said};
use serde_json::Value as Json;
use std::{collections::BTreeMap, os::unix::fs::FileExt};
use streams::*;

/// Every value of a document by its path, which has nothing left out.
pub struct Document {
    pub json: Json,
    values: BTreeMap<String, Json>,
}

impl std::ops::Index<&str> for Document {
    type Output = Json;

    #[track_caller]
    fn index(&self, path: &str) -> &Json {
        let known = self.values.keys().map(String::as_str).collect::<Vec<_>>();
        let value = self.values.get(path);
        value.unwrap_or_else(|| panic!("no {path} in {}", known.join(" ")))
    }
}

impl Document {
    fn of(said: &Said) -> Self {
        let json = said.json();
        let all = values::of(&json).into_iter();
        let values = all.map(|(_, _, path, value)| (path, value)).collect();
        Self { json, values }
    }
}

/// Decodes a stream that is as it should be.
fn decode(name: &str, bytes: &[u8]) -> Document {
    let file = write(&dir(&format!("foreign-{name}")), "stream", bytes);
    let said = vmfctl(&["decode", "--json", &file]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let document = Document::of(&said);
    assert_eq!(document.json["entry"], name);
    assert_eq!(document.json["unknown"], 0);
    document
}

#[test]
fn mlx5_stream() {
    let found = decode("mlx5", &mlx5());
    assert_eq!(found["records[0].stop_copy_size.header.record_size"], 8);
    assert_eq!(
        found["records[0].stop_copy_size.payload.stop_copy_size"],
        0x3000
    );
    assert_eq!(found["records[1].fw_data.payload"], "696d616765");
    assert_eq!(found.json["opaque"], 5);
    assert_eq!(found.json["certainty"], "likely");
    let record = &found.json["stream"]["records"][1]["payload"];
    assert_eq!(record["known_by"], "the firmware of the device");
}

#[test]
fn hisi_acc_stream() {
    let found = decode("hisi-acc", &hisi_acc());
    assert_eq!(found["match.dev_id"], 0xa251);
    assert_eq!(found["match.major_ver"], 1);
    assert_eq!(found["state.cqc_dma"], 4);
    assert_eq!(found.json["documented"], 176);
    let state = &found.json["stream"]["match"]["vf_qm_state"];
    assert_eq!(state["names"][0], "ready");
    // PRE_COPY sends the first part only.
    decode("hisi-acc", &hisi_acc()[..40]);
    // From a host of the other order.
    let found = decode("hisi-acc", &be(&HISI_MATCH));
    assert_eq!(found["match.dev_id"], 0xa251);
    assert_eq!(found.json["native_order"], "big");
}

#[test]
fn qat_stream() {
    let found = decode("qat", &Qat::default().stream());
    let config = "setup.payload[0].config.payload";
    assert_eq!(found[&format!("{config}[1].services.payload")], 0x1234);
    let state = "state.payload";
    let general = format!("{state}[0].general.payload");
    assert_eq!(found[&format!("{general}[1].mailbox_version.payload")], 5);
    assert_eq!(
        found[&format!("{general}[2].rate_limits.payload[0].pir")],
        200
    );
    let ring =
        format!("{state}[2].rings.payload[3].bank3.payload[0].registers.payload.rings[0].base");
    assert_eq!(found[&ring], 0xabc);
    assert_eq!(found.json["documented"], 4096);
}

#[test]
fn virtio_stream() {
    let found = decode("virtio", &virtio());
    let data = "records[0].device_data.payload";
    assert_eq!(
        found[&format!("{data}[0].device_features.payload")][0],
        0x1_0000_0020_u64
    );
    assert_eq!(found[&format!("{data}[1].pci_common_cfg.payload")], "0300");
    assert_eq!(found[&format!("{data}[2].device_status.payload")], 15);
    assert_eq!(
        found[&format!("{data}[3].queue.payload.queue_device")],
        0x3000
    );
    assert_eq!(found.json["opaque"], 2);
}

#[test]
fn xe_stream() {
    let found = decode("xe", &xe());
    let descriptor = "packets[0].descriptor.payload[0].device_id.payload";
    assert_eq!(found[descriptor], 0xe20b);
    assert_eq!(found["packets[2].ggtt.payload"][1], 6);
    assert_eq!(found["packets[3].mmio.payload"][3], 4);
    assert_eq!(found.json["opaque"], 40);
}

#[test]
fn mtty_stream() {
    let found = decode("mtty", &mtty(2));
    assert_eq!(found["ports[0].divisor"], 12);
    assert_eq!(found["ports[1].fcr"], 8);
    assert_eq!(found["ports[1].rxtx.count"], 0);
    decode("mtty", &mtty(1));
}

#[test]
fn igb_vfio_pci_stream() {
    let found = decode("igb-vfio-pci", &igb_vfio_pci());
    assert_eq!(found["blob.regs[1].value"], 2);
    assert_eq!(found["blob.vfte"], 1);
    // What is not in use has no names.
    assert!(found["blob.regs[2].unused.value"].as_str().unwrap().len() == 2 * 62 * 8);
}

#[test]
fn for_people() {
    let dir = dir("foreign-text");
    let file = write(&dir, "mlx5", mlx5());
    let said = vmfctl(&["decode", &file]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("may be mlx5, format records: NVIDIA ConnectX virtual functions");
    said.has("696d616765");
    said.has("opaque, known by the firmware of the device");
    said.has("45 bytes: 40 documented, 5 opaque");
    let file = write(&dir, "qat", Qat::default().stream());
    let said = vmfctl(&["decode", &file]);
    said.has("qat, format sections: Intel QAT virtual functions");
    said.has("4096 bytes: 4096 documented, 0 opaque");
    said.has("(sym)");
}

/// What has no magic number may be taken for another, but not for certain.
#[test]
fn named() {
    let dir = dir("foreign-named");
    let image = write(&dir, "image", [0x5a; 100]);
    assert_eq!(vmfctl(&["decode", &image]).code, 3);
    for name in ["pds", "mlx5/images"] {
        let said = vmfctl(&["decode", "--as", name, &image]);
        assert_eq!(said.code, 0, "{}", said.err);
        said.has("100 bytes: 0 documented, 100 opaque");
    }
    let said = vmfctl(&["decode", "--as", "mlx5", &image]);
    assert_eq!(said.code, 3);
    said.has("a payload of 6510615555426900570 bytes");
    let said = vmfctl(&["decode", "--as", "mlx4", &image]);
    assert_eq!(said.code, 2);
    said.has("there is no format \"mlx4\"");
    said.has("mlx5/images");
    let file = write(&dir, "mtty", mtty(1));
    let said = vmfctl(&["decode", "--as", "vmf", &file]);
    assert_eq!(said.code, 3);
    said.has("no VMF stream");
    // A long opaque part is not repeated.
    let image = write(&dir, "long", vec![0x5a; 1 << 20]);
    let said = vmfctl(&["decode", "--as", "pds", "--json", &image]);
    assert!(said.out.len() < 1 << 18);
    assert_eq!(said.json()["stream"]["image"]["size"], 1 << 20);
}

#[test]
fn unknown_records() {
    let dir = dir("foreign-unknown");
    let mut stream = mlx5();
    stream.extend(record(1, 9, b"new"));
    let file = write(&dir, "stream", stream);
    let said = vmfctl(&["decode", "--json", &file]);
    assert_eq!(said.code, 0, "{}", said.err);
    let found = Document::of(&said);
    assert_eq!(found["records[2].unknown.payload"], "6e6577");
    assert_eq!(found.json["unknown"], 3);
    vmfctl(&["decode", &file]).has("64 bytes: 56 documented, 5 opaque, 3 not known");
}

/// What is wrong is said with its place, and all bytes are still there.
#[test]
fn damaged() {
    let dir = dir("foreign-damaged");
    let mut longer = hisi_acc();
    longer.push(0);
    let mut trailer = xe();
    trailer.extend([1, 2]);
    let mut giant = mtty(2);
    giant[16..20].copy_from_slice(&[0xff; 4]);
    let mut header = Qat::default().stream();
    header[8] = 3;
    let mut section = Qat::default().stream();
    section[24..28].copy_from_slice(&[0xff; 4]);
    let mut klv = xe();
    klv[24..26].copy_from_slice(&[0xff; 2]);
    let odd = [descriptor(1, 1), packet(3, &[0; 12]), packet(2, &[])].concat();
    for (name, bytes, words) in [
        (
            "mlx5-cut",
            &mlx5()[..42],
            "the stream ended: offset 0x18, records: a payload of 5 bytes",
        ),
        (
            "mlx5-head",
            &mlx5()[..30],
            "the stream ended: offset 0x18, records: a header has 16 bytes, and 6",
        ),
        (
            "hisi-cut",
            &hisi_acc()[..100],
            "the stream ended: offset 0x28, state: state has 136 bytes",
        ),
        (
            "hisi-long",
            &longer,
            "offset 0xb0, state: 1 bytes behind what is documented",
        ),
        ("xe-long", &trailer, "2 bytes behind what is documented"),
        ("xe-klv", &klv, "a payload of 262140 bytes, and 12 are left"),
        (
            "xe-odd",
            &odd,
            "4 bytes are too few for another element of ggtt",
        ),
        (
            "mtty-giant",
            &giant,
            "ports has 4294967295 elements, and 2 are there",
        ),
        (
            "mtty-cut",
            &mtty(2)[..60],
            "ports has 2 elements, and 1 are there",
        ),
        (
            "qat-header",
            &header,
            "a header of 16 bytes says that it has 3",
        ),
        ("qat-section", &section, "a payload of 4294967295 bytes"),
    ] {
        let file = write(&dir, name, bytes);
        let said = vmfctl(&["decode", "--json", &file]);
        assert_eq!(said.code, 3, "{name}");
        said.has(words);
        assert!(Document::of(&said).json["damage"][0]["what"].is_string());
        assert_eq!(said.err.lines().count(), 1, "{name}: {}", said.err);
        let said = vmfctl(&["decode", &file]);
        assert_eq!(said.code, 3, "{name}");
        said.has(words);
    }
}

/// A pipe cannot be read twice.
#[test]
fn from_a_pipe() {
    let file = write(&dir("foreign-pipe"), "stream", mlx5());
    let tool = env!("CARGO_BIN_EXE_vmfctl");
    for script in [
        format!("cat {file} | {tool} decode -"),
        format!("{tool} decode <(cat {file})"),
    ] {
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(text.contains("45 bytes: 40 documented, 5 opaque"), "{text}");
    }
}

/// Runs the tool with so many KiB of memory.
fn in_memory(limit: u32, args: &[&str]) -> i32 {
    let script = format!("ulimit -v {limit} && exec \"$0\" \"$@\" >/dev/null");
    let tool = env!("CARGO_BIN_EXE_vmfctl");
    let mut command = std::process::Command::new("bash");
    let status = command.args(["-c", &script, tool]).args(args).status();
    status.unwrap().code().unwrap_or(-1)
}

/// A file with holes has any length, and takes no more memory than another.
#[test]
fn sparse_files() {
    let dir = dir("foreign-sparse");
    for (name, ty, size, count) in [("tables", 3, 16 << 20, 48), ("memory", 6, 64 << 10, 16_000)] {
        let path = write(&dir, name, descriptor(0xe20b, 1));
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let mut at = file.metadata().unwrap().len();
        let mut head = packet(ty, &[]);
        let len = head.len();
        head[len - 8..].copy_from_slice(&u64::to_le_bytes(size));
        for _ in 0..count {
            file.write_all_at(&head, at).unwrap();
            at += len as u64 + size;
        }
        file.write_all_at(&packet(2, &[]), at).unwrap();
        for (limit, command) in [(700_000, "decode"), (100_000, "extract")] {
            assert_eq!(in_memory(limit, &[command, &path]), 0, "{command} {name}");
        }
    }
}
