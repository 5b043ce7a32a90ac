// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! An inventory as `[pci]device_spec` lines of nova.conf, as Nova reads them since 2025.1.
//!
//! Nova wants all virtual functions of a physical one to have the same traits, and does not start if they
//! do not. So traits say what all of them have.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use serde_json::json;

use super::{others::Other, Inventory};
use crate::{
    failure::{Failure, Result},
    key::Key,
    registry::Registry,
    sysfs::Device,
    verdict,
};

/// The longest name of a trait.
const TRAIT_MAX: usize = 255;

/// The largest number of versions that are told, from the newest down.
const VERSIONS_MAX: usize = 32;

/// A device that can be migrated.
struct Spec<'a> {
    bdf: &'a str,
    parent: Option<&'a str>,
    vendor: u16,
    device: u16,
    traits: BTreeSet<String>,
}

/// Writes the lines.
pub(super) fn write(out: &mut dyn Write, registry: &Registry, inventory: &Inventory) -> Result<()> {
    let mut specs = Vec::new();
    let mut left_out = Vec::new();
    for device in &inventory.devices {
        match of_device(registry, device)? {
            Some(spec) => specs.push(spec),
            None => left_out.push(device.bdf.as_str()),
        }
    }
    specs.extend(inventory.others.iter().filter_map(of_other));
    let mut common: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for spec in &specs {
        let group = spec.parent.unwrap_or(spec.bdf);
        let traits = common.entry(group).or_insert(spec.traits.clone());
        *traits = traits.intersection(&spec.traits).cloned().collect();
    }
    writeln!(out, "# What \"vmfctl inventory --nova\" says of this host.")?;
    for bdf in left_out {
        writeln!(
            out,
            "# {bdf} is no PCI function: for Nova a matter of [devices]enabled_mdev_types"
        )?;
    }
    writeln!(out, "[pci]")?;
    for spec in &specs {
        let group = spec.parent.unwrap_or(spec.bdf);
        let traits = common.get(group).into_iter().flatten();
        let traits: Vec<_> = traits.map(String::as_str).collect();
        let line = json!({
            "vendor_id": format!("{:04x}", spec.vendor),
            "product_id": format!("{:04x}", spec.device),
            "address": spec.bdf,
            // The driver is bound already, and stays.
            "managed": "no",
            "live_migratable": "yes",
            "traits": traits.join(","),
        });
        writeln!(out, "device_spec = {line}")?;
    }
    Ok(())
}

/// The name of a trait, in the letters that there are.
fn trait_named(parts: &[&str]) -> Option<String> {
    let mut name = String::from("CUSTOM_VMF");
    for part in parts {
        name.push('_');
        let plain = part
            .chars()
            .map(|letter| match letter.to_ascii_uppercase() {
                letter if letter.is_ascii_uppercase() || letter.is_ascii_digit() => letter,
                _ => '_',
            });
        name.extend(plain);
    }
    Some(name).filter(|name| name.len() <= TRAIT_MAX)
}

fn of_device<'a>(registry: &Registry, device: &'a Device) -> Result<Option<Spec<'a>>> {
    if device.bdf.contains('-') {
        return Ok(None);
    }
    let wrong = |error: String| Failure::Input(format!("{}: {error}", device.bdf));
    let key = Key::of_device(registry, device).map_err(Failure::Input)?;
    let bytes = crate::tree::unhex(&device.descriptor).unwrap_or_default();
    let id = verdict::descriptor(&bytes).map_err(wrong)?.presented();
    let profile = key.profile.as_str();
    let mut traits = vec![
        trait_named(&[profile]),
        trait_named(&["key", &key.digest()]),
    ];
    for version in key.reads.clone().rev().take(VERSIONS_MAX) {
        traits.push(trait_named(&[profile, &format!("v{version}")]));
    }
    let features = registry.feature_names(profile, key.features);
    traits.extend(features.map(|name| trait_named(&[profile, name])));
    Ok(Some(Spec {
        bdf: &device.bdf,
        parent: device.parent.as_deref(),
        vendor: id.vendor,
        device: id.device,
        traits: traits.into_iter().flatten().collect(),
    }))
}

fn of_other(other: &Other) -> Option<Spec<'_>> {
    let name = other.foreign.as_deref().filter(|_| other.migrates())?;
    let features = ["p2p", "pre-copy", "dma-logging"];
    let features = features
        .iter()
        .filter(|feature| other.has(feature) == Some(true))
        .map(|feature| trait_named(&["other", name, feature]));
    Some(Spec {
        bdf: &other.bdf,
        parent: other.parent.as_deref(),
        vendor: other.vendor?,
        device: other.device?,
        traits: [trait_named(&["other", name])]
            .into_iter()
            .chain(features)
            .flatten()
            .collect(),
    })
}
