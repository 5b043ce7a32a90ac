// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The mailbox, and the PF behind it, which answers at once.
//!
//! What the PF answers is in the messages of the profile and in the clauses answers and not-served.

use crate::{
    bytes::{high16, low16, low8},
    filters::Filters,
    registers::{V2P_ACK, V2P_PFACK, V2P_PFSTS, V2P_REQ, V2P_VFU},
};
use vmf::profile::igbvf_82576 as profile;

/// Words of a message.
const WORDS: usize = 16;
/// Set in an answer: agreed.
const ACK: u32 = 0x8000_0000;
/// Set in an answer: refused.
const NACK: u32 = 0x4000_0000;
/// Set in an answer: the PF serves the function.
const CTS: u32 = 0x2000_0000;
const VF_RESET: u32 = 0x01;
const VF_SET_MAC_ADDR: u32 = 0x02;
const VF_SET_MULTICAST: u32 = 0x03;
const VF_SET_VLAN: u32 = 0x04;
const VF_SET_LPE: u32 = 0x05;
const VF_SET_PROMISC: u32 = 0x06;
/// The bits of a request besides its type.
const INFO: u32 = 0x00ff_0000;
const MAC_FILTER_CLR: u32 = 0x0001_0000;
const MAC_FILTER_ADD: u32 = 0x0002_0000;
const PROMISC_MULTICAST: u32 = 0x0002_0000;
/// A message of the PF's own, e.g. when the link changes.
const PF_CONTROL_MSG: u32 = 0x0100;
/// Least time between two refusals that nobody has asked for, in nanoseconds.
const NACK_INTERVAL: u64 = 2_000_000_000;

/// The message buffer and the bits of V2PMAILBOX.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mailbox {
    buffer: [u32; WORDS],
    /// PFSTS, PFACK and RSTD that the guest has not read yet.
    r2c: u8,
    /// The guest holds the buffer.
    vfu: bool,
    /// A request without an answer, which waits for the guest to let go of the buffer.
    request: Option<[u32; WORDS]>,
    /// When the PF last refused without being asked.
    refused: Option<u64>,
}

/// Whether the guest gets an interrupt.
type Interrupt = bool;

impl Mailbox {
    pub(crate) fn word(&self, at: u8) -> u32 {
        self.buffer.get(usize::from(at)).copied().unwrap_or(0)
    }

    pub(crate) fn set_word(&mut self, at: u8, value: u32) {
        if let Some(word) = self.buffer.get_mut(usize::from(at)) {
            *word = value;
        }
        // The PF reads a request when the guest lets go of the buffer (clause answers).
        let request = self.request.as_mut();
        if let Some(word) = request.and_then(|words| words.get_mut(usize::from(at))) {
            *word = value;
        }
    }

    /// Reads V2PMAILBOX.
    pub(crate) fn read(&mut self) -> u32 {
        let vfu = if self.vfu { V2P_VFU } else { 0 };
        u32::from(core::mem::take(&mut self.r2c)) | vfu
    }

    /// Writes V2PMAILBOX. A request is answered as soon as the guest does not hold the buffer.
    pub(crate) fn write(&mut self, value: u32, filters: &mut Filters, now: u64) -> Interrupt {
        self.vfu = value & V2P_VFU != 0;
        if value & V2P_REQ != 0 {
            self.request = Some(self.buffer);
        }
        let answered = self.run(filters);
        let refused = value & V2P_ACK != 0 && self.refuse(filters, now);
        answered || refused
    }

    /// Answers a request that is pending, unless the guest holds the buffer.
    pub(crate) fn run(&mut self, filters: &mut Filters) -> Interrupt {
        if self.vfu {
            return false;
        }
        let Some(request) = self.request.take() else {
            return false;
        };
        self.indicate(V2P_PFACK);
        self.answer(request, filters);
        true
    }

    fn indicate(&mut self, bit: u32) {
        self.r2c |= low8(bit) & profile::Mailbox::R2C_MASK;
    }

    fn send(&mut self, words: &[u32]) {
        for (to, from) in self.buffer.iter_mut().zip(words) {
            *to = *from;
        }
        self.indicate(V2P_PFSTS);
    }

    /// A guest that reads messages although the PF does not serve it has missed a reset (clause
    /// not-served).
    fn refuse(&mut self, filters: &Filters, now: u64) -> Interrupt {
        let again = self.refused.map(|last| last.saturating_add(NACK_INTERVAL));
        if filters.served || self.vfu || again.is_some_and(|again| now < again) {
            return false;
        }
        self.refused = Some(now);
        self.send(&[NACK]);
        true
    }

    /// Tells the guest that the link has changed, if no message waits to be read: the PF need not
    /// (clause pf-messages).
    pub(crate) fn ping(&mut self, filters: &Filters) {
        if !self.vfu && u32::from(self.r2c) & V2P_PFSTS == 0 {
            let cts = if filters.served { CTS } else { 0 };
            self.send(&[PF_CONTROL_MSG | cts]);
        }
    }

    /// CTRL.RST; the registers stay as they are.
    pub(crate) fn reset(&mut self, now: u64) {
        self.request = None;
        self.refused = Some(now);
    }

    /// What the PF makes of a request.
    fn answer(&mut self, request: [u32; WORDS], filters: &mut Filters) {
        let [mut first, second, third, ..] = request;
        if first & (ACK | NACK) != 0 {
            // Not answered (clause answers).
            return;
        }
        if first == VF_RESET {
            match filters.serve() {
                Some([a, b, c, d, e, f]) => {
                    let low = u32::from_le_bytes([a, b, c, d]);
                    let high = u32::from_le_bytes([e, f, 0, 0]);
                    self.send(&[VF_RESET | ACK, low, high]);
                }
                None => self.send(&[VF_RESET | NACK, 0, 0]),
            }
            return;
        }
        if !filters.served {
            self.send(&[(first & !CTS) | NACK]);
            return;
        }
        let info = first & INFO;
        let mac = mac_of(second, third);
        let agreed = match first & 0xffff {
            VF_SET_MAC_ADDR => match info {
                0 => filters.set_mac(&mac),
                MAC_FILTER_CLR => filters.clear_unicast(),
                MAC_FILTER_ADD => filters.add_unicast(&mac),
                _ => false,
            },
            VF_SET_MULTICAST => {
                let [_, list @ ..] = request;
                let hashes = list
                    .into_iter()
                    .flat_map(|word| [low16(word), high16(word)]);
                filters.set_multicast(low8(info >> 16), hashes);
                true
            }
            VF_SET_VLAN => filters.set_vlan(low16(second), info != 0),
            VF_SET_LPE => {
                filters.set_max_frame(second);
                true
            }
            VF_SET_PROMISC => {
                filters.set_multi_promisc(first & PROMISC_MULTICAST != 0);
                first &= !PROMISC_MULTICAST;
                first & INFO == 0
            }
            _ => false,
        };
        let verdict = if agreed { ACK } else { NACK };
        self.send(&[first | CTS | verdict]);
    }

    pub(crate) fn load(&mut self, from: &profile::Mailbox) {
        let has = |flag| from.flags & flag != 0;
        *self = Self {
            buffer: from.vmbmem,
            r2c: from.r2c,
            vfu: has(profile::Mailbox::FLAGS_VFU),
            request: has(profile::Mailbox::FLAGS_REQUEST_PENDING).then_some(from.request),
            refused: None,
        };
    }

    pub(crate) fn save(&self, served: bool) -> profile::Mailbox {
        let flag = |flag, on| if on { flag } else { 0 };
        profile::Mailbox {
            vmbmem: self.buffer,
            request: self.request.unwrap_or_default(),
            r2c: self.r2c,
            flags: flag(profile::Mailbox::FLAGS_VFU, self.vfu)
                | flag(profile::Mailbox::FLAGS_VF_RESET_DONE, served)
                | flag(
                    profile::Mailbox::FLAGS_REQUEST_PENDING,
                    self.request.is_some(),
                ),
        }
    }
}

/// The address in two words of a message.
fn mac_of(low: u32, high: u32) -> [u8; 6] {
    let [a, b, c, d] = low.to_le_bytes();
    let [e, f, ..] = high.to_le_bytes();
    [a, b, c, d, e, f]
}
