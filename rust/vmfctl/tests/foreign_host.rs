// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! check of streams of other drivers against hosts: is there a device whose driver takes it?

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::panic, clippy::arithmetic_side_effects)]

mod common;
mod streams;

use common::{dir, vmfctl, write};
use serde_json::{json, Value as Json};
use streams::*;

/// The inventory of a host with two functions of one make, of which one has another driver.
fn inventory(kernel: Json) -> String {
    let other = |bdf: &str, state: &str| json!({"bdf": bdf, "kind": "virtual function", "state": state, "foreign": "mlx5"});
    json!({
        "document": "vmf-inventory/1",
        "hostname": "node-2",
        "kernel": kernel,
        "devices": [],
        "others": [other("0000:03:00.2", "bound"), other("0000:03:00.3", "bindable")],
    })
    .to_string()
}

#[test]
fn a_device_of_the_driver() {
    let dir = dir("foreign-host");
    let source = write(&dir, "stream", mlx5());
    let host = write(&dir, "host.json", inventory("7.3.4-amd64".into()));
    let said = vmfctl(&["check", &source, &host]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said.has("0000:03:00.2: has the driver");
    said.has("0000:03:00.3: is of that kind, and does not migrate as it is");
    said.has("accepted by mlx5_vfio_pci");
    let json = vmfctl(&["--json", "check", &source, &host]).json();
    assert_eq!(json["accepted"], true);
    assert_eq!(json["devices"], json!(["0000:03:00.2"]));
    assert_eq!(json["devices_that_do_not_migrate"], json!(["0000:03:00.3"]));
    assert_eq!(json["kernel_reads"], true);
}

#[test]
fn no_device_of_the_driver() {
    let dir = dir("foreign-host-none");
    let source = write(&dir, "stream", mtty(1));
    let host = write(&dir, "host.json", inventory("7.3.4".into()));
    let said = vmfctl(&["check", &source, &host]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused: no device with mtty, or none that migrates");
    let json = vmfctl(&["--json", "check", &source, &host]).json();
    assert_eq!(
        (&json["accepted"], &json["devices"]),
        (&json!(false), &json!([]))
    );
    // A device of this host that is not there.
    let root = dir.join("sys");
    std::fs::create_dir_all(root.join("bus/pci/devices")).unwrap();
    let root = root.to_str().unwrap();
    let said = vmfctl(&["check", &source, "0000:01:10.0", "--sysfs", root]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused: no device with mtty");
}

/// What the driver would refuse anywhere it refuses there.
#[test]
fn a_bad_stream() {
    let dir = dir("foreign-host-bad");
    let mut bytes = mtty(1);
    bytes[0] ^= 1;
    let source = write(&dir, "stream", bytes);
    let mut host: Json = serde_json::from_str(&inventory("7.3.4".into())).unwrap();
    host["others"][0]["foreign"] = "mtty".into();
    let host = write(&dir, "host.json", host.to_string());
    let said = vmfctl(&["check", &source, &host, "--as", "mtty"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused by mtty");
}

/// A kernel of a series that was looked at reads the format or does not; of others nothing is known.
#[test]
fn kernels() {
    let dir = dir("foreign-host-kernels");
    let source = write(&dir, "stream", mlx5());
    for (kernel, reads, code, words) in [
        (json!("6.12.50-1"), json!(true), 0, "accepted"),
        (
            json!("6.1.9"),
            json!(false),
            1,
            "refused: mlx5 of Linux 6.1.9 does not read this format",
        ),
        (
            json!("5.19.0"),
            json!(null),
            0,
            "whether mlx5 of Linux 5.19.0 reads this format was not looked at",
        ),
        (json!(null), json!(null), 0, "accepted"),
    ] {
        let host = write(&dir, "host.json", inventory(kernel.clone()));
        let said = vmfctl(&["check", &source, &host]);
        assert_eq!(said.code, code, "{kernel}: {}{}", said.out, said.err);
        said.has(words);
        let json = vmfctl(&["--json", "check", &source, &host]).json();
        assert_eq!(json["kernel_reads"], reads, "{kernel}");
        assert_eq!(json["accepted"], code == 0, "{kernel}");
    }
}
