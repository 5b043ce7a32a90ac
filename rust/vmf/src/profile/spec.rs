// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A profile as data: the types of the generated tables, and what follows from them.

use super::ranges::not_all_zero;
use crate::{
    capabilities::{Capabilities, Limits},
    descriptor::Presented,
    error::{Code, Refusal},
    reader::Section,
    registry::{Action, Rule},
    writer::Writer,
};

/// The number of 64-bit words of features that a profile can have.
pub const FEATURE_WORDS: usize = 2;

/// A set of features; feature 0 is bit 0 of the first word.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Features(pub [u64; FEATURE_WORDS]);

impl Features {
    /// Puts `feature` in the set, or leaves it out.
    pub fn set(&mut self, feature: u16, used: bool) {
        if let Some(word) = self.0.get_mut(usize::from(feature / 64)) {
            let mask = 1 << (feature % 64);
            *word = if used { *word | mask } else { *word & !mask };
        }
    }

    /// Returns whether `feature` is in the set.
    pub fn has(&self, feature: u16) -> bool {
        let word = self.0.get(usize::from(feature / 64)).copied();
        word.unwrap_or(0) & (1 << (feature % 64)) != 0
    }

    /// Returns whether every feature of `other` is in the set.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| b & !a == 0)
    }

    /// Returns the words up to the last that is not 0, at least one, as a descriptor has them.
    pub fn words(&self) -> &[u64] {
        let unused = self.0.iter().rev().take_while(|&&word| word == 0).count();
        let len = FEATURE_WORDS.saturating_sub(unused).max(1);
        self.0.get(..len).unwrap_or(&self.0)
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

/// The identity that a profile stands for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    /// The vendor id.
    pub vendor: u16,
    /// The device id.
    pub device: u16,
    /// The class code in configuration-space order: programming interface, subclass, base class.
    pub class: [u8; 3],
    /// Whether the device is an SR-IOV virtual function.
    pub is_vf: bool,
    /// How the subsystem ids are compared.
    pub subsystem: Match,
    /// How the revision id is compared.
    pub revision: Match,
}

/// A version of a profile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Version {
    /// The version.
    pub version: u32,
    /// The oldest version whose reader can take a stream of this one, if no feature is in the way.
    pub min_reader: u32,
}

/// A feature of a profile.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Feature {
    /// The bit that stands for it.
    pub bit: u16,
    /// The first version with it.
    pub introduced: u32,
    /// Whether the destination has to have it if the source uses it.
    pub required: bool,
    /// The name.
    pub name: &'static str,
}

/// A limit of a profile, with the value of one device.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Limit {
    /// The number of the limit.
    pub id: u16,
    /// How source and destination have to relate.
    pub rule: Rule,
    /// The value of the device; in a profile, of one that has all the profile allows.
    pub value: u64,
    /// The name, for sysfs and messages.
    pub name: &'static str,
}

/// A host policy of a profile, with the value of one host.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Policy {
    /// The number of the policy.
    pub id: u16,
    /// What a difference means.
    pub action: Action,
    /// The value of the host.
    pub value: u64,
    /// The name.
    pub name: &'static str,
}

/// A word of configuration space that VMMs compare.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ConfigSpec {
    /// Where it is, in bytes.
    pub offset: u16,
    /// The value of a provider that has no device to take it from.
    pub value: u32,
    /// The bits that are compared.
    pub mask: u32,
    /// Whether it is compared only if the guest finds the function behind a port.
    pub behind_port: bool,
    /// Bits that a former owner may have left behind, and that are cleared by writing ones.
    pub clear_by_ones: u32,
    /// Such bits that are cleared by writing zeros.
    pub clear_by_zeros: u32,
    /// The name, for messages; several words may share it.
    pub name: &'static str,
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
    /// The first profile version with it.
    pub introduced: u32,
    /// The feature that it belongs to: it is in a stream only if that is in use.
    pub feature: Option<u16>,
    /// Whether it is left out if all of it is 0.
    pub omit_if_zero: bool,
    /// The name, for messages and tools.
    pub name: &'static str,
}

/// All that the registry says of a profile, for code.
#[derive(Debug)]
pub struct Profile {
    /// The name.
    pub name: &'static str,
    /// The UUID, in the order of its text form.
    pub uuid: [u8; 16],
    /// The identity.
    pub identity: Identity,
    /// The oldest version that is read.
    pub floor: u32,
    /// The versions, ascending.
    pub versions: &'static [Version],
    /// The features, by bit.
    pub features: &'static [Feature],
    /// The limits, by ascending id.
    pub limits: &'static [Limit],
    /// The host policies, by ascending id.
    pub policies: &'static [Policy],
    /// What VMMs compare of configuration space, by ascending offset.
    pub config: &'static [ConfigSpec],
    /// The sections of all versions, by ascending type.
    pub sections: &'static [SectionSpec],
    /// The largest stream in bytes.
    pub stream_max: u64,
    /// Checks the payload of one section: type, instance, payload.
    pub verify: fn(u32, u32, &[u8]) -> Result<(), Refusal>,
}

impl Profile {
    /// Returns the newest version.
    pub fn newest(&self) -> u32 {
        self.versions.last().map_or(0, |version| version.version)
    }

    /// Returns a version.
    pub fn version(&self, version: u32) -> Option<&'static Version> {
        self.versions.iter().find(|known| known.version == version)
    }

    /// Returns a section type.
    pub fn section(&self, kind: u32) -> Option<&'static SectionSpec> {
        self.sections.iter().find(|spec| spec.kind == kind)
    }

    /// Returns the features that `version` has.
    pub fn features_of(&self, version: u32) -> Features {
        let mut features = Features::default();
        for feature in self.features {
            features.set(feature.bit, feature.introduced <= version);
        }
        features
    }

    /// Splits those of the features `used` that `version` has into the ones that a destination has to
    /// have, and those it may lack.
    pub fn split(&self, version: u32, used: &Features) -> (Features, Features) {
        let (mut required, mut optional) = (Features::default(), Features::default());
        for feature in self.features {
            let used = used.has(feature.bit) && feature.introduced <= version;
            required.set(feature.bit, used && feature.required);
            optional.set(feature.bit, used && !feature.required);
        }
        (required, optional)
    }

    /// Returns the identity of a device of this profile.
    pub fn presented(&self, subvendor: u16, subdevice: u16, revision: u8) -> Presented {
        Presented {
            vendor: self.identity.vendor,
            device: self.identity.device,
            subvendor,
            subdevice,
            revision,
            class: self.identity.class,
            flags: if self.identity.is_vf {
                Presented::FLAGS_IS_VF
            } else {
                0
            },
        }
    }

    /// Returns the capabilities of a device that has all that `version` allows.
    ///
    /// A device with less lowers its limits with [`Limits::set`]. [`None`] if there is no such
    /// version.
    pub fn capabilities(&'static self, version: u32, presented: Presented) -> Option<Capabilities> {
        self.version(version)?;
        Some(Capabilities {
            presented,
            subsystem: self.identity.subsystem,
            revision: self.identity.revision,
            profile_uuid: self.uuid,
            profile_name: self.name,
            version,
            versions: self.versions,
            floor: self.floor,
            features: self.features_of(version),
            limits: Limits::new(self.limits),
            policies: self.policies,
            sections: self.sections,
            stream_max: self.stream_max,
        })
    }

    /// Checks the payload of a section.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`]; [`Code::Range`] if the section is to be left out if it is 0 and is. Of a
    /// later schema only a part is known, which may be 0.
    pub fn judge(&self, section: &Section<'_>) -> Result<(), Refusal> {
        (self.verify)(section.kind, section.instance, section.payload)?;
        match self.section(section.kind) {
            Some(spec) if spec.omit_if_zero && section.schema <= spec.schema => {
                not_all_zero(section.payload)
            }
            _ => Ok(()),
        }
    }

    /// Requires that `version` has words for all that is in use.
    ///
    /// # Errors
    ///
    /// [`Code::OpNotSupp`] if there is no such version, or it lacks a feature that a destination would
    /// have to have, which is named.
    pub fn expressible(&self, version: u32, used: &Features) -> Result<(), Refusal> {
        let newest = self.newest().into();
        if self.version(version).is_none() {
            let got = version.into();
            return Err(Refusal::new(
                Code::OpNotSupp,
                "no such profile version",
                got,
                newest,
            ));
        }
        let known = self.features_of(version);
        match self
            .features
            .iter()
            .find(|feature| feature.required && used.has(feature.bit) && !known.has(feature.bit))
        {
            Some(feature) => {
                let (got, want) = (version.into(), feature.introduced.into());
                Err(Refusal::new(Code::OpNotSupp, feature.name, got, want))
            }
            None => Ok(()),
        }
    }

    /// Appends a section of a stream of `version`, unless it is one to be left out.
    ///
    /// # Errors
    ///
    /// As [`Writer::section`].
    pub fn put(
        &self,
        writer: &mut Writer<'_>,
        version: u32,
        kind: u32,
        instance: u32,
        payload: &[u8],
    ) -> Result<(), Refusal> {
        match self.section(kind) {
            Some(spec) if spec.introduced > version => Ok(()),
            Some(spec) if spec.omit_if_zero && not_all_zero(payload).is_err() => Ok(()),
            Some(spec) => writer.section(kind, spec.schema, spec.flags, instance, payload),
            None => Err(Refusal::new(
                Code::IlSeq,
                "not of this profile",
                kind.into(),
                0,
            )),
        }
    }
}
