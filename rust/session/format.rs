// SPDX-License-Identifier: GPL-2.0

//! What a device says of itself: capabilities and descriptor.

use core::marker::PhantomData;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};
use vmf::{
    profile::Carried,
    registry::End,
    Capabilities,
    DescriptorFields,
    Features,
    Presented,
    Refusal, //
};

/// The format of one device, as it is bound.
pub struct Format<S: Carried> {
    caps: Capabilities,
    /// Who makes the streams; no one compares it.
    provider: &'static [(u16, &'static [u8])],
    /// The newest profile version to read and to write.
    newest: Atomic<u32>,
    /// The profile version to write.
    target: Atomic<u32>,
    /// The features that the guest uses, to be looked at by who must not wait for it: a word is read
    /// and written at once, and the profile has no more of them.
    used: Atomic<u64>,
    _state: PhantomData<fn() -> S>,
}

impl<S: Carried> Format<S> {
    /// Makes that of a device which is what the guest is `presented`, with less than the profile allows
    /// where `limits` has another value.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the profile is of another device, or has no such limit.
    pub fn new(
        presented: Presented,
        limits: &[(u16, u64)],
        provider: &'static [(u16, &'static [u8])],
    ) -> Result<Self> {
        const { assert!(S::PROFILE.features.len() <= 64) };
        let newest = S::PROFILE.newest();
        let mut caps = S::PROFILE.capabilities(newest, presented).ok_or(EINVAL)?;

        for &(limit, value) in limits {
            if !caps.limits.set(limit, value) {
                return Err(EINVAL);
            }
        }
        Ok(Self {
            caps,
            provider,
            newest: Atomic::new(newest),
            target: Atomic::new(newest),
            used: Atomic::new(0),
            _state: PhantomData,
        })
    }

    /// Returns what the guest is presented.
    pub fn presented(&self) -> &Presented {
        &self.caps.presented
    }

    /// Returns what the device takes now.
    pub fn capabilities(&self) -> Capabilities {
        let version = self.newest();

        Capabilities {
            version,
            features: S::PROFILE.features_of(version),
            ..self.caps
        }
    }

    /// Returns the newest profile version to read and to write.
    pub(crate) fn newest(&self) -> u32 {
        self.newest.load(Relaxed)
    }

    /// Sets the newest profile version to read and to write, for sessions that begin from now on.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the profile has no such version.
    pub(crate) fn set_newest(&self, version: u32) -> Result {
        S::PROFILE.version(version).ok_or(EINVAL)?;
        self.newest.store(version, Relaxed);
        Ok(())
    }

    /// Returns the profile version to write.
    pub(crate) fn target(&self) -> u32 {
        self.target.load(Relaxed).min(self.newest())
    }

    /// Sets the profile version to write, for sessions that begin from now on.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the profile has no such version, or it is newer than the newest to write.
    pub(crate) fn set_target(&self, version: u32) -> Result {
        S::PROFILE.version(version).ok_or(EINVAL)?;
        if version > self.newest() {
            return Err(EINVAL);
        }
        self.target.store(version, Relaxed);
        Ok(())
    }

    pub(crate) fn used(&self) -> Features {
        Features([self.used.load(Relaxed), 0])
    }

    /// Says which features the guest uses, for who asks for a descriptor before a migration.
    pub fn set_used(&self, used: Features) {
        let Features([low, _]) = used;
        self.used.store(low, Relaxed);
    }

    /// Returns the descriptor of a stream.
    ///
    /// # Errors
    ///
    /// The features in use that `version` has no words for.
    pub(crate) fn fields(
        &self,
        version: u32,
        used: &Features,
    ) -> core::result::Result<DescriptorFields<'_>, Refusal> {
        S::PROFILE.expressible(version, used)?;
        let (required, optional) = S::PROFILE.split(version, used);
        let min_reader = S::PROFILE
            .version(version)
            .map_or(version, |v| v.min_reader);

        Ok(DescriptorFields {
            version,
            min_reader,
            required,
            optional,
            provider: self.provider,
            ..self.caps.fields()
        })
    }

    /// Returns the length in bytes that no stream of this device exceeds.
    pub fn stream_len_max(&self) -> usize {
        let newest = S::PROFILE.newest();
        let len = |used: &Features| {
            self.fields(newest, used)
                .map_or(0, |fields| fields.payload_len())
        };

        // The longest one begins without any feature, and each that comes into use while it is read
        // brings another descriptor.
        vmf::preamble_len(len(&Features::default()))
            .saturating_add(
                S::PROFILE
                    .features
                    .len()
                    .saturating_mul(vmf::section_len(len(&S::PROFILE.features_of(newest)))),
            )
            .saturating_add(S::LEN_MAX)
            .saturating_add(vmf::section_len(End::LEN))
    }
}
