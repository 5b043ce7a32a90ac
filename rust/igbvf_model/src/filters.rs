// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the PF does for the function: which frames reach it (clause reception), and which it may send.

use crate::{
    bytes::{be16_at, mac_at},
    stats::FCS_LEN,
};
use vmf::profile::igbvf_82576 as profile;

/// Largest frame while the guest has set none, with frame check sequence; in bytes.
const FRAME_DEFAULT: u32 = 1522;
/// Most VLANs of a function; of the 32 filters one is for untagged frames.
const VLANS_MAX: u32 = 31;
/// Multicast hashes that fit a message; with more announced all multicast frames are received.
const HASHES_MAX: u16 = 30;
/// Length of an Ethernet header.
pub(crate) const ETH_HLEN: usize = 14;
/// EtherType of a VLAN tag.
pub(crate) const ETH_P_8021Q: u16 = 0x8100;

/// What the administrator of the host has set for the function, as with `ip link set PF vf N`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Administrator {
    /// The address; the guest cannot set another one unless it is trusted.
    pub mac: Option<[u8; 6]>,
    /// Whether frames are sent only from addresses and VLANs of the function.
    pub spoofchk: bool,
    /// Whether the guest may set addresses although `mac` is set.
    pub trusted: bool,
}

impl Default for Administrator {
    /// As a PF starts: no address, spoof check on, not trusted.
    fn default() -> Self {
        Self {
            mac: None,
            spoofchk: true,
            trusted: false,
        }
    }
}

/// Why a frame does not reach the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// The guest has not asked the PF to serve it, or the link is down.
    Off,
    /// It is shorter than its header.
    Short,
    /// It is longer than the guest has allowed.
    Long,
    /// Its address is not of this function.
    Address,
    /// Its VLAN is not of this function.
    Vlan,
}

/// How a frame reaches the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// It is a multicast frame.
    pub multicast: bool,
    /// Its VLAN tag is to be stripped.
    pub strip: bool,
}

/// The filters, complete in themselves: workers have copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Filters {
    /// VF_RESET was answered.
    pub(crate) served: bool,
    pub(crate) link: bool,
    pub(crate) administrator: Administrator,
    pub(crate) state: profile::Filters,
    pub(crate) unicast: profile::Unicast,
}

/// Whether an address is one of a station.
fn is_station(mac: &[u8; 6]) -> bool {
    let [first, ..] = *mac;
    first & 1 == 0 && *mac != [0; 6]
}

/// An address that no station can have counts as none.
fn sound(mut administrator: Administrator) -> Administrator {
    administrator.mac = administrator.mac.filter(is_station);
    administrator
}

impl Filters {
    pub(crate) fn new(administrator: Administrator) -> Self {
        Self {
            link: true,
            administrator: sound(administrator),
            ..Self::default()
        }
    }

    /// Whether the function sends and receives at all.
    pub fn enabled(&self) -> bool {
        self.served && self.link
    }

    fn has(&self, flag: u32) -> bool {
        self.state.flags & flag != 0
    }

    fn set(&mut self, flag: u32, on: bool) {
        if on {
            self.state.flags |= flag;
        } else {
            self.state.flags &= !flag;
        }
    }

    /// The address of the function.
    pub fn mac(&self) -> Option<[u8; 6]> {
        self.has(profile::Filters::FLAGS_MAC_VALID)
            .then_some(self.state.mac)
    }

    /// Length of the largest frame that is received, with frame check sequence; in bytes.
    pub fn max_frame(&self) -> u32 {
        if self.has(profile::Filters::FLAGS_MAX_FRAME_VALID) {
            self.state.max_frame
        } else {
            FRAME_DEFAULT
        }
    }

    /// Whether the guest has further addresses.
    pub fn has_unicast(&self) -> bool {
        self.unicast.count != 0
    }

    fn unicast(&self) -> impl Iterator<Item = &[u8]> {
        let count = usize::try_from(self.unicast.count).unwrap_or(0);
        self.unicast.addresses.chunks_exact(6).take(count)
    }

    /// Whether an address of a station is one of the function.
    fn is_own(&self, mac: &[u8; 6]) -> bool {
        self.mac() == Some(*mac) || self.unicast().any(|own| own == mac)
    }

    fn has_vlan(&self, vlan: u16) -> bool {
        let byte = self.state.vlans.get(usize::from(vlan / 8)).copied();
        vlan == 0 || byte.unwrap_or(0) & (1 << (vlan % 8)) != 0
    }

    fn has_group(&self, mac: &[u8; 6]) -> bool {
        let count = self.state.multicast_count;
        if self.has(profile::Filters::FLAGS_MULTI_PROMISC) || count > HASHES_MAX {
            return true;
        }
        // The hash as in the field multicast.
        let [.., low, high] = *mac;
        let hash =
            ((u16::from(high) << 4) | (u16::from(low) >> 4)) & profile::Filters::MULTICAST_MAX;
        let hashes = self.state.multicast.iter().take(count.into());
        hashes.into_iter().any(|&one| one == hash)
    }

    /// Judges a frame from the network, without frame check sequence.
    ///
    /// # Errors
    ///
    /// Why it does not reach the function.
    pub fn receives(&self, frame: &[u8]) -> Result<Accepted, Rejected> {
        if !self.enabled() {
            return Err(Rejected::Off);
        }
        let (Some(to), Some(kind)) = (mac_at(frame, 0), be16_at(frame, 12)) else {
            return Err(Rejected::Short);
        };
        let vlan = match kind {
            ETH_P_8021Q => Some(be16_at(frame, ETH_HLEN).ok_or(Rejected::Short)? & 0xfff),
            _ => None,
        };
        if vlan.is_some() && be16_at(frame, 16).is_none() {
            return Err(Rejected::Short);
        }
        if crate::bytes::len32(frame.len()).saturating_add(FCS_LEN) > self.max_frame() {
            return Err(Rejected::Long);
        }
        let [first, ..] = to;
        let group = first & 1 != 0;
        let broadcast = to == [0xff; 6];
        let wanted = if group {
            broadcast || self.has_group(&to)
        } else {
            self.is_own(&to)
        };
        if !wanted {
            return Err(Rejected::Address);
        }
        if vlan.is_some_and(|vlan| !self.has_vlan(vlan)) {
            return Err(Rejected::Vlan);
        }
        Ok(Accepted {
            multicast: group && !broadcast,
            strip: vlan.is_some() && self.has(profile::Filters::FLAGS_VLAN_STRIP),
        })
    }

    /// Judges a frame of the guest, with its tag in place: does it pass the spoof check?
    pub fn sends(&self, frame: &[u8]) -> bool {
        if !self.administrator.spoofchk {
            return true;
        }
        let vlan = match be16_at(frame, 12) {
            Some(ETH_P_8021Q) => be16_at(frame, ETH_HLEN).unwrap_or(0) & 0xfff,
            _ => 0,
        };
        mac_at(frame, 6).is_some_and(|from| self.is_own(&from)) && self.has_vlan(vlan)
    }

    /// Whether the guest may choose addresses.
    fn may_set_mac(&self) -> bool {
        self.administrator.mac.is_none() || self.administrator.trusted
    }

    /// VF_SET_MAC_ADDR; returns whether the PF agrees, as all of these.
    pub(crate) fn set_mac(&mut self, mac: &[u8; 6]) -> bool {
        let agreed = self.may_set_mac() && is_station(mac);
        if agreed {
            self.state.mac = *mac;
            self.set(profile::Filters::FLAGS_MAC_VALID, true);
        }
        agreed
    }

    /// VF_SET_MAC_ADDR with MAC_FILTER_CLR.
    pub(crate) fn clear_unicast(&mut self) -> bool {
        let agreed = self.may_set_mac();
        if agreed {
            self.unicast = profile::Unicast::default();
        }
        agreed
    }

    /// VF_SET_MAC_ADDR with MAC_FILTER_ADD.
    pub(crate) fn add_unicast(&mut self, mac: &[u8; 6]) -> bool {
        if !self.may_set_mac() || !is_station(mac) {
            return false;
        }
        if self.unicast().any(|one| one == mac) {
            return true;
        }
        let count = usize::try_from(self.unicast.count).unwrap_or(usize::MAX);
        let mut slots = self.unicast.addresses.chunks_exact_mut(6);
        let Some(slot) = slots.nth(count) else {
            return false;
        };
        let _ = crate::bytes::put(slot, 0, mac);
        self.unicast.count = self.unicast.count.saturating_add(1);
        true
    }

    /// VF_SET_MULTICAST: `count` hashes announced, those that fit in `hashes`.
    pub(crate) fn set_multicast(&mut self, count: u8, hashes: impl Iterator<Item = u16>) {
        self.state.multicast_count = count.into();
        self.state.multicast = [0; 30];
        let slots = self.state.multicast.iter_mut().take(count.into());
        for (slot, hash) in slots.zip(hashes) {
            *slot = hash & profile::Filters::MULTICAST_MAX;
        }
    }

    /// VF_SET_PROMISC: all multicast frames, or those of the hashes.
    pub(crate) fn set_multi_promisc(&mut self, on: bool) {
        self.set(profile::Filters::FLAGS_MULTI_PROMISC, on);
    }

    /// VF_SET_LPE: the largest frame, with frame check sequence, in bytes.
    pub(crate) fn set_max_frame(&mut self, len: u32) {
        self.state.max_frame = len.min(profile::Filters::MAX_FRAME_MAX);
        self.set(profile::Filters::FLAGS_MAX_FRAME_VALID, true);
    }

    /// VF_SET_VLAN.
    pub(crate) fn set_vlan(&mut self, vlan: u16, add: bool) -> bool {
        let vlan = vlan & 0xfff;
        // Untagged frames and those of VLAN 0 are always received.
        if vlan == 0 {
            if add {
                self.set(profile::Filters::FLAGS_VLAN_STRIP, false);
            }
            return true;
        }
        let count: u32 = self.state.vlans.iter().map(|byte| byte.count_ones()).sum();
        if !self.has_vlan(vlan) && add && count >= VLANS_MAX {
            return false;
        }
        if let Some(byte) = self.state.vlans.get_mut(usize::from(vlan / 8)) {
            let bit = 1 << (vlan % 8);
            *byte = if add { *byte | bit } else { *byte & !bit };
        }
        self.set(profile::Filters::FLAGS_VLAN_STRIP, true);
        true
    }

    /// Takes over what the PF has agreed to. Of a function that is not served only frame size and
    /// further addresses count (section filters of the profile).
    pub(crate) fn load(&mut self, state: &profile::State) {
        self.state = state.filters;
        self.unicast = state.unicast;
        self.served = state.mailbox.flags & profile::Mailbox::FLAGS_VF_RESET_DONE != 0;
        if !self.served {
            self.reset();
        }
    }

    /// A function level reset: nothing of the guest's stays.
    pub(crate) fn power_on(&mut self) {
        *self = Self {
            link: self.link,
            administrator: self.administrator,
            ..Self::default()
        };
    }

    /// CTRL.RST: only frame size and further addresses stay.
    pub(crate) fn reset(&mut self) {
        let max_frame = self.state.max_frame;
        let valid = self.has(profile::Filters::FLAGS_MAX_FRAME_VALID);
        self.served = false;
        self.state = profile::Filters::default();
        self.state.max_frame = max_frame;
        self.set(profile::Filters::FLAGS_MAX_FRAME_VALID, valid);
    }

    /// VF_RESET: the function is served from now on; returns the address that the host has set or,
    /// if there is none, the one that the guest has set since CTRL.RST.
    pub(crate) fn serve(&mut self) -> Option<[u8; 6]> {
        let keep = self.mac().filter(|_| self.served);
        self.reset();
        self.served = true;
        let mac = self.administrator.mac.or(keep);
        if let Some(mac) = mac {
            self.state.mac = mac;
            self.set(profile::Filters::FLAGS_MAC_VALID, true);
        }
        mac
    }

    pub(crate) fn set_administrator(&mut self, administrator: Administrator) {
        let administrator = sound(administrator);
        if let (Some(mac), true) = (administrator.mac, self.served) {
            if administrator.mac != self.administrator.mac {
                self.state.mac = mac;
                self.set(profile::Filters::FLAGS_MAC_VALID, true);
            }
        }
        self.administrator = administrator;
    }
}
