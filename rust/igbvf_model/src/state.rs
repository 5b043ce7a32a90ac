// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What stands against a load.
//!
//! Every part loads and saves its own sections, and takes whatever the profile allows. Beyond the
//! profile there is the host: its PF would refuse what its administrator has forbidden.

use crate::filters::Administrator;
use vmf::profile::igbvf_82576::{Filters, Mailbox, State};
use vmf::Refusal;

/// What the administrator of the host does not let the guest have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Conflict {
    /// The state has another address than the administrator has set.
    Mac {
        /// That of the state.
        got: [u8; 6],
        /// That of the administrator.
        want: [u8; 6],
    },
    /// The state has so many further addresses, which the administrator does not allow.
    Unicast {
        /// How many.
        count: u32,
    },
}

/// Why a state is not loaded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LoadError {
    /// It is not one of the profile.
    Profile(Refusal),
    /// The host does not let the guest have it.
    Host(Conflict),
}

impl From<Refusal> for LoadError {
    fn from(refusal: Refusal) -> Self {
        Self::Profile(refusal)
    }
}

impl From<Conflict> for LoadError {
    fn from(conflict: Conflict) -> Self {
        Self::Host(conflict)
    }
}

/// Judges a state as the PF of a host would that is asked for the same.
///
/// # Errors
///
/// What the administrator does not let the guest have.
pub fn check(state: &State, administrator: &Administrator) -> Result<(), Conflict> {
    let served = state.mailbox.flags & Mailbox::FLAGS_VF_RESET_DONE != 0;
    let Some(mac) = administrator.mac.filter(|_| !administrator.trusted) else {
        return Ok(());
    };
    let has_mac = state.filters.flags & Filters::FLAGS_MAC_VALID != 0;
    if served && has_mac && state.filters.mac != mac {
        return Err(Conflict::Mac {
            got: state.filters.mac,
            want: mac,
        });
    }
    if state.unicast.count != 0 {
        return Err(Conflict::Unicast {
            count: state.unicast.count,
        });
    }
    Ok(())
}
