// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a bound driver says of a device: `migration_format/` in sysfs.

mod bus;

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use vmf::PREAMBLE_MAX;

pub(crate) use self::bus::Kind;
use crate::{
    failure::{Failure, Result},
    policy::Policy,
    tree::hex,
};

/// Where a device is: a PCI function, or a mediated device.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Address {
    /// Domain, bus, device and function.
    Pci(String),
    /// A UUID.
    Mdev(String),
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

impl Address {
    /// Takes `0000:01:10.0` or, in domain 0, `01:10.0`, or a UUID; anything else is [`None`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let groups: Vec<_> = text.split('-').collect();
        let lengths = [8, 4, 4, 4, 12];
        if groups.len() == lengths.len() {
            let ok = groups
                .iter()
                .zip(lengths)
                .all(|(group, len)| is_hex(group, len));
            return ok.then(|| Self::Mdev(text.to_ascii_lowercase()));
        }
        let full = match text.matches(':').count() {
            1 => format!("0000:{text}"),
            _ => text.to_string(),
        };
        let (domain, rest) = full.split_once(':')?;
        let (bus, rest) = rest.split_once(':')?;
        let (device, function) = rest.split_once('.')?;
        let ok = is_hex(domain, 4) && is_hex(bus, 2) && is_hex(device, 2) && is_hex(function, 1);
        ok.then(|| Self::Pci(full.to_ascii_lowercase()))
    }

    /// What it is called on its bus.
    fn name(&self) -> &str {
        match self {
            Self::Pci(name) | Self::Mdev(name) => name,
        }
    }

    fn bus(&self) -> &str {
        match self {
            Self::Pci(_) => "pci",
            Self::Mdev(_) => "mdev",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A device as a driver describes it. What the driver does not offer is left out.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Device {
    pub(crate) bdf: String,
    #[serde(default)]
    pub(crate) kind: String,
    /// The physical function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// What follows from the rest, in one line.
    #[serde(default)]
    pub(crate) key: String,
    /// What the driver offers beyond that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offers: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) container_version: String,
    pub(crate) profile: String,
    #[serde(default)]
    pub(crate) profile_uuid: String,
    pub(crate) profile_version: u32,
    pub(crate) profile_floor: u32,
    #[serde(default)]
    pub(crate) min_reader: u32,
    /// Hexadecimal; feature 0 is the lowest bit.
    pub(crate) features: String,
    #[serde(default)]
    pub(crate) subsystem_rule: String,
    pub(crate) limits: BTreeMap<String, u64>,
    pub(crate) stream_max: u64,
    #[serde(default)]
    pub(crate) registry_revision: u32,
    #[serde(default)]
    pub(crate) target_profile_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Policy>,
    /// Hexadecimal: file header and DESCRIPTOR, as they would be sent.
    pub(crate) descriptor: String,
}

/// What came of asking a driver about a descriptor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// The errno with which it refuses, 0 if it accepts.
    Said(i32),
    /// Why it was not asked.
    Not(String),
}

/// The `/sys` of this host, or a copy of it.
#[derive(Clone, Debug)]
pub(crate) struct Sysfs {
    pub(crate) root: PathBuf,
}

impl Sysfs {
    fn bus_dir(&self, bus: &str) -> PathBuf {
        self.root.join("bus").join(bus).join("devices")
    }

    /// The directory of a device.
    pub(crate) fn device_dir(&self, address: &Address) -> PathBuf {
        self.bus_dir(address.bus()).join(address.name())
    }

    /// The directory in which its driver describes it.
    pub(crate) fn format_dir(&self, address: &Address) -> PathBuf {
        self.device_dir(address).join("migration_format")
    }

    /// Whether the driver of a device describes its format.
    pub(crate) fn describes(&self, address: &Address) -> bool {
        self.format_dir(address).is_dir()
    }

    /// The name of the driver that a function is bound to.
    pub(crate) fn driver(&self, address: &Address) -> Option<String> {
        let link = fs::read_link(self.device_dir(address).join("driver")).ok()?;
        Some(link.file_name()?.to_str()?.to_string())
    }

    /// Explains why there is nothing to read.
    fn missing(&self, address: &Address) -> Option<Failure> {
        if self.describes(address) {
            return None;
        }
        let why = match (self.device_dir(address).is_dir(), self.driver(address)) {
            (false, _) => "no such device".to_string(),
            (true, None) => "no driver is bound; bind a variant driver that writes VMF".into(),
            (true, Some(driver)) => format!(
                "driver {driver} has no migration_format/; bind a variant driver that writes VMF"
            ),
        };
        Some(Failure::Input(format!("{address}: {why}")))
    }

    /// The descriptor that a function would send: file header and DESCRIPTOR.
    pub(crate) fn descriptor(&self, address: &Address) -> Result<Vec<u8>> {
        if let Some(failure) = self.missing(address) {
            return Err(failure);
        }
        let path = self.format_dir(address).join("descriptor");
        read_once(&path).map_err(|error| Failure::io(&path, &error))
    }

    /// All that the driver of a function says.
    pub(crate) fn device(&self, address: &Address) -> Result<Device> {
        let descriptor = hex(&self.descriptor(address)?);
        let dir = self.format_dir(address);
        let text = |name: &str| read_line(&dir.join(name));
        let small = |name: &str| {
            let wide = read_number(&dir.join(name))?;
            u32::try_from(wide).map_err(|_| bad_number(&dir.join(name)))
        };
        Ok(Device {
            bdf: address.to_string(),
            kind: self.kind(address).name().into(),
            parent: self.parent(address).map(|parent| parent.to_string()),
            driver: self.driver(address),
            key: String::new(),
            offers: self.offers(address),
            container_version: text("container_version")?,
            profile: text("profile")?,
            profile_uuid: text("profile_uuid")?,
            profile_version: small("profile_version")?,
            profile_floor: small("profile_floor")?,
            min_reader: small("min_reader")?,
            features: text("features")?,
            subsystem_rule: text("subsystem_rule")?,
            limits: limits(&dir)?,
            stream_max: read_number(&dir.join("stream_max"))?,
            registry_revision: small("registry_revision")?,
            target_profile_version: small("target_profile_version")?,
            policy: Policy::read(self, address),
            descriptor,
        })
    }

    /// Shows a descriptor to the driver of a function.
    pub(crate) fn check(&self, address: &Address, descriptor: &[u8]) -> Result<Asked> {
        let path = self.format_dir(address).join("check");
        let mut file = match fs::OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            // There is no such file, or this user or a container may not write it.
            Err(error) => return Ok(Asked::Not(Failure::io(&path, &error).to_string())),
        };
        match file.write_all(descriptor) {
            Ok(()) => Ok(Asked::Said(0)),
            Err(error) => match error.raw_os_error() {
                Some(errno) => Ok(Asked::Said(errno)),
                None => Err(Failure::io(&path, &error)),
            },
        }
    }

    /// The last reasons that the driver of a function gave, if they can be read.
    pub(crate) fn last_error(&self, address: &Address) -> Option<String> {
        let driver = self.driver(address)?;
        let debug = self.root.join("kernel/debug");
        [&driver, &driver.replace('-', "_")]
            .iter()
            .map(|driver| debug.join(driver).join(address.name()).join("last_error"))
            .find_map(|path| fs::read_to_string(path).ok())
            .map(|text| text.trim_end().to_string())
            .filter(|text| !text.is_empty())
    }
}

/// Reads a file that the driver makes anew for each read(): pieces need not be of one descriptor.
fn read_once(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    // One byte more than a descriptor can have shows one that is too long.
    let mut bytes = vec![0; PREAMBLE_MAX.saturating_add(1)];
    let len = loop {
        match file.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    bytes.truncate(len);
    Ok(bytes)
}

fn read_line(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io(path, &error))?;
    Ok(text.trim().to_string())
}

fn bad_number(path: &Path) -> Failure {
    Failure::Input(format!("{}: not a number in range", path.display()))
}

fn read_number(path: &Path) -> Result<u64> {
    number(&read_line(path)?).ok_or_else(|| bad_number(path))
}

/// A number in decimal, or in hexadecimal behind `0x`.
pub(crate) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The files `limit_<name>`.
fn limits(dir: &Path) -> Result<BTreeMap<String, u64>> {
    let entries = fs::read_dir(dir).map_err(|error| Failure::io(dir, &error))?;
    let mut limits = BTreeMap::new();
    for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        if let Some(limit) = name.strip_prefix("limit_") {
            limits.insert(limit.replace('_', "-"), read_number(&dir.join(&name))?);
        }
    }
    Ok(limits)
}
