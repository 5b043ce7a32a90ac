// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! inventory: all devices of a host that can be migrated, and the forms that schedulers read.

#![allow(missing_docs, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use common::*;
use serde_json::{json, Value as Json};
use vmf::{profile::igbvf_82576::PROFILE, Config};

const MDEV: &str = "82576000-0000-4000-8000-00000000000a";
const MTTY: &str = "11111111-2222-4333-8444-555555555555";

/// A host in the making.
struct Host {
    dir: PathBuf,
}

impl Host {
    fn new(name: &str) -> Self {
        let dir = dir(name);
        fs::create_dir_all(dir.join("sys/bus/pci/devices")).unwrap();
        write(&dir, "proc/sys/kernel/hostname", "node-1\n");
        write(&dir, "proc/sys/kernel/osrelease", "7.3.4\n");
        Self { dir }
    }

    fn device(&self, address: &str) -> PathBuf {
        let bus = if address.len() > 12 { "mdev" } else { "pci" };
        self.dir
            .join("sys/bus")
            .join(bus)
            .join("devices")
            .join(address)
    }

    /// A function, with the driver that it has, and the function that it is a part of.
    fn function(&self, address: &str, ids: (u16, u16), driver: Option<&str>, parent: Option<&str>) {
        let dir = self.device(address);
        let (vendor, device) = ids;
        write(&dir, "vendor", format!("{vendor:#06x}\n"));
        write(&dir, "device", format!("{device:#06x}\n"));
        let id = format!("pci:v{vendor:08X}d{device:08X}sv00001AF4sd00001100bc02sc00i00\n");
        write(&dir, "modalias", id);
        self.driver(address, driver);
        if let Some(parent) = parent {
            symlink(self.device(parent), dir.join("physfn")).unwrap();
            let number = fs::read_dir(self.device(parent)).unwrap().count();
            let link = self.device(parent).join(format!("virtfn{number}"));
            symlink(dir, link).unwrap();
        }
    }

    fn driver(&self, address: &str, driver: Option<&str>) {
        if let Some(driver) = driver {
            let dir = self.device(address);
            symlink(format!("../../drivers/{driver}"), dir.join("driver")).unwrap();
            if driver.contains("vfio") {
                fs::create_dir_all(dir.join("vfio-dev/vfio0")).unwrap();
            }
        }
    }

    /// A function, or mediated device, that describes its format.
    fn ours(&self, address: &str) {
        let config = Config::new(PROFILE.config, |_, spec| spec.value);
        let own = descriptor_showing(|_| {}, config.as_slice());
        sysfs(&self.dir.join("sys"), address, &own, 2);
        let rule = self.device(address).join("migration_format");
        write(&rule, "subsystem_rule", "equal\n");
    }

    fn offers(&self, address: &str, features: &str) {
        let file = format!("sys/kernel/debug/vfio/{address}/migration/features");
        write(&self.dir, &file, features);
    }

    fn mdev(&self, uuid: &str, mdev_type: &str) {
        let dir = self.device(uuid);
        fs::create_dir_all(&dir).unwrap();
        let types = format!("../mdev_supported_types/{mdev_type}");
        symlink(types, dir.join("mdev_type")).unwrap();
    }

    fn inventory(&self, args: &[&str]) -> Said {
        let root = self.dir.join("sys");
        vmfctl(&[&["inventory", "--sysfs", root.to_str().unwrap()], args].concat())
    }

    /// The devices of others, by address.
    fn others(&self) -> BTreeMap<String, Json> {
        let json = self.inventory(&["--json"]).json();
        let others = json["others"].as_array().unwrap().iter();
        others
            .map(|other| (other["bdf"].as_str().unwrap().into(), other.clone()))
            .collect()
    }
}

/// Two VFs of ours and two of another make, a function in software, and what does not count.
fn example(name: &str) -> Host {
    let host = Host::new(name);
    host.function("0000:01:00.0", (0x8086, 0x10c9), Some("igb"), None);
    for vf in ["0000:01:10.0", "0000:01:10.2"] {
        host.function(
            vf,
            (0x8086, 0x10ca),
            Some("igbvf_vfio_pci"),
            Some("0000:01:00.0"),
        );
        host.ours(vf);
    }
    host.function("0000:03:00.0", (0x15b3, 0x101d), Some("mlx5_core"), None);
    for vf in ["0000:03:00.2", "0000:03:00.3"] {
        host.function(
            vf,
            (0x15b3, 0x101e),
            Some("mlx5_vfio_pci"),
            Some("0000:03:00.0"),
        );
        host.offers(vf, "stop-copy\np2p\npre-copy\ndirty-tracking\n");
    }
    host.function(
        "0000:03:00.4",
        (0x15b3, 0x101e),
        Some("mlx5_core"),
        Some("0000:03:00.0"),
    );
    host.function("0000:04:00.0", (0x8086, 0x1533), Some("vfio-pci"), None);
    host.ours(MDEV);
    host
}

/// What the guide shows is what the tool writes.
#[test]
fn documented_examples() {
    let host = example("inventory-documented");
    for (form, file) in [
        ("--nfd", "inventory-nfd.txt"),
        ("--nova", "inventory-nova.txt"),
    ] {
        let said = host.inventory(&[form]);
        assert_eq!(said.code, 0, "{}", said.err);
        let path = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = path.join("../../Documentation/admin-guide").join(file);
        let documented = fs::read_to_string(&path).unwrap();
        assert_eq!(said.out, documented, "{}", path.display());
    }
}

#[test]
fn labels_are_labels() {
    let said = example("inventory-labels").inventory(&["--nfd"]).out;
    let mut count = 0;
    for line in said.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once('=').unwrap();
        let (namespace, name) = key.split_once('/').unwrap();
        assert!(namespace.ends_with(".feature.node.kubernetes.io"), "{line}");
        for part in [name, value] {
            let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            assert!(
                (1..=63).contains(&part.len()) && part.bytes().all(inner),
                "{line}"
            );
            let bytes = part.as_bytes();
            assert!(bytes[0].is_ascii_alphanumeric(), "{line}");
            assert!(bytes[bytes.len() - 1].is_ascii_alphanumeric(), "{line}");
        }
        count += 1;
    }
    assert!(count > 10, "{said}");
    // Comments that begin like this are directives.
    assert!(!said.contains("# +"), "{said}");
}

#[test]
fn labels_say_what_all_devices_have() {
    let host = Host::new("inventory-common");
    let at = |file: &str| format!("migration_format/{file}");
    host.ours("0000:01:10.0");
    host.ours("0000:01:10.2");
    let prefix = "vmf.feature.node.kubernetes.io/vf.net.igbvf-82576";
    let labels = || host.inventory(&["--nfd"]).out;
    assert!(labels().contains(&format!("{prefix}.key=")));
    assert!(labels().contains(&format!("{prefix}.feature.unicast-filters=true")));
    let other = host.device("0000:01:10.2");
    write(&other, &at("profile_version"), "1");
    write(&other, &at("features"), "0x0");
    write(&other, &at("limit_rx-queues"), "1");
    write(&other, &at("limit_msix-vectors"), "5");
    let said = labels();
    for (label, there) in [
        (".devices=2", true),
        (".min=1", true),
        (".max=1", true),
        (".limit.rx-queues=1", true),
        (".limit.msix-vectors", false),
        (".feature.", false),
        (".key=", false),
    ] {
        assert_eq!(
            said.contains(&format!("{prefix}{label}")),
            there,
            "{label} {said}"
        );
    }
    write(&other, &at("profile_floor"), "9");
    write(&other, &at("profile_version"), "9");
    assert!(!labels().contains(".max="), "no version is common to both");
}

/// Nova does not start if functions of one parent have other traits.
#[test]
fn traits_of_one_parent_are_equal() {
    let host = example("inventory-traits");
    let file = host.device("0000:01:10.2").join("migration_format");
    write(&file, "profile_version", "1");
    host.offers("0000:03:00.3", "stop-copy\n");
    let said = host.inventory(&["--nova"]).out;
    let mut traits: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let lines = said
        .lines()
        .filter_map(|line| line.strip_prefix("device_spec = "));
    for line in lines {
        let spec: Json = serde_json::from_str(line).unwrap();
        assert_eq!(
            (&spec["managed"], &spec["live_migratable"]),
            (&json!("no"), &json!("yes"))
        );
        let list = spec["traits"].as_str().unwrap();
        for name in list.split(',') {
            let good =
                |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
            assert!(
                name.starts_with("CUSTOM_") && name.bytes().all(good),
                "{name}"
            );
            assert!(name.len() <= 255);
        }
        let (parent, _) = spec["address"].as_str().unwrap().rsplit_once(':').unwrap();
        traits.entry(parent.into()).or_default().push(list.into());
    }
    assert_eq!(traits.len(), 2, "{said}");
    for list in traits.values() {
        assert_eq!(list.len(), 2, "{said}");
        assert_eq!(list[0], list[1]);
    }
    assert!(!said.contains("_V2"), "{said}");
    assert!(!said.contains("PRE_COPY"), "{said}");
    assert!(said.contains(&format!("# {MDEV} is no PCI function")));
}

#[test]
fn every_kind_of_other_device() {
    let host = example("inventory-others");
    let aliases = "\
alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci
alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci
alias vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio_vfio_pci
alias vfio_pci:v00008086d000010CAsv*sd*bc*sc*i* igbvf_vfio_pci
alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci
";
    write(&host.dir, "lib/modules/7.3.4/modules.alias", aliases);
    // The parent of a VF has the same ids here; only the VF can be bound.
    host.function("0000:05:00.0", (0x1af4, 0x1041), Some("virtio-pci"), None);
    host.function(
        "0000:05:00.1",
        (0x1af4, 0x1041),
        Some("virtio-pci"),
        Some("0000:05:00.0"),
    );
    host.function(
        "0000:01:10.4",
        (0x8086, 0x10ca),
        Some("igbvf"),
        Some("0000:01:00.0"),
    );
    host.function("0000:06:00.0", (0x10de, 0x2342), None, None);
    host.function(
        "0000:07:00.0",
        (0x1234, 0x5678),
        Some("some_vfio_pci"),
        None,
    );
    host.function(
        "0000:08:00.0",
        (0x1234, 0x5678),
        Some("some_vfio_pci"),
        None,
    );
    fs::create_dir_all(host.dir.join("sys/kernel/debug/vfio/0000:08:00.0")).unwrap();
    host.function(
        "0000:09:00.1",
        (0x15b3, 0x101e),
        Some("mlx5_vfio_pci"),
        Some("0000:03:00.0"),
    );
    fs::create_dir_all(host.dir.join("sys/kernel/debug/vfio/0000:09:00.1")).unwrap();
    host.mdev(MTTY, "mtty-1");
    host.mdev("11111111-2222-4333-8444-555555555556", "i915-GVTg_V5_4");
    let others = host.others();
    let found: Vec<_> = others
        .iter()
        .map(|(bdf, other)| {
            let text = |name: &str| other[name].as_str().unwrap_or("-").to_string();
            format!(
                "{bdf} {} {} {}",
                text("state"),
                text("foreign"),
                text("module")
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            "0000:01:10.4 bindable - igbvf_vfio_pci",
            "0000:03:00.2 bound mlx5 -",
            "0000:03:00.3 bound mlx5 -",
            "0000:03:00.4 bindable mlx5 mlx5_vfio_pci",
            "0000:05:00.1 bindable virtio virtio_vfio_pci",
            "0000:06:00.0 bindable - nvgrace_gpu_vfio_pci",
            "0000:07:00.0 bound - -",
            "0000:09:00.1 bound mlx5 -",
            "11111111-2222-4333-8444-555555555555 bound mtty -",
        ]
    );
    assert_eq!(others["0000:01:10.4"]["profile"], NAME);
    assert_eq!(others["0000:03:00.2"]["features"]["dma-logging"], "depends");
    assert_eq!(others[MTTY]["kind"], "mediated device");
    // What cannot be migrated after all, or is not known to be, is nothing for a scheduler.
    let nova = host.inventory(&["--nova"]).out;
    for address in [
        "0000:09:00.1",
        "0000:07:00.0",
        "0000:03:00.4",
        "0000:06:00.0",
    ] {
        assert!(!nova.contains(address), "{address}: {nova}");
    }
    let text = host.inventory(&[]);
    for part in [
        "virtual function 15b3:101e",
        "mlx5: NVIDIA ConnectX virtual functions",
        "STOP_COPY, P2P, PRE_COPY",
        "none: it cannot be migrated",
        "module virtio_vfio_pci, which is installed",
        "not VMF; documented: in the code",
        "not VMF, and not in the registry",
        "the firmware says that this function is migratable",
    ] {
        text.has(part);
    }
    assert!(!text.out.contains("i915"), "{}", text.out);
    // Without modules.alias there is the registry.
    fs::remove_file(host.dir.join("lib/modules/7.3.4/modules.alias")).unwrap();
    let others = host.others();
    assert!(others.contains_key("0000:05:00.1") && !others.contains_key("0000:06:00.0"));
    assert_eq!(others["0000:01:10.4"]["profile"], NAME);
    host.inventory(&[])
        .has("a module for virtio; none is installed");
    assert_eq!(others["0000:03:00.4"]["module"], Json::Null);
}

/// One device that cannot be read hides none of the others.
#[test]
fn devices_that_cannot_be_read() {
    let host = example("inventory-unreadable");
    let file = host.device("0000:01:10.0").join("migration_format");
    write(&file, "profile_floor", "none\n");
    let said = host.inventory(&[]);
    assert_eq!(said.code, 3);
    said.has("0000:01:10.2");
    said.has("mlx5");
    said.has("migration_format/profile_floor: not a number in range");
    write(&file, "profile_floor", "1\n");
    write(&file, "descriptor", "no descriptor");
    let said = host.inventory(&["--nfd"]);
    assert_eq!(said.code, 3);
    said.has("0000:01:10.0: descriptor: ");
    said.has("vf.net.igbvf-82576.devices=2");
}

#[test]
fn one_form_at_a_time() {
    let host = Host::new("inventory-forms");
    for forms in [
        ["--nfd", "--nova"],
        ["--nfd", "--json"],
        ["--nova", "--yaml"],
    ] {
        assert_eq!(host.inventory(&forms).code, 2, "{forms:?}");
    }
    host.inventory(&[])
        .has("node-1: no device that can be migrated");
    // What older tools have written has neither keys nor others.
    let host = example("inventory-older");
    let mut json = host.inventory(&["--json"]).json();
    json.as_object_mut().unwrap().remove("others");
    for device in json["devices"].as_array_mut().unwrap() {
        for name in ["key", "kind", "parent"] {
            device.as_object_mut().unwrap().remove(name);
        }
    }
    let file = write(&host.dir, "older.json", json.to_string());
    assert_eq!(vmfctl(&["matrix", &file]).code, 0);
}
