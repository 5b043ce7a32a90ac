// SPDX-License-Identifier: GPL-2.0

//! What the physical function has agreed to do for the guest.
//!
//! No register shows it. It is learnt from the messages of the guest, once the physical function
//! has said yes, and brought about again at a destination by the same messages.
//!
//! Messages: `drivers/net/ethernet/intel/igb/e1000_mbx.h`; what they do to the physical function:
//! `igb_rcv_msg_from_vf()` in `drivers/net/ethernet/intel/igb/igb_main.c`.

use vmf::{
    profile::igbvf_82576::{
        Filters,
        Unicast,
        FEATURE_UNICAST_FILTERS, //
    },
    Features, //
};

/// Number of 32-bit words in a message.
pub(crate) const MESSAGE_WORDS: usize = super::regs::MBMEM_WORDS;
/// A message.
pub(crate) type Message = [u32; MESSAGE_WORDS];
/// The part of a reply that says something; the rest is what the buffer held before.
pub(crate) type Reply = [u32; 3];

/// `E1000_VF_RESET`: first message of a driver, without which the queues stay dead.
pub(crate) const VF_RESET: u32 = 0x01;
/// `E1000_VF_SET_MAC_ADDR`
pub(crate) const SET_MAC_ADDR: u32 = 0x02;
/// `E1000_VF_MAC_FILTER_CLR`: a parameter makes it another message.
pub(crate) const MAC_FILTER_CLR: u32 = 0x01_0002;
/// `E1000_VF_MAC_FILTER_ADD`
pub(crate) const MAC_FILTER_ADD: u32 = 0x02_0002;
/// `E1000_VF_SET_MULTICAST`; the parameter is the number of hashes.
pub(crate) const SET_MULTICAST: u32 = 0x03;
/// `E1000_VF_SET_VLAN`; the parameter is 1 to add and 0 to remove.
pub(crate) const SET_VLAN: u32 = 0x04;
/// `E1000_VF_SET_LPE`
pub(crate) const SET_LPE: u32 = 0x05;
/// `E1000_VF_SET_PROMISC`; only for multicast.
pub(crate) const SET_PROMISC: u32 = 0x06;
/// `E1000_VF_SET_PROMISC_MULTICAST`
pub(crate) const PROMISC_MULTICAST: u32 = 0x02;

/// The type in the first word of a message.
pub(crate) const TYPE_MASK: u32 = 0xffff;
/// `E1000_VT_MSGINFO_SHIFT`, and the parameter it leads to.
pub(crate) const INFO_SHIFT: u32 = 16;
const INFO_MASK: u32 = 0xff;
/// `E1000_VT_MSGTYPE_ACK`
pub(crate) const ACK: u32 = 0x8000_0000;
/// `E1000_VT_MSGTYPE_NACK`
pub(crate) const NACK: u32 = 0x4000_0000;
/// `E1000_VT_MSGTYPE_CTS`: the physical function knows this VF; not in a reply to `VF_RESET`.
pub(crate) const CTS: u32 = 0x2000_0000;

/// Bits of a VLAN id.
const VLAN_MASK: u32 = 0xfff;

/// The standing agreements.
#[derive(Default)]
pub(crate) struct Control {
    pub(crate) filters: Filters,
    pub(crate) unicast: Unicast,
}

impl Control {
    /// Returns the features of the profile that the guest uses.
    ///
    /// They follow from what the physical function has agreed to, which is known at all times.
    pub(crate) fn features(&self) -> Features {
        let mut used = Features::default();

        used.set(FEATURE_UNICAST_FILTERS, self.unicast.count != 0);
        used
    }

    /// Takes up the reply to a request of the guest; returns whether it is one.
    ///
    /// What is not a reply is a ping, which the physical function sends on its own account.
    pub(crate) fn settle(&mut self, request: &Message, reply: Reply) -> bool {
        let [kind, first, second, ..] = *request;
        let [verdict, low, high] = reply;
        let info = (kind >> INFO_SHIFT) & INFO_MASK;
        let agreed = verdict & ACK != 0;

        if verdict & (ACK | NACK) == 0 || verdict & TYPE_MASK != kind & TYPE_MASK {
            return false;
        }
        match kind & TYPE_MASK {
            // Success both ways: NACK says that no address was set by the host. With a parameter it
            // is no message at all.
            VF_RESET if kind == VF_RESET => {
                self.forget_reset();
                if agreed {
                    self.set_mac(mac_from_words(low, high));
                }
            }
            // The physical function does this, and then refuses what else was asked for.
            SET_PROMISC => self.flag(Filters::FLAGS_MULTI_PROMISC, info & PROMISC_MULTICAST != 0),
            _ if !agreed => (),
            SET_MAC_ADDR => match info << INFO_SHIFT | SET_MAC_ADDR {
                SET_MAC_ADDR => self.set_mac(mac_from_words(first, second)),
                MAC_FILTER_CLR => self.unicast = Unicast::default(),
                MAC_FILTER_ADD => self.add_unicast(mac_from_words(first, second)),
                _ => (),
            },
            SET_MULTICAST => self.set_multicast(info, request),
            SET_VLAN => self.set_vlan(first & VLAN_MASK, info != 0),
            SET_LPE => {
                self.flag(Filters::FLAGS_MAX_FRAME_VALID, true);
                // The physical function takes more for `MAX_JUMBO_FRAME_SIZE`, but for what it takes
                // for negative: that is not for us to repeat.
                self.filters.max_frame = first.min(Filters::MAX_FRAME_MAX);
            }
            _ => (),
        }
        true
    }

    /// The function was reset, or has asked for it: what goes with that.
    ///
    /// The physical function keeps the frame size and the further addresses.
    pub(crate) fn forget_reset(&mut self) {
        self.filters = Filters {
            flags: self.filters.flags & Filters::FLAGS_MAX_FRAME_VALID,
            max_frame: self.filters.max_frame,
            ..Filters::default()
        };
    }

    /// The physical function was reset: nothing stands any more.
    pub(crate) fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// Returns whether the physical function keeps anything for a VF that was reset.
    pub(crate) fn outlasts_reset(&self) -> bool {
        self.unicast.count != 0 || self.filters.flags & Filters::FLAGS_MAX_FRAME_VALID != 0
    }

    /// Returns the address of the function.
    pub(crate) fn mac(&self) -> Option<[u8; 6]> {
        (self.filters.flags & Filters::FLAGS_MAC_VALID != 0).then_some(self.filters.mac)
    }

    /// Returns the further addresses.
    pub(crate) fn unicast(&self) -> impl Iterator<Item = [u8; 6]> + '_ {
        // CAST: at most 24.
        let count = self.unicast.count as usize;
        let list = self.unicast.addresses.chunks_exact(6).take(count);

        list.filter_map(|mac| mac.try_into().ok())
    }

    /// Returns the VLANs whose frames are received.
    pub(crate) fn vlans(&self) -> impl Iterator<Item = u32> + '_ {
        (1..=VLAN_MASK).filter(|&vid| {
            let byte = self.filters.vlans.get(vid as usize / 8);
            byte.is_some_and(|byte| byte & (1 << (vid % 8)) != 0)
        })
    }

    /// Returns whether VLAN tags are stripped.
    pub(crate) fn strips(&self) -> bool {
        self.filters.flags & Filters::FLAGS_VLAN_STRIP != 0
    }

    fn flag(&mut self, flag: u32, set: bool) {
        if set {
            self.filters.flags |= flag;
        } else {
            self.filters.flags &= !flag;
        }
    }

    fn set_mac(&mut self, mac: [u8; 6]) {
        self.flag(Filters::FLAGS_MAC_VALID, true);
        self.filters.mac = mac;
    }

    /// An address that is there already takes another entry of the table, and no effect.
    fn add_unicast(&mut self, mac: [u8; 6]) {
        if self.unicast().any(|known| known == mac) {
            return;
        }
        // CAST: at most 24, which are more entries than the device has.
        let at = self.unicast.count as usize * 6;
        if let Some(entry) = self.unicast.addresses.get_mut(at..at + 6) {
            entry.copy_from_slice(&mac);
            self.unicast.count += 1;
        }
    }

    /// The hashes come two to a word, the low half first.
    fn set_multicast(&mut self, count: u32, request: &Message) {
        let hashes = request.iter().skip(1).flat_map(|word| {
            // CAST: the halves.
            [*word as u16, (*word >> 16) as u16]
        });
        let list = &mut self.filters.multicast;

        list.fill(0);
        // CAST: at most 255.
        for (to, hash) in list.iter_mut().zip(hashes).take(count as usize) {
            *to = hash & Filters::MULTICAST_MAX;
        }
        // CAST: at most 255.
        self.filters.multicast_count = count as u16;
    }

    /// Stripping follows the last message, whichever VLAN it is about and even if it removes one.
    fn set_vlan(&mut self, vid: u32, add: bool) {
        // To remove VLAN 0 is agreed to, and nothing happens.
        if vid == 0 && !add {
            return;
        }
        self.flag(Filters::FLAGS_VLAN_STRIP, vid != 0);
        // CAST: below 4096.
        if let (Some(byte), true) = (self.filters.vlans.get_mut(vid as usize / 8), vid != 0) {
            let bit = 1 << (vid % 8);
            *byte = if add { *byte | bit } else { *byte & !bit };
        }
    }
}

/// Returns whether a message asks for a further unicast address.
pub(crate) fn adds_unicast(message: &Message) -> bool {
    let [kind, ..] = *message;

    kind & (TYPE_MASK | INFO_MASK << INFO_SHIFT) == MAC_FILTER_ADD
}

/// Returns the address in the second and third word of a message.
pub(crate) fn mac_from_words(low: u32, high: u32) -> [u8; 6] {
    let [a, b, c, d] = low.to_le_bytes();
    let [e, f, ..] = high.to_le_bytes();

    [a, b, c, d, e, f]
}

/// Returns the second and third word of a message with this address.
pub(crate) fn words_from_mac([a, b, c, d, e, f]: [u8; 6]) -> (u32, u32) {
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, 0, 0]),
    )
}
