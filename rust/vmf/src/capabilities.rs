// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a device can take: identity, profile, features, limits, sections.

use crate::{
    descriptor::{DescriptorFields, ManifestEntry, Presented},
    profile::spec::{Features, Limit, Match, Policy, SectionSpec, Version},
    registry::{self, Rule},
    wire,
};

/// The largest number of limits that a profile can have.
pub const LIMITS_MAX: usize = 8;

impl Rule {
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

/// The limits of one device, by ascending id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limits {
    list: [Limit; LIMITS_MAX],
    len: usize,
}

impl Limits {
    /// Takes a list in ascending order of ids, of which no more than [`LIMITS_MAX`] count.
    pub fn new(list: &[Limit]) -> Self {
        const NONE: Limit = Limit {
            id: 0,
            rule: Rule::Ignore,
            value: 0,
            name: "",
        };

        let mut limits = Self {
            list: [NONE; LIMITS_MAX],
            len: list.len().min(LIMITS_MAX),
        };
        for (to, from) in limits.list.iter_mut().zip(list) {
            *to = *from;
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
    /// The versions that can be written, ascending.
    pub versions: &'static [Version],
    /// The oldest profile version that can be read.
    pub floor: u32,
    /// The features that the device has.
    pub features: Features,
    /// The limits of the device.
    pub limits: Limits,
    /// The host policies, by ascending id.
    pub policies: &'static [Policy],
    /// The sections that are known, by ascending type; those of later versions are not.
    pub sections: &'static [SectionSpec],
    /// The largest stream in bytes.
    pub stream_max: u64,
}

impl Capabilities {
    /// Returns the section type `kind`, if it is known.
    pub fn section(&self, kind: u32) -> Option<&'static SectionSpec> {
        let mut known = self.sections.iter();
        known.find(|spec| spec.kind == kind && spec.introduced <= self.version)
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
        if max > registry::PAYLOAD_MAX {
            max = registry::PAYLOAD_MAX;
        }
        wire::DESCRIPTOR_MAX.saturating_add(max as usize)
    }

    /// Returns the descriptor of a source with these capabilities, at their version.
    ///
    /// No feature is in use; a source that uses one adds it.
    pub fn fields(&self) -> DescriptorFields<'_> {
        let of = |known: &&Version| known.version == self.version;
        let version = self.versions.iter().find(of);
        DescriptorFields {
            presented: self.presented,
            profile_uuid: self.profile_uuid,
            profile_name: self.profile_name,
            version: self.version,
            min_reader: version.map_or(self.version, |version| version.min_reader),
            required: Features::default(),
            optional: Features::default(),
            limits: self.limits.as_slice(),
            sections: self.sections,
            stream_max: self.stream_max,
            config: &[],
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
