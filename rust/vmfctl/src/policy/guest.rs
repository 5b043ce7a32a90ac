// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a guest wants of the host: as far as its stream, or only the start of that, has it.

use std::io::Read;

use vmf::profile::igbvf_82576::{
    Filters, Loader, Mailbox, State, FEATURE_UNICAST_FILTERS, PROFILE,
};

use crate::{
    generations,
    verdict::{self, feature_mask},
};

/// How an address is written that is none.
pub(super) const NO_MAC: &str = "00:00:00:00:00:00";

/// The address of a guest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) enum Mac {
    #[default]
    Unknown,
    None,
    Is(String),
}

/// What is known of a guest.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Guest {
    pub(crate) mac: Mac,
    /// Whether it is served by its physical function.
    pub(crate) served: Option<bool>,
    /// Whether it has further addresses.
    pub(crate) further: Option<bool>,
    /// Whether it has VLANs.
    pub(crate) vlans: Option<bool>,
}

impl Guest {
    /// What a whole stream says, or the descriptors at its start if there is no more of it.
    pub(crate) fn of_stream(start: &[u8], input: impl Read) -> Self {
        Self::of_state(start, input).unwrap_or_else(|| Self::of_descriptor(start))
    }

    /// What a descriptor says, or the one in force: features in use.
    pub(crate) fn of_descriptor(start: &[u8]) -> Self {
        let in_force = generations::in_force(start);
        let Ok(descriptor) = verdict::descriptor(&in_force) else {
            return Self::default();
        };
        if descriptor.profile_uuid() != PROFILE.uuid {
            return Self::default();
        }
        let used = feature_mask(descriptor.features_required());
        Self {
            further: Some(used & (1 << FEATURE_UNICAST_FILTERS) != 0),
            ..Self::default()
        }
    }

    fn of_state(start: &[u8], input: impl Read) -> Option<Self> {
        let descriptor = verdict::descriptor(start).ok()?;
        if descriptor.profile_uuid() != PROFILE.uuid {
            return None;
        }
        let caps = verdict::of_start(start).ok()?;
        let mut loader = Loader::default();
        // Whatever is wrong with it, is said by the verdict.
        verdict::read(input, &caps, &mut loader).ok()?.ok()?;
        loader.state().map(Self::of)
    }

    fn of(state: &State) -> Self {
        let served = state.mailbox.flags & Mailbox::FLAGS_VF_RESET_DONE != 0;
        let has_mac = state.filters.flags & Filters::FLAGS_MAC_VALID != 0;
        let mac = state.filters.mac.map(|byte| format!("{byte:02x}"));
        Self {
            mac: match has_mac {
                true => Mac::Is(mac.join(":")),
                false => Mac::None,
            },
            served: Some(served),
            further: Some(state.unicast.count != 0),
            vlans: Some(state.filters.vlans.iter().any(|byte| *byte != 0)),
        }
    }
}
