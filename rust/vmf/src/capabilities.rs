// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a device can take: identity, profile, features, limits, sections.

use crate::{
    descriptor::{DescriptorFields, ManifestEntry, Presented},
    wire,
};

/// The largest number of limits that a profile can have.
pub const LIMITS_MAX: usize = 8;
/// The number of 64-bit words of features that a profile can have.
pub const FEATURE_WORDS: usize = 2;

/// How the value of a limit at the source has to relate to that of the destination.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Rule {
    /// Source and destination are equal.
    Equal = 1,
    /// The source is at most the destination, e.g. a number of queues.
    Le = 2,
    /// The source is at least the destination.
    Ge = 3,
    /// The bits of the source contain those of the destination.
    Superset = 4,
    /// The bits of the source are contained in those of the destination.
    Subset = 5,
    /// Any value will do.
    Ignore = 6,
}

impl Rule {
    /// Returns the byte that stands for the rule in a descriptor.
    pub const fn to_byte(self) -> u8 {
        self as u8
    }

    /// Returns the rule that `byte` stands for in a descriptor.
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Equal),
            2 => Some(Self::Le),
            3 => Some(Self::Ge),
            4 => Some(Self::Superset),
            5 => Some(Self::Subset),
            6 => Some(Self::Ignore),
            _ => None,
        }
    }

    /// Returns whether a `source` value suits a destination with `local`.
    pub const fn holds(self, source: u64, local: u64) -> bool {
        match self {
            Self::Equal => source == local,
            Self::Le => source <= local,
            Self::Ge => source >= local,
            Self::Superset => local & !source == 0,
            Self::Subset => source & !local == 0,
            Self::Ignore => true,
        }
    }
}

/// A limit of a profile, with the value of one device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limit {
    /// The number of the limit in the registry of the profile.
    pub id: u16,
    /// How source and destination have to relate.
    pub rule: Rule,
    /// The value of the device.
    pub value: u64,
    /// The name, for sysfs and messages.
    pub name: &'static str,
}

/// The limits of one device, by ascending id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    list: [Limit; LIMITS_MAX],
    len: usize,
}

impl Limits {
    /// Takes a list in ascending order of ids; a list that is too long does not compile.
    pub fn new<const N: usize>(list: [Limit; N]) -> Self {
        const { assert!(N <= LIMITS_MAX, "too many limits") };

        const NONE: Limit = Limit {
            id: 0,
            rule: Rule::Ignore,
            value: 0,
            name: "",
        };

        let mut limits = Self {
            list: [NONE; LIMITS_MAX],
            len: N,
        };
        for (to, from) in limits.list.iter_mut().zip(list) {
            *to = from;
        }
        limits
    }

    /// Returns the limits.
    pub fn as_slice(&self) -> &[Limit] {
        self.list.get(..self.len).unwrap_or(&[])
    }

    /// Sets the value of limit `id` to that of the device at hand.
    ///
    /// Returns whether there is such a limit.
    pub fn set(&mut self, id: u16, value: u64) -> bool {
        let limits = self.list.iter_mut().take(self.len);
        match limits.into_iter().find(|limit| limit.id == id) {
            Some(limit) => {
                limit.value = value;
                true
            }
            None => false,
        }
    }
}

/// How a part of the identity is compared.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Match {
    /// It has to be equal.
    Equal,
    /// It is not compared.
    Any,
}

/// A section type that a profile defines.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SectionSpec {
    /// The section type.
    pub kind: u32,
    /// The newest schema version of its payload.
    pub schema: u16,
    /// The oldest schema version whose reader can take a payload of `schema`.
    pub min_reader: u16,
    /// [`FLAG_CRITICAL`](crate::FLAG_CRITICAL) and [`FLAG_VERIFY_ONLY`](crate::FLAG_VERIFY_ONLY).
    pub flags: u16,
    /// The number of instances; instances are numbered from 0.
    pub instances: u32,
    /// The largest payload of one instance, over all its fragments, in bytes.
    pub len_max: u32,
    /// The name, for messages and tools.
    pub name: &'static str,
}

/// What a destination can take; also what a source on the same device says of itself.
///
/// Compute this from the device that is there, see [`Limits::set`], not from the profile alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Capabilities {
    /// The identity that the guest sees.
    pub presented: Presented,
    /// How the subsystem ids are compared.
    pub subsystem: Match,
    /// How the revision id is compared.
    pub revision: Match,
    /// The UUID of the profile.
    pub profile_uuid: [u8; 16],
    /// The name of the profile.
    pub profile_name: &'static str,
    /// The newest profile version that can be read.
    pub version: u32,
    /// The oldest version whose reader can take a stream of `version`.
    pub min_reader: u32,
    /// The oldest profile version that can be read.
    pub floor: u32,
    /// The features that the device has.
    pub features: [u64; FEATURE_WORDS],
    /// The limits of the device.
    pub limits: Limits,
    /// The sections that are known, by ascending type.
    pub sections: &'static [SectionSpec],
    /// The largest stream in bytes.
    pub stream_max: u64,
}

impl Capabilities {
    /// Returns the section type `kind`, if it is known.
    pub fn section(&self, kind: u32) -> Option<&'static SectionSpec> {
        self.sections.iter().find(|spec| spec.kind == kind)
    }

    /// Returns the length of the buffer, in bytes, with which a [`Reader`](crate::Reader) never
    /// refuses a section for lack of memory.
    pub const fn buffer_len(&self) -> usize {
        let mut max = 0;
        let mut specs = self.sections;
        while let Some((spec, rest)) = specs.split_first() {
            if spec.len_max > max {
                max = spec.len_max;
            }
            specs = rest;
        }
        if max > wire::PAYLOAD_MAX {
            max = wire::PAYLOAD_MAX;
        }
        wire::DESCRIPTOR_MAX.saturating_add(max as usize)
    }

    /// Returns the descriptor of a source with these capabilities, at their newest version.
    ///
    /// No feature is required; a source that uses one adds it.
    pub fn fields(&self) -> DescriptorFields<'_> {
        DescriptorFields {
            presented: self.presented,
            profile_uuid: self.profile_uuid,
            profile_name: self.profile_name,
            version: self.version,
            min_reader: self.min_reader,
            features_required: &[0],
            features_optional: &[],
            limits: self.limits.as_slice(),
            sections: self.sections,
            stream_max: self.stream_max,
            provider: &[],
        }
    }

    /// Returns what to do with a section that `entry` announces.
    pub(crate) fn handling(&self, entry: &ManifestEntry) -> Handling {
        match self.section(entry.kind) {
            None => Handling::Drop,
            Some(spec) if entry.schema <= spec.schema => Handling::Keep(spec),
            Some(spec) if entry.min_reader <= spec.schema => Handling::Prefix(spec),
            Some(_) => Handling::Drop,
        }
    }
}

/// What to do with a section.
pub(crate) enum Handling {
    /// Its schema is known.
    Keep(&'static SectionSpec),
    /// Its schema is newer; the part up to the known length is readable.
    Prefix(&'static SectionSpec),
    /// It cannot be read.
    Drop,
}
