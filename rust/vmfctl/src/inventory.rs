// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl inventory`: what the devices of a host can take, for a scheduler to read.

mod nfd;
mod nova;
mod others;
mod text;

pub(crate) use self::others::Other;

use std::{io::Read, io::Write};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    cli::{Form, Io},
    failure::{Failure, Outcome, Result},
    inventory::others::Finder,
    key::Key,
    registry::Registry,
    source::Source,
    sysfs::{Address, Device, Sysfs},
};

/// The name of the document, with the version of its layout.
const DOCUMENT: &str = "vmf-inventory/1";

/// The devices of one host.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Inventory {
    document: String,
    pub(crate) hostname: String,
    /// The release of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<String>,
    pub(crate) devices: Vec<Device>,
    /// Those whose format is another one.
    #[serde(default)]
    pub(crate) others: Vec<Other>,
}

impl Inventory {
    /// Reads the devices of this host; also returns what cannot be read.
    fn take(sysfs: &Sysfs, registry: &Registry) -> Result<(Self, Vec<String>)> {
        let addresses = sysfs.addresses()?;
        let mut devices = Vec::new();
        let mut problems = Vec::new();
        for address in addresses.iter().filter(|one| sysfs.describes(one)) {
            match device(sysfs, registry, address) {
                Ok(device) => devices.push(device),
                Err(failure) => problems.push(failure.to_string()),
            }
        }
        let inventory = Self {
            document: DOCUMENT.into(),
            hostname: hostname(sysfs),
            kernel: sysfs.kernel(),
            devices,
            others: Finder::new(sysfs, registry).find(&addresses)?,
        };
        Ok((inventory, problems))
    }

    /// A device of this host alone, if its format is another one.
    pub(crate) fn of_device(sysfs: &Sysfs, registry: &Registry, address: &Address) -> Result<Self> {
        Ok(Self {
            document: DOCUMENT.into(),
            hostname: hostname(sysfs),
            kernel: sysfs.kernel(),
            devices: Vec::new(),
            others: Finder::new(sysfs, registry).find(std::slice::from_ref(address))?,
        })
    }

    /// Reads an inventory in JSON or YAML.
    pub(crate) fn read(source: &Source) -> Result<Self> {
        Self::parse(source, source.open()?)
    }

    /// The same of `source` that is open.
    pub(crate) fn parse(source: &Source, mut input: impl Read) -> Result<Self> {
        let mut text = String::new();
        let read = input.read_to_string(&mut text);
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
        if inventory.document != DOCUMENT {
            return Err(wrong(&format!("document {:?}", inventory.document)));
        }
        // What another host calls itself and its devices is shown, and must not control the terminal.
        let shown = serde_json::to_value(&inventory).map_err(|error| wrong(&error))?;
        match controls(&shown) {
            Some(text) => Err(wrong(&format!("control characters in {text:?}"))),
            None => Ok(inventory),
        }
    }
}

/// The first text with a control character.
fn controls(json: &Json) -> Option<&str> {
    match json {
        Json::String(text) => text.contains(char::is_control).then_some(text),
        Json::Array(list) => list.iter().find_map(controls),
        Json::Object(map) => map.values().find_map(controls),
        _ => None,
    }
}

/// A device that describes its format.
fn device(sysfs: &Sysfs, registry: &Registry, address: &Address) -> Result<Device> {
    let mut device = sysfs.device(address)?;
    let key = Key::of_device(registry, &device).map_err(Failure::Input)?;
    device.key = key.to_string();
    Ok(device)
}

/// The name of the host that `sysfs` belongs to.
fn hostname(sysfs: &Sysfs) -> String {
    match sysfs.host_file("proc/sys/kernel/hostname") {
        Some(name) => name.trim().to_string(),
        None => rustix::system::uname().nodename().to_string_lossy().into(),
    }
}

/// Writes the inventory of this host.
pub(crate) fn run(io: &Io, registry: &Registry, form: Form) -> Result {
    let (inventory, problems) = Inventory::take(&io.sysfs, registry)?;
    let mut out = io.out();
    if form.yaml {
        let text = serde_norway::to_string(&inventory)
            .map_err(|error| Failure::Input(format!("YAML: {error}")))?;
        write!(out, "{text}")?;
    } else if form.nfd {
        nfd::write(&mut out, registry, &inventory)?;
    } else if form.nova {
        nova::write(&mut out, registry, &inventory)?;
    } else if io.json {
        serde_json::to_writer_pretty(&mut out, &inventory)?;
        writeln!(out)?;
    } else {
        text::write(&mut out, &inventory)?;
    }
    out.flush()?;
    match problems.is_empty() {
        true => Ok(Outcome::Good),
        false => Err(Failure::Input(problems.join("\nvmfctl: "))),
    }
}
