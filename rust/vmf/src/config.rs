// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Configuration space, as far as VMMs compare it.
//!
//! A VMM compares it last of all, with the guest stopped, and refuses what differs. So it is part of
//! the descriptor, for who wants to know before: [`check_config()`] is for preflight only, and a
//! [`Reader`](crate::Reader) does not compare it, as a VMM may know better.

use crate::{
    check::Finding,
    descriptor::Descriptor,
    error::{Code, Refusal},
    profile::spec::{ConfigSpec, Profile},
    registry::ConfigWord,
};

/// The largest number of words that a profile can have.
pub const CONFIG_MAX: usize = 64;

impl ConfigSpec {
    /// Returns the word of a descriptor for what the device shows, `raw`.
    pub const fn word(&self, raw: u32) -> ConfigWord {
        ConfigWord {
            offset: self.offset,
            flags: if self.behind_port {
                ConfigWord::FLAGS_BEHIND_PORT
            } else {
                0
            },
            value: raw & self.mask,
        }
    }

    /// Returns the bits of `raw` that no former owner can have left behind.
    pub const fn kept(&self, raw: u32) -> u32 {
        raw & !(self.clear_by_ones | self.clear_by_zeros)
    }

    /// Returns what to write to a device that shows `raw`, so that nothing of a former owner is left;
    /// [`None`] if nothing is.
    pub const fn clearing(&self, raw: u32) -> Option<u32> {
        if self.kept(raw) == raw {
            return None;
        }
        // Bits that ones clear are ones where there is something to be cleared.
        Some(raw & !self.clear_by_zeros)
    }
}

/// What one device shows, by ascending offset.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Config {
    list: [ConfigWord; CONFIG_MAX],
    len: usize,
}

impl Default for Config {
    /// Nothing is known.
    fn default() -> Self {
        Self {
            list: [ConfigWord {
                offset: 0,
                flags: 0,
                value: 0,
            }; CONFIG_MAX],
            len: 0,
        }
    }
}

impl Config {
    /// Asks `read` for each word of a profile, of which no more than [`CONFIG_MAX`] count.
    pub fn new(specs: &[ConfigSpec], mut read: impl FnMut(usize, &ConfigSpec) -> u32) -> Self {
        let mut config = Self {
            len: specs.len().min(CONFIG_MAX),
            ..Self::default()
        };
        for (number, (word, spec)) in config.list.iter_mut().zip(specs).enumerate() {
            *word = spec.word(read(number, spec));
        }
        config
    }

    /// Returns the words.
    pub fn as_slice(&self) -> &[ConfigWord] {
        self.list.get(..self.len).unwrap_or(&[])
    }
}

/// Judges whether a VMM would let a function with `descriptor` become one that shows `own`.
///
/// What either side does not state cannot differ.
///
/// # Errors
///
/// [`Code::XDev`] at the first word that differs in a bit that is compared.
pub fn check_config(
    descriptor: &Descriptor<'_>,
    profile: &Profile,
    own: &[ConfigWord],
) -> Result<(), Refusal> {
    let mut first = Ok(());
    check_config_each(descriptor, profile, own, &mut |finding| {
        if let (Some(code), true) = (finding.code, first.is_ok()) {
            first = Err(Refusal::new(code, finding.rule, finding.got, finding.want));
        }
    });
    first
}

/// Compares as [`check_config()`] does, and hands each finding to `judge`; their ids are offsets.
pub fn check_config_each(
    descriptor: &Descriptor<'_>,
    profile: &Profile,
    own: &[ConfigWord],
    judge: &mut dyn FnMut(Finding),
) {
    for word in descriptor.config() {
        let spec = profile
            .config
            .iter()
            .find(|spec| spec.offset == word.offset);
        let own = own.iter().find(|own| own.offset == word.offset);
        if let (Some(spec), Some(own)) = (spec, own) {
            let (got, want) = (word.value & spec.mask, own.value & spec.mask);
            judge(Finding {
                rule: spec.name,
                id: spec.offset.into(),
                got: got.into(),
                want: want.into(),
                code: (got != want).then_some(Code::XDev),
            });
        }
    }
}
