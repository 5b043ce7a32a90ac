// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Which devices offer which profile.

use serde::{Deserialize, Serialize};

/// A driver that offers a profile with no such device in the host.
#[derive(Debug, Deserialize, Serialize)]
pub struct Software {
    /// Of the driver.
    pub name: String,
    pub doc: String,
    pub profile: String,
    pub versions: Vec<u32>,
    /// Names of those whose identity it can present.
    pub tuples: Vec<String>,
    pub evidence: String,
}

/// What the devices of some tuples do beyond what their profile promises.
#[derive(Debug, Deserialize, Serialize)]
pub struct DeviceQuirk {
    pub name: String,
    pub doc: String,
    /// Names.
    pub tuples: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Tuple {
    pub name: String,
    pub presented: Pattern,
    pub provider: Provider,
    pub profile: String,
    pub versions: Vec<u32>,
    pub status: String,
    pub evidence: String,
}

/// The identities that a tuple is about.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Pattern {
    pub vendor: u16,
    pub device: u16,
    pub subvendor: IdOrAny,
    pub subdevice: IdOrAny,
    pub revision: Vec<u8>,
    pub class: u32,
    pub is_vf: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum IdOrAny {
    Id(u16),
    Any(Any),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Any {
    Any,
}

#[derive(Debug, Deserialize, Serialize)]
pub struct Provider {
    pub vendor: u16,
    pub devices: Vec<u16>,
}
