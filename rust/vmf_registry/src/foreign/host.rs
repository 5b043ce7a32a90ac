// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How a host shows that it has a driver that is not of this project.

use super::{Entry, PropertyName};

/// Modules are called with either of the two.
fn same(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

impl Entry {
    /// Whether this is the driver that sysfs calls `driver`.
    pub fn is_driver(&self, driver: &str) -> bool {
        self.in_force() && same(&self.driver, driver)
    }

    /// Whether the module `name` has it.
    pub fn is_module(&self, name: &str) -> bool {
        self.in_force() && same(&self.module, name)
    }

    /// Whether it takes functions with these ids.
    pub fn takes(&self, (vendor, device): (u16, u16)) -> bool {
        let mut all = self.ids.devices.iter();
        self.in_force() && all.any(|id| (id.vendor, id.device) == (vendor, device))
    }

    /// Whether it makes mediated devices of this type.
    pub fn makes(&self, mdev_type: &str) -> bool {
        let mut all = self.ids.mdev_types.iter();
        self.in_force() && all.any(|known| known.name == mdev_type)
    }

    /// Where its format is documented.
    pub fn documented(&self) -> Option<&str> {
        self.property(PropertyName::Documented)
            .map(|known| known.value.as_str())
    }

    fn in_force(&self) -> bool {
        self.retired.is_none()
    }
}
