// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! decode of streams that a compiler has laid out from the structures of the kernel: selftests/foreign
//! has the values that are expected here. selftests/lab/run.sh makes them before these tests.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::panic, clippy::arithmetic_side_effects)]

mod common;
mod streams;

use common::vmfctl;
use serde_json::{json, Value as Json};
use std::path::Path;
use streams::values::{self, Value};

/// Every value of a stream.
fn values(name: &str) -> Vec<Value> {
    let file = format!("../../build/foreign/{name}.stream");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let len = file.metadata().unwrap_or_else(|error| {
        panic!(
            "{}: {error}; \"run.sh cargo vmfctl test\" makes it",
            file.display()
        )
    });
    let said = vmfctl(&["decode", "--json", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    let document = said.json();
    assert_eq!(document["length"], len.len());
    // The destination is a device that sends the same: nothing there is against it.
    let verified = vmfctl(&["verify", file.to_str().unwrap()]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    values::of(&document)
}

/// Compares all values below `path`, in the order of the stream: each its name and what it is.
#[track_caller]
fn compare(all: &[Value], path: &str, want: &[(&str, Json)]) {
    let below = all.iter().filter_map(|(_, _, whole, value)| {
        let rest = whole.strip_prefix(path)?;
        let name = rest.strip_prefix('.').unwrap_or(rest);
        Some((name, value.clone()))
    });
    let got: Vec<_> = below.collect();
    assert_eq!(got, want, "{path}");
}

/// Names with numbers that count up from `first`.
fn counted<'a>(names: &[&'a str], first: u64) -> Vec<(&'a str, Json)> {
    let numbered = names.iter().zip(first..);
    numbered
        .map(|(name, number)| (*name, json!(number)))
        .collect()
}

#[test]
fn hisi_acc() {
    let all = values("hisi_acc");
    let want = [
        ("acc_magic", json!("12307492179295264478")),
        ("qp_num", json!(2)),
        ("dev_id", json!(0xa251)),
        ("que_iso_cfg", json!(3)),
        ("qp_base", json!(4)),
        ("vf_qm_state", json!(1)),
        ("major_ver", json!(1)),
        ("minor_ver", json!(0)),
        ("reserved", json!([5, 6])),
    ];
    compare(&all, "match", &want);
    let registers = [
        "aeq_int_mask",
        "eq_int_mask",
        "ifc_int_source",
        "ifc_int_mask",
        "ifc_int_set",
        "page_size",
    ];
    let mut want = counted(&registers, 7);
    want.extend([
        ("qm_eqc_dw", json!([13, 14, 15, 16, 17, 18, 19])),
        ("qm_aeqc_dw", json!([20, 21, 22, 23, 24, 25, 26])),
        ("reserved", json!([27, 28, 29, 30, 31])),
    ]);
    want.extend(counted(
        &["padding", "eqe_dma", "aeqe_dma", "sqc_dma", "cqc_dma"],
        32,
    ));
    compare(&all, "state", &want);
}

/// The header of a record, and what is in it.
fn record<'a>(
    size: u64,
    flags: u64,
    tag: u64,
    payload: &[(&'a str, Json)],
) -> Vec<(&'a str, Json)> {
    let mut want = vec![
        ("header.record_size", json!(size)),
        ("header.flags", json!(flags)),
        ("header.tag", json!(tag)),
    ];
    want.extend_from_slice(payload);
    want
}

#[test]
fn mlx5() {
    let all = values("mlx5");
    let size = [("payload.stop_copy_size", json!(0x3000))];
    compare(&all, "records[0].stop_copy_size", &record(8, 1, 1, &size));
    let image = [("payload", json!("696d616765"))];
    compare(&all, "records[1].fw_data", &record(5, 0, 0, &image));
    let new = [("payload", json!("6e6577"))];
    compare(&all, "records[2].unknown", &record(3, 1, 9, &new));
    assert_eq!(all.len(), 12);
}

#[test]
fn virtio() {
    let all = values("virtio");
    compare(&all, "records[0].device_data.header", &record_header(107));
    let part = |ty: u64, flags: u64, selector: u64, length: u64| {
        vec![
            ("header.part_type", json!(ty)),
            ("header.flags", json!(flags)),
            ("header.reserved", json!(0)),
            ("header.selector", json!(selector)),
            ("header.reserved2", json!(0)),
            ("header.length", json!(length)),
        ]
    };
    let data = "records[0].device_data.payload";
    let mut want = part(0x100, 1, 0, 8);
    want.push(("payload", json!([0x1_0000_0020_u64])));
    compare(&all, &format!("{data}[0].device_features"), &want);
    let mut want = part(0x102, 0, 22, 2);
    want.push(("payload", json!("0100")));
    compare(&all, &format!("{data}[1].pci_common_cfg"), &want);
    let mut want = part(0x103, 0, 0, 1);
    want.push(("payload", json!(15)));
    compare(&all, &format!("{data}[2].device_status"), &want);
    let mut want = part(0x104, 0, 2, 32);
    want.extend([
        ("payload.queue_size", json!(256)),
        ("payload.vector", json!(3)),
        ("payload.enabled", json!(1)),
        ("payload.reserved", json!(0)),
        ("payload.queue_desc", json!(4)),
        ("payload.queue_driver", json!(5)),
        ("payload.queue_device", json!(6)),
    ]);
    compare(&all, &format!("{data}[3].queue"), &want);
}

fn record_header(size: u64) -> Vec<(&'static str, Json)> {
    vec![
        ("record_size", json!(size)),
        ("flags", json!(0)),
        ("tag", json!(0)),
    ]
}

#[test]
fn xe() {
    let all = values("xe");
    let packet = |ty: u64, [tile, gt, flags]: [u64; 3], offset: u64, size: u64| {
        vec![
            ("header.version", json!(1)),
            ("header.type", json!(ty)),
            ("header.tile_id", json!(tile)),
            ("header.gt_id", json!(gt)),
            ("header.flags", json!(flags)),
            ("header.offset", json!(offset)),
            ("header.size", json!(size)),
        ]
    };
    let none = [0; 3];
    let mut want = packet(1, none, 0, 16);
    want.extend([
        ("payload[0].device_id.header.head", json!(0xf001_0001_u64)),
        ("payload[0].device_id.payload", json!(0xe20b)),
        ("payload[1].revision_id.header.head", json!(0xf002_0001_u64)),
        ("payload[1].revision_id.payload", json!(1)),
    ]);
    compare(&all, "packets[0].descriptor", &want);
    let mut want = packet(5, [2, 3, 0], 0, 12);
    want.push(("payload", json!("040000000500000006000000")));
    compare(&all, "packets[1].guc", &want);
    let mut want = packet(3, none, 0, 16);
    want.push(("payload", json!([7, 8])));
    compare(&all, "packets[2].ggtt", &want);
    let mut want = packet(4, [0, 0, 9], 0, 16);
    want.push(("payload", json!([10, 11, 12, 13])));
    compare(&all, "packets[3].mmio", &want);
    let mut want = packet(6, none, 512 << 20, 6);
    want.push(("payload", json!("6d656d6f7279")));
    compare(&all, "packets[4].vram", &want);
    compare(&all, "packets[5].trailer", &packet(2, none, 0, 0));
}

#[test]
fn mtty() {
    let all = values("mtty");
    let want = [
        ("magic", json!("9123458906490547278")),
        ("major_ver", json!(1)),
        ("minor_ver", json!(0)),
        ("nr_ports", json!(2)),
        ("flags", json!(0)),
    ];
    compare(&all, "header", &want);
    let port = |registers: &str, fifo: &str, numbers: [u64; 10]| {
        let [head, tail, count, dlab, overrun, padding, divisor, fcr, max, level] = numbers;
        vec![
            ("uart_reg", json!(registers)),
            ("rxtx.fifo", json!(fifo)),
            ("rxtx.head", json!(head)),
            ("rxtx.tail", json!(tail)),
            ("rxtx.count", json!(count)),
            ("dlab", json!(dlab)),
            ("overrun", json!(overrun)),
            ("padding", json!(padding)),
            ("divisor", json!(divisor)),
            ("fcr", json!(fcr)),
            ("max_fifo_size", json!(max)),
            ("intr_trigger_level", json!(level)),
            ("padding2", json!(0)),
        ]
    };
    let letters = "7369787465656e206c6574746572732e";
    let want = port("7265676973746572", letters, [1, 2, 3, 1, 0, 0, 4, 5, 6, 7]);
    compare(&all, "ports[0]", &want);
    let nine = format!("09{}", "00".repeat(15));
    let want = port(
        "0800000000000000",
        &nine,
        [10, 11, 12, 0, 1, 0, 13, 14, 15, 16],
    );
    compare(&all, "ports[1]", &want);
}

/// The header of a section, and the value in it.
fn section(id: &str, size: u64, subs: u64) -> Vec<(&'static str, Json)> {
    vec![
        ("header.id", json!(id)),
        ("header.size", json!(size)),
        ("header.sub_sects", json!(subs)),
    ]
}

#[test]
fn qat() {
    let all = values("qat");
    let preamble = |sections: u64, size: u64| {
        vec![
            ("magic", json!(0xadf5_caea_u64)),
            ("version", json!(1)),
            ("preh_len", json!(16)),
            ("n_sects", json!(sections)),
            ("size", json!(size)),
        ]
    };
    compare(&all, "setup.header", &preamble(1, 74));
    let value = |path: &str, id: &str, size: u64, value: u64| {
        let mut want = section(id, size, 0);
        want.push(("payload", json!(value)));
        compare(&all, path, &want);
    };
    let config = "setup.payload[0].config";
    compare(
        &all,
        &format!("{config}.header"),
        &headless(section("CONFIG", 58, 3)),
    );
    value(&format!("{config}.payload[0].capabilities"), "gencap", 4, 1);
    value(&format!("{config}.payload[1].services"), "svcmap", 2, 2);
    value(
        &format!("{config}.payload[2].extended_compression"),
        "extdc",
        4,
        3,
    );

    compare(&all, "state.header", &preamble(3, 90 + 136 + 16 + 4 * 504));
    let general = "state.payload[0].general";
    compare(
        &all,
        &format!("{general}.header"),
        &headless(section("GENER", 74, 3)),
    );
    value(
        &format!("{general}.payload[0].initialised"),
        "iovinit",
        1,
        4,
    );
    value(
        &format!("{general}.payload[1].mailbox_version"),
        "compver",
        1,
        5,
    );
    let mut want = section("sla", 24, 0);
    want.extend([
        ("payload[0].srv", json!(2)),
        ("payload[0].padding", json!(0)),
        ("payload[0].rp_mask", json!(6)),
        ("payload[0].cir", json!(7)),
        ("payload[0].pir", json!(8)),
    ]);
    compare(&all, &format!("{general}.payload[2].rate_limits"), &want);

    let misc = "state.payload[1].misc";
    compare(
        &all,
        &format!("{misc}.header"),
        &headless(section("MISCBAR", 120, 6)),
    );
    let registers = [
        ("interrupt_source", "visrc"),
        ("interrupt_mask", "vimsk"),
        ("mailbox_interrupt_source", "vispv"),
        ("mailbox_interrupt_mask", "vimpv"),
        ("mailbox_to_function", "pf2vm"),
        ("mailbox_to_parent", "vm2pf"),
    ];
    for ((n, (name, id)), number) in registers.iter().enumerate().zip(9..) {
        value(&format!("{misc}.payload[{n}].{name}"), id, 4, number);
    }
    banks(&all);
}

fn banks(all: &[Value]) {
    let rings = "state.payload[2].rings";
    compare(
        all,
        &format!("{rings}.header"),
        &headless(section("ETRBAR", 4 * 504, 4)),
    );
    let names = "\
        ringstat0 ringstat1 ringuostat ringestat ringnestat ringnfstat ringfstat \
        ringcstat0 ringcstat1 ringcstat2 ringcstat3 iaintflagen iaintflagreg \
        iaintflagsrcsel0 iaintflagsrcsel1 iaintcolen iaintcolctl iaintflagandcolen \
        ringexpstat ringexpintenable ringsrvarben reserved";
    let names: Vec<_> = names.split_whitespace().collect();
    for (n, first) in [15, 47, 48, 49].into_iter().enumerate() {
        let bank = format!("{rings}.payload[{n}].bank{n}");
        compare(
            all,
            &format!("{bank}.header"),
            &headless(section(&format!("bnk{n}"), 488, 1)),
        );
        let registers = format!("{bank}.payload[0].registers");
        compare(
            all,
            &format!("{registers}.header"),
            &headless(section("mregs", 472, 0)),
        );
        let mut want = counted(&names, first);
        if n != 0 {
            // In the others only the first register has a value.
            want.iter_mut()
                .skip(1)
                .for_each(|(_, value)| *value = json!(0));
        }
        let payload: Vec<_> = all
            .iter()
            .filter(|(_, _, path, _)| !path.contains(".rings["))
            .cloned()
            .collect();
        compare(&payload, &format!("{registers}.payload"), &want);
        for ring in 0..16 {
            let first = match (n, ring) {
                (0, 0) => 37,
                (0, 15) => 42,
                _ => 0,
            };
            let mut want = counted(&["base", "config", "head", "tail", "reserved"], first);
            if first == 0 {
                want.iter_mut().for_each(|(_, value)| *value = json!(0));
            }
            compare(all, &format!("{registers}.payload.rings[{ring}]"), &want);
        }
    }
}

/// The names of a header without what they are in.
fn headless(fields: Vec<(&'static str, Json)>) -> Vec<(&'static str, Json)> {
    let short = |name: &'static str| name.strip_prefix("header.").unwrap_or(name);
    fields
        .into_iter()
        .map(|(name, value)| (short(name), value))
        .collect()
}
