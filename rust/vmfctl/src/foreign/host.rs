// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How a host shows that it has a driver that is not of this project, and what is said of it.

use serde::Deserialize;

use super::Entry;

/// What it drives.
#[derive(Deserialize, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Ids {
    devices: Vec<Id>,
    mdev_types: Vec<MdevType>,
}

#[derive(Deserialize, Debug)]
struct Id {
    vendor: u16,
    device: u16,
}

#[derive(Deserialize, Debug)]
struct MdevType {
    name: String,
}

/// A condition.
#[derive(Deserialize, Debug)]
pub(crate) struct Fact {
    pub(crate) doc: String,
}

/// Whether the driver has something that VFIO leaves to it.
#[derive(Deserialize, Debug)]
pub(crate) struct Feature {
    pub(crate) name: String,
    /// `always`, `depends` or `never`.
    pub(crate) has: String,
}

/// Modules are called with either of the two.
fn same(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

impl Entry {
    /// Whether this is the driver that sysfs calls `driver`.
    pub(crate) fn is_driver(&self, driver: &str) -> bool {
        self.in_force() && same(&self.driver, driver)
    }

    /// Whether the module `name` has it.
    pub(crate) fn is_module(&self, name: &str) -> bool {
        self.in_force() && same(&self.module, name)
    }

    /// Whether it takes functions with these ids.
    pub(crate) fn takes(&self, (vendor, device): (u16, u16)) -> bool {
        let mut all = self.ids.devices.iter();
        self.in_force() && all.any(|id| (id.vendor, id.device) == (vendor, device))
    }

    /// Whether it makes mediated devices of this type.
    pub(crate) fn makes(&self, mdev_type: &str) -> bool {
        let mut all = self.ids.mdev_types.iter();
        self.in_force() && all.any(|known| known.name == mdev_type)
    }

    /// Where its format is documented.
    pub(crate) fn documented(&self) -> Option<&str> {
        self.property("documented")
            .map(|known| known.value.as_str())
    }

    fn in_force(&self) -> bool {
        self.retired.is_none()
    }
}
