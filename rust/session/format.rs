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
    Config,
    ConfigSpec,
    Descriptor,
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
    /// Subsystem vendor and subsystem of what the guest is presented; not of all providers the same
    /// for ever.
    board: Atomic<u32>,
    /// What VMMs compare of configuration space, in the order of the profile: a word is read and written
    /// at once, and is a word of the same device before and after.
    config: KVec<Atomic<u32>>,
    _state: PhantomData<fn() -> S>,
}

impl<S: Carried> Format<S> {
    /// Makes that of a device which is what the guest is `presented`, with less than the profile allows
    /// where `limits` has another value.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the profile is of another device, or has no such limit.
    /// - [`ENOMEM`]
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
        let mut config = KVec::with_capacity(S::PROFILE.config.len(), GFP_KERNEL)?;
        for spec in S::PROFILE.config {
            config.push(Atomic::new(spec.value), GFP_KERNEL)?;
        }
        Ok(Self {
            board: Atomic::new(board(presented.subvendor, presented.subdevice)),
            config,
            caps,
            provider,
            newest: Atomic::new(newest),
            target: Atomic::new(newest),
            used: Atomic::new(0),
            _state: PhantomData,
        })
    }

    /// Returns what the guest is presented.
    pub fn presented(&self) -> Presented {
        let board = self.board.load(Relaxed);

        Presented {
            // CAST: the halves that `board()` has put together.
            subvendor: (board >> 16) as u16,
            subdevice: board as u16,
            ..self.caps.presented
        }
    }

    /// Returns what VMMs compare of configuration space, as the device shows it when it is opened.
    pub fn config(&self) -> Config {
        Config::new(S::PROFILE.config, |number, spec| {
            self.config
                .get(number)
                .map_or(spec.value, |word| word.load(Relaxed))
        })
    }

    /// Asks `read` for each word that VMMs compare.
    pub fn set_config(&self, mut read: impl FnMut(&ConfigSpec) -> u32) {
        for (word, spec) in self.config.iter().zip(S::PROFILE.config) {
            word.store(read(spec), Relaxed);
        }
    }

    /// Becomes, to who looks at configuration space, the device with this descriptor; what it does not
    /// state stays as it is.
    pub fn adopt(&self, descriptor: &Descriptor<'_>) {
        let Presented {
            subvendor,
            subdevice,
            ..
        } = descriptor.presented();

        self.board.store(board(subvendor, subdevice), Relaxed);
        for given in descriptor.config() {
            let mut words = self.config.iter().zip(S::PROFILE.config);
            if let Some((word, _)) = words.find(|(_, spec)| spec.offset == given.offset) {
                word.store(given.value, Relaxed);
            }
        }
    }

    /// Returns what the device takes now.
    pub fn capabilities(&self) -> Capabilities {
        let version = self.newest();

        Capabilities {
            presented: self.presented(),
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

    /// Returns the descriptor of a stream; `config` is that of [`Self::config()`].
    ///
    /// # Errors
    ///
    /// The features in use that `version` has no words for.
    pub(crate) fn fields<'a>(
        &'a self,
        version: u32,
        used: &Features,
        config: &'a Config,
    ) -> core::result::Result<DescriptorFields<'a>, Refusal> {
        S::PROFILE.expressible(version, used)?;
        let (required, optional) = S::PROFILE.split(version, used);
        let min_reader = S::PROFILE
            .version(version)
            .map_or(version, |v| v.min_reader);

        Ok(DescriptorFields {
            presented: self.presented(),
            version,
            min_reader,
            required,
            optional,
            config: config.as_slice(),
            provider: self.provider,
            ..self.caps.fields()
        })
    }

    /// Returns the length in bytes that no stream of this device exceeds.
    pub fn stream_len_max(&self) -> usize {
        let newest = S::PROFILE.newest();
        let config = self.config();
        let len = |used: &Features| {
            self.fields(newest, used, &config)
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

/// Puts the ids of a subsystem together.
fn board(vendor: u16, device: u16) -> u32 {
    u32::from(vendor) << 16 | u32::from(device)
}
