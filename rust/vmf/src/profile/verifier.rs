// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A visitor that judges the content of a stream and keeps nothing of it.

use super::{presence::Presence, spec::Profile};
use crate::{
    descriptor::Descriptor,
    error::Refusal,
    reader::{Section, Visitor},
};

/// Comes to the verdict of a driver of `profile`, without a device.
#[derive(Debug)]
pub struct Verifier {
    profile: &'static Profile,
    presence: Presence,
}

impl Verifier {
    /// Prepares for a stream.
    pub fn new(profile: &'static Profile) -> Self {
        Self {
            profile,
            presence: Presence::default(),
        }
    }
}

impl Visitor for Verifier {
    fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {
        self.presence.judge_by(descriptor);
        Ok(())
    }

    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        self.presence.note(self.profile, section)?;
        self.profile.judge(section)
    }

    fn verify(&mut self) -> Result<(), Refusal> {
        self.presence.verify(self.profile)
    }
}
