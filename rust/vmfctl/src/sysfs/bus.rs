// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What sysfs says of any device on the buses of VFIO devices, whatever its driver.

use std::{fs, path::PathBuf};

use super::{number, read_line, Address, Failure, Result, Sysfs};

/// What kind of device one is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    VirtualFunction,
    Function,
    Mediated,
}

impl Kind {
    /// How it is called, everywhere.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VirtualFunction => "virtual function",
            Self::Function => "function",
            Self::Mediated => "mediated device",
        }
    }
}

impl Sysfs {
    /// All functions and mediated devices, by address.
    pub(crate) fn addresses(&self) -> Result<Vec<Address>> {
        // A kernel without one of the two has no such bus.
        let dir = self.bus_dir("pci");
        let pci = fs::read_dir(&dir);
        let mdev = fs::read_dir(self.bus_dir("mdev"));
        if let (Err(error), Err(_)) = (&pci, &mdev) {
            return Err(Failure::io(&dir, error));
        }
        let entries = [pci, mdev].into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut found: Vec<_> = names.filter_map(|name| Address::parse(&name)).collect();
        found.sort();
        Ok(found)
    }

    /// What kind of device it is.
    pub(crate) fn kind(&self, address: &Address) -> Kind {
        match address {
            Address::Mdev(_) => Kind::Mediated,
            Address::Pci(_) if self.parent_dir(address).is_dir() => Kind::VirtualFunction,
            Address::Pci(_) => Kind::Function,
        }
    }

    /// Vendor and device id of a function.
    pub(crate) fn ids(&self, address: &Address) -> Option<(u16, u16)> {
        let dir = self.device_dir(address);
        let id = |name: &str| {
            let text = read_line(&dir.join(name)).ok()?;
            u16::try_from(number(&text)?).ok()
        };
        Some((id("vendor")?, id("device")?))
    }

    /// By what modules are found for a function.
    pub(crate) fn modalias(&self, address: &Address) -> Option<String> {
        read_line(&self.device_dir(address).join("modalias")).ok()
    }

    /// The directory of the physical function of a virtual one.
    pub(crate) fn parent_dir(&self, address: &Address) -> PathBuf {
        self.device_dir(address).join("physfn")
    }

    /// The address of the physical function of a virtual one.
    pub(crate) fn parent(&self, address: &Address) -> Option<Address> {
        let dir = fs::canonicalize(self.parent_dir(address)).ok()?;
        Address::parse(dir.file_name()?.to_str()?)
    }

    /// The number that its physical function has given to a virtual one.
    pub(crate) fn vf_number(&self, address: &Address) -> Option<u32> {
        let own = fs::canonicalize(self.device_dir(address)).ok()?;
        let parent = fs::read_dir(self.parent_dir(address)).ok()?;
        parent.flatten().find_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let number = name.strip_prefix("virtfn")?.parse().ok()?;
            let other = fs::canonicalize(entry.path()).ok()?;
            (other == own).then_some(number)
        })
    }

    /// Whether a driver has made a VFIO device of it.
    pub(crate) fn is_vfio(&self, address: &Address) -> bool {
        let entries = fs::read_dir(self.device_dir(address).join("vfio-dev"));
        entries.is_ok_and(|mut entries| entries.next().is_some())
    }

    /// The type of a mediated device, as its parent calls it.
    pub(crate) fn mdev_type(&self, address: &Address) -> Option<String> {
        let link = fs::read_link(self.device_dir(address).join("mdev_type")).ok()?;
        Some(link.file_name()?.to_str()?.to_string())
    }

    /// What the driver offers for a migration, if the kernel tells: it takes CONFIG_VFIO_DEBUGFS, and
    /// root. Nothing if it does not migrate.
    pub(crate) fn offers(&self, address: &Address) -> Option<Vec<String>> {
        let dir = self.root.join("kernel/debug/vfio").join(address.name());
        let migration = dir.join("migration");
        if dir.is_dir() && !migration.is_dir() {
            return Some(Vec::new());
        }
        let text = fs::read_to_string(migration.join("features")).ok()?;
        Some(text.lines().map(|line| line.trim().to_string()).collect())
    }

    /// The release of the kernel.
    pub(crate) fn kernel(&self) -> Option<String> {
        let release = self.host_file("proc/sys/kernel/osrelease")?;
        Some(release.trim().to_string())
    }

    /// A file of the host that this sysfs is of.
    pub(crate) fn host_file(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join("..").join(path)).ok()
    }

    /// Whether this is the sysfs of this host, so that the kernel can be asked for more.
    pub(crate) fn is_own(&self) -> bool {
        fs::canonicalize(&self.root).is_ok_and(|root| root == PathBuf::from("/sys"))
    }
}
