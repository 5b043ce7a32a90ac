// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl inventory`: what the devices of a host can take, for a scheduler to read.

use std::{fs, io::Read, io::Write};

use serde::{Deserialize, Serialize};

use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    key::Key,
    print,
    registry::Registry,
    source::Source,
    sysfs::{Device, Sysfs},
};

/// The name of the document, with the version of its layout.
const DOCUMENT: &str = "vmf-inventory/1";

/// The devices of one host.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Inventory {
    document: String,
    pub(crate) hostname: String,
    pub(crate) devices: Vec<Device>,
}

impl Inventory {
    /// Reads the devices of this host.
    fn take(sysfs: &Sysfs, registry: &Registry) -> Result<Self> {
        let devices = sysfs.devices()?;
        let device = |address| {
            let mut device = sysfs.device(address)?;
            let key = Key::of_device(registry, &device).map_err(Failure::Input)?;
            device.key = key.to_string();
            Ok(device)
        };
        Ok(Self {
            document: DOCUMENT.into(),
            hostname: hostname(sysfs),
            devices: devices.iter().map(device).collect::<Result<_>>()?,
        })
    }

    /// Reads an inventory in JSON or YAML.
    pub(crate) fn read(source: &Source) -> Result<Self> {
        let mut text = String::new();
        let read = source.open()?.read_to_string(&mut text);
        read.map_err(|error| Failure::Input(format!("{}: {error}", source.label())))?;
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::Input(format!(
                "{}: neither a descriptor nor what \"vmfctl inventory\" writes: {error}",
                source.label()
            ))
        };
        // JSON is parsed as such: as YAML it would give worse messages.
        let inventory: Self = if text.trim_start().starts_with('{') {
            serde_json::from_str(&text).map_err(|error| wrong(&error))?
        } else {
            serde_norway::from_str(&text).map_err(|error| wrong(&error))?
        };
        if inventory.document == DOCUMENT {
            Ok(inventory)
        } else {
            Err(wrong(&format!("document {:?}", inventory.document)))
        }
    }
}

/// The name of the host that `sysfs` belongs to.
fn hostname(sysfs: &Sysfs) -> String {
    let other = sysfs.root.join("../proc/sys/kernel/hostname");
    match fs::read_to_string(other) {
        Ok(name) => name.trim().to_string(),
        Err(_) => rustix::system::uname().nodename().to_string_lossy().into(),
    }
}

/// Writes the inventory of this host.
pub(crate) fn run(io: &Io, registry: &Registry, yaml: bool) -> Result {
    let inventory = Inventory::take(&io.sysfs, registry)?;
    let mut out = io.out();
    if yaml {
        let text = serde_norway::to_string(&inventory)
            .map_err(|error| Failure::Input(format!("YAML: {error}")))?;
        write!(out, "{text}")?;
    } else if io.json {
        serde_json::to_writer_pretty(&mut out, &inventory)?;
        writeln!(out)?;
    } else {
        text(&mut out, &inventory)?;
    }
    out.flush()?;
    Ok(Outcome::Good)
}

fn text(out: &mut dyn Write, inventory: &Inventory) -> Result<()> {
    let host = print::styled(print::BOLD, &inventory.hostname);
    if inventory.devices.is_empty() {
        writeln!(
            out,
            "{host}: no device whose driver describes its migration format"
        )?;
        return Ok(());
    }
    writeln!(out, "{host}")?;
    for device in &inventory.devices {
        let driver = device.driver.as_deref().unwrap_or("no driver");
        let bdf = print::styled(print::BOLD, &device.bdf);
        writeln!(out, "  {bdf}  {driver}")?;
        let limits: Vec<_> = device
            .limits
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        let rows = [
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
            (
                "format",
                format!(
                    "container {}, registry revision {}",
                    device.container_version, device.registry_revision
                ),
            ),
        ];
        let rows = rows.map(|(name, value)| vec![format!("    {name}"), value]);
        print::table(out, &rows)?;
    }
    Ok(())
}
