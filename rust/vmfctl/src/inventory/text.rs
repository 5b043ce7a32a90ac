// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! An inventory for people.

use std::io::Write;

use super::{
    others::{Other, State},
    Inventory,
};
use crate::{failure::Result, print, sysfs::Device};

/// Writes a block for each device.
pub(super) fn write(out: &mut dyn Write, inventory: &Inventory) -> Result<()> {
    let host = print::styled(print::BOLD, &inventory.hostname);
    if inventory.devices.is_empty() && inventory.others.is_empty() {
        writeln!(out, "{host}: no device that can be migrated")?;
        return Ok(());
    }
    writeln!(out, "{host}")?;
    for device in &inventory.devices {
        block(out, &device.bdf, device.driver.as_deref(), &rows(device))?;
    }
    for other in &inventory.others {
        block(out, &other.bdf, other.driver.as_deref(), &other_rows(other))?;
    }
    Ok(())
}

type Row = (&'static str, String);

fn block(out: &mut dyn Write, bdf: &str, driver: Option<&str>, rows: &[Row]) -> Result<()> {
    let bdf = print::styled(print::BOLD, bdf);
    writeln!(out, "  {bdf}  {}", driver.unwrap_or("no driver"))?;
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, value)| vec![format!("    {name}"), value.clone()])
        .collect();
    Ok(print::table(out, &rows)?)
}

fn rows(device: &Device) -> Vec<Row> {
    let limits: Vec<_> = device
        .limits
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let mut rows = vec![
        ("kind", device.kind.clone()),
        ("key", device.key.clone()),
        (
            "profile",
            format!("{} ({})", device.profile, device.profile_uuid),
        ),
        (
            "versions",
            format!(
                "reads {} to {}, writes {}, which readers from {} take",
                device.profile_floor,
                device.profile_version,
                device.target_profile_version,
                device.min_reader
            ),
        ),
        ("features", device.features.clone()),
        ("subsystem", device.subsystem_rule.clone()),
        ("limits", limits.join(", ")),
        ("stream_max", format!("{} bytes", device.stream_max)),
        ("states", states(device.offers.as_deref())),
        ("logging", logging(device.offers.as_deref())),
        (
            "format",
            format!(
                "container {}, registry revision {}; documented",
                device.container_version, device.registry_revision
            ),
        ),
    ];
    if let Some(policy) = &device.policy {
        rows.push(("host", policy.text()));
    }
    rows
}

fn other_rows(other: &Other) -> Vec<Row> {
    let ids = match (other.vendor, other.device) {
        (Some(vendor), Some(device)) => format!(" {vendor:04x}:{device:04x}"),
        _ => String::new(),
    };
    let mut rows = vec![("kind", format!("{}{ids}", other.kind))];
    if other.state == State::Bindable {
        rows.push(match (&other.module, &other.foreign) {
            (Some(module), _) => ("could have", format!("module {module}, which is installed")),
            (None, Some(name)) => (
                "could have",
                format!("a module for {name}; none is installed"),
            ),
            (None, None) => ("could have", "a module; none is installed".into()),
        });
    }
    if let Some(profile) = &other.profile {
        rows.push(("profile", profile.clone()));
    }
    if let (Some(name), Some(title)) = (&other.foreign, &other.title) {
        rows.push(("known as", format!("{name}: {title}")));
    }
    rows.push(match other.offers.as_deref() {
        None if !other.features.is_empty() => ("as a rule", as_a_rule(other)),
        offers => ("states", states(offers)),
    });
    if other.offers.is_some() {
        rows.push(("logging", logging(other.offers.as_deref())));
    }
    // What the kernel says of this device is more than what makes it say so.
    let fulfilled = other.offers.as_ref().is_some_and(|list| !list.is_empty());
    let conditions = other.conditions.iter().filter(|_| !fulfilled);
    let names = std::iter::once("only if").chain(std::iter::repeat("and"));
    rows.extend(names.zip(conditions.cloned()));
    rows.push(match (&other.documented, &other.profile) {
        (Some(place), _) => ("format", format!("not VMF; documented: {place}")),
        (None, Some(_)) => ("format", "VMF, documented".into()),
        (None, None) => ("format", "not VMF, and not in the registry".into()),
    });
    rows
}

/// The states beside those that every device has.
fn states(offers: Option<&[String]>) -> String {
    let Some(offers) = offers else {
        return "not known: the kernel tells it in debugfs only".into();
    };
    let names = [
        ("stop-copy", "STOP_COPY"),
        ("p2p", "P2P"),
        ("pre-copy", "PRE_COPY"),
    ];
    let there: Vec<_> = names
        .iter()
        .filter(|(word, _)| offers.iter().any(|offer| offer == word))
        .map(|(_, name)| *name)
        .collect();
    match there.is_empty() {
        true => "none: it cannot be migrated".into(),
        false => there.join(", "),
    }
}

fn logging(offers: Option<&[String]>) -> String {
    match offers {
        None => "not known".into(),
        Some(offers) if offers.iter().any(|offer| offer == "dirty-tracking") => "yes".into(),
        Some(_) => "no".into(),
    }
}

fn as_a_rule(other: &Other) -> String {
    let names = [
        ("p2p", "P2P"),
        ("pre-copy", "PRE_COPY"),
        ("precopy-info-v2", "INFOv2"),
        ("dma-logging", "logging"),
    ];
    let words = names.iter().filter_map(|(word, name)| {
        let has = other.features.get(*word)?;
        Some(match has.as_str() {
            "always" => format!("{name} yes"),
            "never" => format!("{name} no"),
            _ => format!("{name} depends"),
        })
    });
    format!("STOP_COPY yes, {}", words.collect::<Vec<_>>().join(", "))
}
