// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! verify and check of streams of other drivers: every rule that can be told from streams, broken once.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::panic, clippy::arithmetic_side_effects)]

mod common;
mod streams;

use common::{dir, stream, vmfctl, write};
use serde_json::Value as Json;
use std::path::Path;
use streams::*;

/// The result of each check of a verdict.
fn results(json: &Json) -> Vec<(String, String)> {
    let checks = json["checks"].as_array().unwrap().iter();
    let text = |json: &Json| json.as_str().unwrap().to_string();
    checks
        .map(|check| (text(&check["check"]), text(&check["result"])))
        .collect()
}

fn result(json: &Json, name: &str) -> String {
    let found = results(json).into_iter().find(|(check, _)| check == name);
    found.unwrap_or_else(|| panic!("no {name} in {json}")).1
}

/// A copy of `bytes` with others from `at` on.
fn with(bytes: &[u8], at: usize, new: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

#[test]
fn accepted() {
    let dir = dir("verdict-good");
    for (name, bytes) in all() {
        let file = write(&dir, &name.replace('/', "-"), bytes);
        let said = vmfctl(&["verify", "--json", &file]);
        assert_eq!(said.code, 0, "{name}: {}{}", said.out, said.err);
        let json = said.json();
        assert_eq!(json["accepted"], true);
        assert!(results(&json).iter().all(|(_, result)| result != "fails"));
        assert!(!json["read_by"].as_array().unwrap().is_empty());
        let said = vmfctl(&["verify", &file]);
        assert_eq!(said.code, 0);
        said.has("accepted by ");
        said.has("as far as the stream tells");
        said.has("this format is written by ");
    }
    let json = vmfctl(&[
        "verify",
        "--json",
        &write(&dir, "qat", Qat::default().stream()),
    ])
    .json();
    assert_eq!(result(&json, "setup-preamble"), "holds");
    assert_eq!(result(&json, "capabilities"), "depends");
    assert_eq!(result(&json, "ring-status"), "depends");
}

#[test]
fn refused() {
    let dir = dir("verdict-bad");
    let (hisi, qat, xe, mtty) = (hisi_acc(), Qat::default().stream(), xe(), mtty(2));
    let igb = igb_vfio_pci();
    let unknown = |flags| [mlx5(), record(flags, 9, b"new")].concat();
    let no_trailer = &xe[..xe.len() - 24];
    let mut long = hisi.clone();
    long.push(0);
    let services = qat.windows(6).position(|bytes| bytes == b"svcmap").unwrap();
    let bank = qat.windows(4).position(|bytes| bytes == b"bnk3").unwrap();
    let cases: [(&str, &str, Vec<u8>, &str, &str); 25] = [
        ("mlx5", "tag", unknown(0), "EOPNOTSUPP", "tag 0x9 at 0x2d"),
        (
            "mlx5",
            "record-size",
            with(&mlx5(), 24, &[0xff; 8]),
            "ENOMEM",
            "at 0x18",
        ),
        (
            "virtio",
            "tag",
            record(0, 1, &[]),
            "EOPNOTSUPP",
            "tag 0x1 at 0x0",
        ),
        ("hisi-acc", "length", long, "ENOMEM", "177"),
        (
            "hisi-acc",
            "magic",
            with(&hisi, 0, &[0]),
            "EFAULT",
            "0xaaccfeeddecade00",
        ),
        (
            "hisi-acc",
            "major-version",
            with(&hisi, 28, &[2]),
            "EFAULT",
            "2 at 0x1c",
        ),
        ("hisi-acc", "complete", hisi[..41].to_vec(), "EINVAL", "41"),
        (
            "mtty",
            "header",
            with(&mtty, 12, &[1]),
            "EFAULT",
            "1 at 0xc",
        ),
        (
            "mtty",
            "header",
            with(&mtty, 20, &[1]),
            "EFAULT",
            "1 at 0x14",
        ),
        (
            "mtty",
            "length",
            [mtty.clone(), vec![0]].concat(),
            "ENOMEM",
            "97",
        ),
        (
            "mtty",
            "complete",
            mtty[..95].to_vec(),
            "EINVAL",
            "2 elements, and 1",
        ),
        (
            "mtty",
            "complete",
            mtty[..20].to_vec(),
            "EINVAL",
            "24 bytes, and 20",
        ),
        ("igb-vfio-pci", "length", vec![0; 4097], "EFBIG", "4097"),
        (
            "igb-vfio-pci",
            "complete",
            igb[..1000].to_vec(),
            "EIO",
            "1000",
        ),
        (
            "igb-vfio-pci",
            "blob",
            with(&igb, 4, &[2]),
            "EIO",
            "2 at 0x4",
        ),
        (
            "igb-vfio-pci",
            "blob",
            with(&igb, 12, &[65]),
            "EIO",
            "0x41 at 0xc",
        ),
        (
            "qat",
            "length",
            [qat.clone(), vec![0]].concat(),
            "ENOMEM",
            "4097",
        ),
        (
            "qat",
            "setup-preamble",
            with(&qat, 4, &[2]),
            "EINVAL",
            "2 at 0x4",
        ),
        (
            "qat",
            "setup-preamble",
            with(&qat, 15, &[1]),
            "EINVAL",
            "a payload of 167",
        ),
        (
            "qat",
            "services",
            with(&qat, services, b"SVC"),
            "EINVAL",
            "missing",
        ),
        (
            "qat",
            "sections",
            with(&qat, bank, b"BNK"),
            "EINVAL",
            "missing",
        ),
        ("xe", "version", with(&xe, 40, &[2]), "EINVAL", "2 at 0x28"),
        (
            "xe",
            "descriptor",
            with(&xe, 24, &[2]),
            "ENODATA",
            "are left",
        ),
        ("xe", "trailer", no_trailer.to_vec(), "ETIMEDOUT", "missing"),
        ("pds", "length", vec![1; 65537], "EINVAL", "65537"),
    ];
    for (n, (driver, check, bytes, errno, words)) in cases.into_iter().enumerate() {
        let name = format!("{n}-{driver}-{check}");
        let file = write(&dir, &name, bytes);
        let said = vmfctl(&["verify", "--as", driver, &file]);
        assert_eq!(said.code, 1, "{name}: {}{}", said.out, said.err);
        said.has("refused by ");
        said.has(words);
        let said = vmfctl(&["verify", "--json", "--as", driver, &file]);
        assert_eq!(said.code, 1);
        let json = said.json();
        assert_eq!(json["accepted"], false, "{name}");
        assert_eq!(json["error"], errno, "{name}: {json}");
        assert_eq!(result(&json, check), "fails", "{name}: {json}");
    }
    // With the flag, the driver reads over it.
    let said = vmfctl(&["verify", &write(&dir, "optional", unknown(1))]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("1 that may be dropped");
}

/// A driver that does not notice is no reason to call a stream good.
#[test]
fn damaged_and_not_noticed() {
    let stream = mlx5();
    let file = write(&dir("verdict-cut"), "mlx5", &stream[..stream.len() - 1]);
    let said = vmfctl(&["verify", &file]);
    assert_eq!(said.code, 3);
    said.has("accepted by mlx5_vfio_pci");
    said.has("a short stream: accepted");
    said.has("damaged stream, which the driver would not notice: the stream ended: offset 0x18");
}

/// Checks `a` against `b`; returns the exit status and the document.
fn check(dir: &Path, a: &[u8], b: &[u8], more: &[&str]) -> (i32, Json) {
    let (a, b) = (write(dir, "a", a), write(dir, "b", b));
    let said = vmfctl(&[&["check", "--json", &a, &b], more].concat());
    assert!(said.code < 2, "{}{}", said.out, said.err);
    // In either spelling, and for people.
    let again = vmfctl(&[&["check", &a, "--against", &b], more].concat());
    assert_eq!(again.code, said.code, "{}", again.err);
    (said.code, said.json())
}

#[test]
fn two_streams() {
    let dir = dir("verdict-two");
    let hisi = hisi_acc();
    let qat = |change: fn(&mut Qat)| {
        let mut qat = Qat::default();
        change(&mut qat);
        qat.stream()
    };
    let same = qat(|_| {});
    let xe = |device, revision| [descriptor(device, revision), packet(2, &[])].concat();
    for (a, b, refused) in [
        (hisi.clone(), hisi.clone(), None),
        (
            hisi.clone(),
            with(&hisi, 8, &[5]),
            Some(("queue-pairs", "EFAULT")),
        ),
        (
            hisi.clone(),
            with(&hisi, 12, &[0x56]),
            Some(("device", "EFAULT")),
        ),
        (
            hisi.clone(),
            with(&hisi, 16, &[65]),
            Some(("isolation", "EFAULT")),
        ),
        (mtty(1), mtty(2), Some(("header", "EFAULT"))),
        (same.clone(), same.clone(), None),
        // Every bit of the source is enough.
        (same.clone(), qat(|qat| qat.capabilities = 0xffff), None),
        (
            same.clone(),
            qat(|qat| qat.capabilities = 0x0ffe),
            Some(("capabilities", "EINVAL")),
        ),
        (
            same.clone(),
            qat(|qat| qat.services = 0x1235),
            Some(("services", "EINVAL")),
        ),
        (
            same.clone(),
            qat(|qat| qat.limit = Some([1, 0xf0, 101, 200])),
            None,
        ),
        (
            same.clone(),
            qat(|qat| qat.limit = Some([1, 0xf0, 99, 200])),
            Some(("rate-limits", "EINVAL")),
        ),
        (
            same.clone(),
            qat(|qat| qat.limit = Some([1, 0x0f, 100, 200])),
            Some(("rate-limits", "EINVAL")),
        ),
        (
            same.clone(),
            qat(|qat| qat.limit = None),
            Some(("rate-limits", "EINVAL")),
        ),
        (qat(|qat| qat.limit = None), same.clone(), None),
        (xe(1, 1), xe(1, 1), None),
        (xe(1, 1), xe(1, 2), Some(("device", "ENODEV"))),
        (xe(1, 1), xe(2, 1), Some(("device", "ENODEV"))),
        (mlx5(), mlx5(), None),
    ] {
        let (code, json) = check(&dir, &a, &b, &[]);
        let failed = results(&json)
            .into_iter()
            .find(|(_, result)| result == "fails");
        assert_eq!(
            failed.map(|(name, _)| name).as_deref(),
            refused.map(|(name, _)| name),
            "{json}"
        );
        assert_eq!(json["error"].as_str(), refused.map(|(_, errno)| errno));
        assert_eq!(code, i32::from(refused.is_some()));
        assert_eq!(json["document"], "foreign-check/1");
    }
}

/// Which releases of the kernel load each other's streams is known where they were looked at.
#[test]
fn releases() {
    let dir = dir("verdict-releases");
    let (_, json) = check(&dir, &mlx5(), &mlx5(), &[]);
    let three = ["6.12.117", "7.2.12", "7.3.4"];
    assert_eq!(json["written_by"].as_array().unwrap(), &three);
    assert_eq!(json["of_which_read"].as_array().unwrap(), &three);
    let v1 = with(&hisi_acc(), 0, &0xcdcd_cdcd_feed_aacc_u64.to_le_bytes());
    let (code, json) = check(&dir, &v1, &hisi_acc(), &[]);
    assert_eq!(
        (code, json["read_by"].as_array().unwrap().len()),
        (0, 4),
        "{json}"
    );
    assert!(json["written_by"].as_array().unwrap().is_empty());

    // What 6.1 has sent is no stream for what is there now.
    let (records, image) = (
        write(&dir, "records", mlx5()),
        write(&dir, "image", [7; 99]),
    );
    let said = vmfctl(&["verify", "--as", "mlx5/images", &image]);
    assert_eq!(said.code, 0);
    said.has("this format is written by 6.1.172, and read by 6.1.172");
    let said = vmfctl(&["check", &image, &records, "--as", "mlx5/images"]);
    assert_eq!(said.code, 1, "{}", said.err);
    said.has("not read: releases that write records (6.12.117, 7.2.12, 7.3.4) do not read images");
    let said = vmfctl(&["check", &image, &image, "--as", "mlx5/images"]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("releases that write images (6.1.172) read images");
}

#[test]
fn what_is_not_compared() {
    let dir = dir("verdict-kinds");
    let (a, b) = (write(&dir, "a", mlx5()), write(&dir, "b", mtty(1)));
    let ours = write(&dir, "ours", stream());
    for (one, other, words) in [
        (&a, &b, "a stream of mlx5"),
        (&b, &a, "one of mlx5"),
        (&a, &ours, "something else"),
        (&ours, &a, "something else"),
    ] {
        let said = vmfctl(&["check", one, other]);
        assert_eq!(said.code, 2, "{}{}", said.out, said.err);
        said.has("what no driver compares is not compared here");
        said.has(words);
        assert_eq!(said.err.lines().count(), 1);
    }
    // Alone it is judged as verify does.
    let said = vmfctl(&["check", &a]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("accepted by mlx5_vfio_pci");
}
