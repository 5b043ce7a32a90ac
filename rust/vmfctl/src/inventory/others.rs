// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Devices of a host that migrate, or could, and whose format is not of this project.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    failure::Result,
    foreign::Entry,
    modules::Modules,
    registry::Registry,
    sysfs::{Address, Kind, Sysfs},
};

/// How far a device is from being migrated.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Its driver migrates.
    Bound,
    /// There is a driver that would, and it has another one or none.
    Bindable,
}

/// A device whose driver says nothing of its format.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Other {
    pub(crate) bdf: String,
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vendor: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device: Option<u16>,
    pub(crate) state: State,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) driver: Option<String>,
    /// The module to bind it to, if it is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<String>,
    /// The profile that a driver could offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<String>,
    /// The driver's name in the registry, and what the devices are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) foreign: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    /// What the driver offers for this device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offers: Option<Vec<String>>,
    /// What it has as a rule: `always`, `depends` or `never`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) features: BTreeMap<String, String>,
    /// On what it depends that the device can be migrated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) conditions: Vec<String>,
    /// Where the format is documented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) documented: Option<String>,
}

impl Other {
    /// Whether its driver migrates it now, as far as that is known.
    pub(crate) fn migrates(&self) -> bool {
        let offers = self.offers.as_ref().is_none_or(|list| !list.is_empty());
        self.state == State::Bound && offers && (self.foreign.is_some() || self.offers.is_some())
    }

    /// Whether it has one of what VFIO leaves to drivers, if that is known.
    pub(crate) fn has(&self, feature: &str) -> Option<bool> {
        if let Some(offers) = &self.offers {
            let word = if feature == "dma-logging" {
                "dirty-tracking"
            } else {
                feature
            };
            return Some(offers.iter().any(|offer| offer == word));
        }
        match self.features.get(feature)?.as_str() {
            "always" => Some(true),
            "never" => Some(false),
            _ => None,
        }
    }
}

/// Looks for others.
pub(crate) struct Finder<'a> {
    sysfs: &'a Sysfs,
    registry: &'a Registry,
    modules: Modules,
}

impl<'a> Finder<'a> {
    pub(crate) fn new(sysfs: &'a Sysfs, registry: &'a Registry) -> Self {
        Self {
            sysfs,
            registry,
            modules: Modules::read(sysfs),
        }
    }

    /// Those among `addresses`.
    pub(crate) fn find(&self, addresses: &[Address]) -> Result<Vec<Other>> {
        let others = addresses.iter().filter(|one| !self.sysfs.describes(one));
        Ok(others.filter_map(|one| self.look(one)).collect())
    }

    fn look(&self, address: &Address) -> Option<Other> {
        let driver = self.sysfs.driver(address);
        let ids = self.sysfs.ids(address);
        let offers = self.sysfs.offers(address);
        let migrates = offers.as_ref().map(|list| !list.is_empty());
        let bound = driver.as_deref();
        let entry = bound.and_then(|driver| self.entry(|entry| entry.is_driver(driver)));
        // A mediated device has the driver of its kind, which may be that of others.
        let mdev_type = self.sysfs.mdev_type(address);
        let of_type = |entry: &Entry| mdev_type.as_deref().is_some_and(|name| entry.makes(name));
        let entry = entry.or_else(|| self.entry(of_type));
        // What is not known may still be a variant driver.
        let variant = bound.is_some_and(|driver| !matches!(driver, "vfio-pci" | "vfio_mdev"));
        let variant = variant && mdev_type.is_none() && self.sysfs.is_vfio(address);
        if entry.is_some() || migrates.unwrap_or(variant) {
            return Some(self.other(address, ids, State::Bound, entry, offers));
        }
        let modalias = self.sysfs.modalias(address)?;
        let module = self.modules.variant(&modalias);
        let profile = ids.and_then(|ids| self.profile(address, ids));
        let entry = match module {
            Some(module) => self.entry(|entry| entry.is_module(module)),
            // The profile says more than a driver for emulators.
            None if profile.is_some() => None,
            None => ids.and_then(|ids| self.entry(|entry| entry.takes(ids))),
        };
        // All drivers in the registry are for virtual functions, of whatever has the same ids.
        let entry = entry.filter(|_| self.sysfs.kind(address) == Kind::VirtualFunction);
        let known = module.is_some_and(|module| self.entry(|it| it.is_module(module)).is_some());
        let module = module.filter(|_| !known || entry.is_some());
        if module.is_none() && entry.is_none() && profile.is_none() {
            return None;
        }
        let mut other = self.other(address, ids, State::Bindable, entry, None);
        other.module = module.map(String::from);
        other.profile = profile;
        Some(other)
    }

    fn entry(&self, is: impl Fn(&Entry) -> bool) -> Option<&'a Entry> {
        self.registry.foreign.iter().find(|entry| is(entry))
    }

    /// The profile of functions like this one.
    fn profile(&self, address: &Address, (vendor, device): (u16, u16)) -> Option<String> {
        let is_vf = self.sysfs.kind(address) == Kind::VirtualFunction;
        let mut tuples = self.registry.tuples.iter().map(|tuple| {
            let pattern = &tuple.presented;
            let same = (pattern.vendor, pattern.device) == (vendor, device);
            (same && pattern.is_vf == is_vf).then(|| tuple.profile.clone())
        });
        tuples.find_map(|profile| profile)
    }

    fn other(
        &self,
        address: &Address,
        ids: Option<(u16, u16)>,
        state: State,
        entry: Option<&Entry>,
        offers: Option<Vec<String>>,
    ) -> Other {
        let features = entry.map_or(&[][..], |entry| &entry.features);
        let conditions = entry.map_or(&[][..], |entry| &entry.offered);
        Other {
            bdf: address.to_string(),
            kind: self.sysfs.kind(address).name().into(),
            parent: self.sysfs.parent(address).map(|parent| parent.to_string()),
            vendor: ids.map(|(vendor, _)| vendor),
            device: ids.map(|(_, device)| device),
            state,
            driver: self.sysfs.driver(address),
            module: None,
            profile: None,
            foreign: entry.map(|entry| entry.name.clone()),
            title: entry.map(|entry| entry.title.clone()),
            offers,
            features: features
                .iter()
                .map(|feature| (word(feature.name), word(feature.has)))
                .collect(),
            conditions: conditions.iter().map(|fact| fact.doc.clone()).collect(),
            documented: entry.and_then(Entry::documented).map(String::from),
        }
    }
}

/// How the registry spells it.
fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Json::String(word)) => word,
        _ => String::new(),
    }
}
