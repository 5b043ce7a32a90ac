// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Which sections of a profile a stream has had.

use super::spec::{Features, Profile};
use crate::{
    descriptor::Descriptor,
    error::{Code, Refusal},
    reader::Section,
    registry::PAYLOAD_MAX,
};

/// The sections that have arrived, and the version by which they are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Presence {
    version: u32,
    /// The features that are announced.
    features: Features,
    /// A bit for every instance of every section, in the order of the profile.
    seen: u128,
}

impl Presence {
    /// Sets by what the sections are judged: the version and features of the stream.
    pub(super) fn judge_by(&mut self, descriptor: &Descriptor<'_>) {
        self.version = descriptor.version();
        self.features = Features::default();
        for words in [
            &mut descriptor.features_required() as &mut dyn Iterator<Item = u64>,
            &mut descriptor.features_optional(),
        ] {
            for (all, word) in self.features.0.iter_mut().zip(words) {
                *all |= word;
            }
        }
    }

    /// Takes note of a section.
    ///
    /// # Errors
    ///
    /// [`Code::IlSeq`] if the section is not of the profile, of a later version of it or of a
    /// feature that was not announced, or if it comes in fragments.
    pub(super) fn note(&mut self, profile: &Profile, section: &Section<'_>) -> Result<(), Refusal> {
        let (kind, instance) = (section.kind, section.instance);
        let refuse = |reason, got: u32, want: u32| {
            let (got, want) = (got.into(), want.into());
            Err(Refusal::new(Code::IlSeq, reason, got, want))
        };
        let spec = profile.section(kind);
        // What fits a section comes in one.
        if section.more && spec.is_none_or(|spec| spec.len_max <= PAYLOAD_MAX) {
            return refuse("fragmented section", 0, 0);
        }
        if let Some(spec) = spec {
            if spec.introduced > self.version {
                let want = spec.introduced;
                return refuse("section of a later version", self.version, want);
            }
            if let Some(bit) = spec.feature.filter(|&bit| !self.features.has(bit)) {
                return refuse("section of a feature not announced", kind, bit.into());
            }
        }
        let bit = bit(profile, kind, instance).ok_or(Refusal::new(
            Code::IlSeq,
            "not of this profile",
            kind.into(),
            instance.into(),
        ))?;
        self.seen |= bit;
        Ok(())
    }

    /// Requires every critical section that no feature decides on, in every instance.
    ///
    /// # Errors
    ///
    /// [`Code::IlSeq`] if one is missing.
    pub(super) fn verify(&self, profile: &Profile) -> Result<(), Refusal> {
        for spec in profile.sections {
            let optional = spec.flags & crate::FLAG_CRITICAL == 0 || spec.feature.is_some();
            if optional || spec.introduced > self.version {
                continue;
            }
            for instance in 0..spec.instances {
                let bit = bit(profile, spec.kind, instance).unwrap_or(0);
                if self.seen & bit == 0 {
                    let (got, want) = (instance.into(), spec.kind.into());
                    return Err(Refusal::new(Code::IlSeq, "section missing", got, want));
                }
            }
        }
        Ok(())
    }
}

/// Returns the bit that stands for an instance.
fn bit(profile: &Profile, kind: u32, instance: u32) -> Option<u128> {
    let mut before = 0u32;
    for spec in profile.sections {
        if spec.kind == kind && instance < spec.instances {
            return 1u128.checked_shl(before.checked_add(instance)?);
        }
        before = before.checked_add(spec.instances)?;
    }
    None
}
