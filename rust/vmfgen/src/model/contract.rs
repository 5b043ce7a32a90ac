// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a provider of a profile has to offer.

use super::Flag;
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Contract {
    pub(crate) bars: Vec<Bar>,
    pub(crate) interrupts: Interrupts,
    pub(crate) capabilities: Vec<String>,
    #[serde(default)]
    pub(crate) capability_list: Vec<Capability>,
    #[serde(default)]
    pub(crate) config: Vec<ConfigWords>,
    pub(crate) reset: String,
    #[serde(default)]
    pub(crate) registers: Vec<Register>,
    #[serde(default)]
    pub(crate) messages: Vec<Message>,
    #[serde(default)]
    pub(crate) clauses: Vec<Clause>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bar {
    pub(crate) bar: u8,
    pub(crate) size: u64,
    pub(crate) kind: String,
    pub(crate) doc: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Interrupts {
    pub(crate) kind: String,
    pub(crate) vectors: u32,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Capability {
    pub(crate) name: String,
    /// In configuration space.
    pub(crate) offset: u16,
    pub(crate) doc: String,
}

/// Words of configuration space that VMMs compare.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ConfigWords {
    pub(crate) name: String,
    pub(crate) offset: u16,
    pub(crate) values: Vec<u32>,
    #[serde(default = "all")]
    pub(crate) mask: u32,
    #[serde(default)]
    pub(crate) behind_port: bool,
    #[serde(default)]
    pub(crate) clear_by_ones: u32,
    #[serde(default)]
    pub(crate) clear_by_zeros: u32,
    pub(crate) doc: String,
}

impl ConfigWords {
    /// Returns the offset and value of each word.
    pub(crate) fn words(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        (self.offset..).step_by(4).zip(self.values.iter().copied())
    }
}

fn all() -> u32 {
    u32::MAX
}

/// A register of 32 bits, or an array of them, in the first BAR.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Register {
    pub(crate) name: String,
    pub(crate) offset: u64,
    /// Number of elements; the first one is at `offset`.
    #[serde(default = "one")]
    pub(crate) count: u32,
    /// Distance of the elements in bytes.
    #[serde(default = "word")]
    pub(crate) stride: u32,
    pub(crate) access: Access,
    /// The fields that hold it, as `SECTION.FIELD`.
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    #[serde(default)]
    pub(crate) bits: Vec<Flag>,
    pub(crate) doc: String,
}

impl Register {
    /// Length in bytes.
    pub(crate) const SIZE: u32 = 4;

    /// Returns the offsets of all elements.
    pub(crate) fn offsets(&self) -> impl Iterator<Item = u64> + '_ {
        (0..u64::from(self.count)).map(|n| {
            let distance = n.saturating_mul(self.stride.into());
            self.offset.saturating_add(distance)
        })
    }
}

fn one() -> u32 {
    1
}

fn word() -> u32 {
    Register::SIZE
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
    WriteOnly,
}

/// What the guest may ask of the parent device.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: u16,
    pub(crate) info: Option<String>,
    pub(crate) words: Option<String>,
    pub(crate) doc: String,
    pub(crate) answer: String,
    /// The fields that hold what was agreed to, as `SECTION.FIELD`.
    #[serde(default)]
    pub(crate) fields: Vec<String>,
}

/// What else is to be relied on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clause {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) spec: String,
}
