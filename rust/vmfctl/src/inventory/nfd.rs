// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! An inventory as a file for the source "local" of Kubernetes' node-feature-discovery: a label of the node
//! in each line. A node has one label of a name, so labels say what all devices of a profile have.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use vmf::Rule;

use super::{others::Other, Inventory};
use crate::{
    failure::{Failure, Result},
    key::Key,
    registry::Registry,
};

/// One below that of NFD itself, which is always let through.
const NAMESPACE: &str = "vmf.feature.node.kubernetes.io";

/// The longest name, and the longest value, of a label of Kubernetes.
const LABEL_MAX: usize = 63;

/// The largest file that NFD reads.
const FILE_MAX: usize = 64 << 10;

type Labels = BTreeMap<String, String>;

/// Writes the file.
pub(super) fn write(out: &mut dyn Write, registry: &Registry, inventory: &Inventory) -> Result<()> {
    let mut labels = Labels::new();
    for (profile, keys) in keys_by_profile(registry, inventory)? {
        of_profile(&mut labels, registry, &profile, &keys);
    }
    let mut others: BTreeMap<&str, Vec<&Other>> = BTreeMap::new();
    for other in inventory.others.iter().filter(|other| other.migrates()) {
        if let Some(name) = &other.foreign {
            others.entry(name).or_default().push(other);
        }
    }
    for (name, devices) in others {
        of_others(&mut labels, name, &devices);
    }
    let mut text = String::from("# What \"vmfctl inventory --nfd\" says of this node.\n");
    for (name, value) in &labels {
        let line = match is_label(name) && (value.is_empty() || is_label(value)) {
            true => format!("{NAMESPACE}/{name}={value}\n"),
            false => format!("# No label of Kubernetes: {name}={value}\n"),
        };
        text.push_str(&line);
    }
    if text.len() > FILE_MAX {
        return Err(Failure::Input(format!(
            "more than {FILE_MAX} bytes of labels, which NFD does not read"
        )));
    }
    Ok(out.write_all(text.as_bytes())?)
}

/// Whether Kubernetes takes this as the name, without its namespace, or the value of a label.
fn is_label(text: &str) -> bool {
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let ends = [text.as_bytes().first(), text.as_bytes().last()];
    let ends = ends
        .iter()
        .all(|end| end.is_some_and(u8::is_ascii_alphanumeric));
    ends && text.len() <= LABEL_MAX && text.bytes().all(|byte| inner(&byte))
}

/// The keys of all devices that describe their format.
fn keys_by_profile(
    registry: &Registry,
    inventory: &Inventory,
) -> Result<BTreeMap<String, Vec<(Key, bool)>>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for device in &inventory.devices {
        let key = Key::of_device(registry, device).map_err(Failure::Input)?;
        let keys = all.entry(key.profile.clone()).or_default();
        keys.push((key, device.bdf.contains('-')));
    }
    Ok(all)
}

fn of_profile(labels: &mut Labels, registry: &Registry, profile: &str, keys: &[(Key, bool)]) {
    let mut put = |name: &str, value: String| labels.insert(format!("{profile}.{name}"), value);
    let software = keys.iter().filter(|(_, software)| *software).count();
    put("devices", keys.len().to_string());
    put("software", software.to_string());
    let keys: Vec<_> = keys.iter().map(|(key, _)| key).collect();
    // Nothing at all if the versions that two devices read have none in common.
    let min = keys.iter().map(|key| *key.reads.start()).max();
    let max = keys.iter().map(|key| *key.reads.end()).min();
    if let (Some(min), Some(max), true) = (min, max, min <= max) {
        put("min", min.to_string());
        put("max", max.to_string());
    }
    if let Some(version) = one(keys.iter().map(|key| key.version.to_string()).collect()) {
        put("writes", version);
    }
    if let Some(digest) = one(keys.iter().map(|key| key.digest()).collect()) {
        put("key", digest);
    }
    let all = keys.iter().fold(u128::MAX, |mask, key| mask & key.features);
    for name in registry.feature_names(profile, all) {
        put(&format!("feature.{name}"), "true".into());
    }
    for (name, value) in limits(&keys) {
        put(&format!("limit.{name}"), value);
    }
}

/// The value that all have.
fn one(mut values: BTreeSet<String>) -> Option<String> {
    match values.len() {
        1 => values.pop_first(),
        _ => None,
    }
}

/// What every device takes of a limit.
fn limits(keys: &[&Key]) -> Labels {
    let mut values: BTreeMap<&str, Vec<(Rule, &str)>> = BTreeMap::new();
    for key in keys {
        for (name, rule, value) in key.limits() {
            values.entry(name).or_default().push((rule, value));
        }
    }
    let mut labels = Labels::new();
    for (name, list) in values {
        let numbers = || {
            list.iter()
                .filter_map(|(_, value)| value.parse::<u64>().ok())
        };
        let rules: Vec<_> = list.iter().map(|(rule, _)| *rule).collect();
        let equal = list.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
        let value = match rules.as_slice() {
            _ if list.len() != keys.len() => None,
            _ if equal => list.first().map(|(_, value)| (*value).to_string()),
            [Rule::Le, ..] => numbers().min().map(|least| least.to_string()),
            [Rule::Ge, ..] => numbers().max().map(|most| most.to_string()),
            _ => None,
        };
        labels.extend(value.map(|value| (name.to_string(), value)));
    }
    labels
}

fn of_others(labels: &mut Labels, name: &str, devices: &[&Other]) {
    let mut put = |word: &str, value: String| labels.insert(format!("{name}.{word}"), value);
    put("devices", devices.len().to_string());
    for feature in ["p2p", "pre-copy", "dma-logging"] {
        let all: Option<Vec<_>> = devices.iter().map(|device| device.has(feature)).collect();
        if let Some(all) = all {
            put(feature, all.iter().all(|has| *has).to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_as_kubernetes_has_them() {
        for good in ["a", "vf.net.igbvf-82576.max", "0", "A_b", &"x".repeat(63)] {
            assert!(is_label(good), "{good}");
        }
        for bad in [
            "",
            ".a",
            "a-",
            "a b",
            "a/b",
            "a=b",
            "\u{fc}",
            &"x".repeat(64),
        ] {
            assert!(!is_label(bad), "{bad}");
        }
    }
}
