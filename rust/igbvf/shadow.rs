// SPDX-License-Identifier: GPL-2.0

//! What the registers do not show: learnt by watching the guest.

use super::regs::{
    CAUSES,
    QUEUES,
    V2PMAILBOX, //
};

/// Bits of `V2PMAILBOX` that reading clears.
pub(crate) const R2C: u32 = 0xb0;

/// `E1000_VF_RESET`: first message of a driver, without which the queues stay dead.
pub(crate) const VF_RESET: u32 = 0x01;
/// `E1000_VF_SET_MAC_ADDR`.
pub(crate) const VF_SET_MAC_ADDR: u32 = 0x02;
/// The type in the first word of a message.
pub(crate) const TYPE_MASK: u32 = 0xffff;
/// Type and parameter in the first word: a parameter can make it another message altogether.
const MESSAGE_MASK: u32 = 0xff_ffff;
/// `E1000_VT_MSGTYPE_ACK`
pub(crate) const ACK: u32 = 0x8000_0000;
/// `E1000_VT_MSGTYPE_NACK`
pub(crate) const NACK: u32 = 0x4000_0000;

/// Number of words at the start of a message that are looked at.
pub(crate) const HEAD_WORDS: usize = 3;

/// The parts of a VF that can only be remembered, from open or reset on.
#[derive(Default)]
pub(crate) struct Shadow {
    /// The interrupt mask: `EIMS` shows the last value written on some models.
    pub(crate) eims: u32,
    /// `RXCTL`, which is write-only on some models.
    pub(crate) rxctl: [u32; QUEUES],
    /// `PSRTYPE`, likewise.
    pub(crate) psrtype: u32,
    /// The mailbox as the guest sees it.
    pub(crate) mailbox: Mailbox,
}

impl Shadow {
    /// The guest has set bits of the interrupt mask.
    pub(crate) fn unmask(&mut self, causes: u32) {
        self.eims |= causes & CAUSES;
    }

    /// The guest has cleared bits of the interrupt mask.
    pub(crate) fn mask(&mut self, causes: u32) {
        self.eims &= !causes;
    }
}

/// The guest's side of the mailbox, and what has been agreed through it.
#[derive(Default)]
pub(crate) struct Mailbox {
    /// Bits that reading has cleared in the register and the guest has not seen.
    r2c: u32,
    /// The guest holds the buffer.
    pub(crate) vfu: bool,
    /// Start of the message that the guest has written, sent or not.
    draft: [u32; HEAD_WORDS],
    /// Start of the message that the guest has sent and that was not answered yet.
    request: Option<[u32; HEAD_WORDS]>,
    /// `VF_RESET` was answered: the physical function has switched the queues on.
    pub(crate) reset_done: bool,
    /// The MAC address that the physical function filters for us.
    pub(crate) mac: Option<[u8; 6]>,
}

impl Mailbox {
    /// Takes up what a read of the register by anyone has returned, and so cleared.
    ///
    /// `head` reads the start of the mailbox memory, if there may be a reply.
    pub(crate) fn observe(
        &mut self,
        register: V2PMAILBOX,
        head: impl FnOnce() -> [u32; HEAD_WORDS],
    ) {
        self.r2c |= u32::from(register) & R2C;
        if register.pfsts() && self.request.is_some() {
            self.reply(head());
        }
    }

    /// Returns what the guest reads, and forgets what it then has seen.
    pub(crate) fn guest_read(&mut self, register: V2PMAILBOX) -> u32 {
        u32::from(register) | core::mem::take(&mut self.r2c)
    }

    /// Returns the bits that the guest has not seen.
    pub(crate) fn unseen(&self) -> u32 {
        self.r2c
    }

    /// The guest has written a word of the mailbox memory.
    pub(crate) fn guest_wrote(&mut self, word: usize, value: u32) {
        if let Some(draft) = self.draft.get_mut(word) {
            *draft = value;
        }
    }

    /// The guest has written the register.
    pub(crate) fn guest_commanded(&mut self, register: V2PMAILBOX) {
        if register.req() {
            self.request = Some(self.draft);
        }
        // A request lets go of the buffer, and so does a write without the bit.
        self.vfu = register.vfu() && !register.req();
    }

    /// Returns whether the guest waits for an answer.
    pub(crate) fn is_waiting(&self) -> bool {
        self.request.is_some()
    }

    /// The physical function has answered: only what it agreed to has happened.
    fn reply(&mut self, reply: [u32; HEAD_WORDS]) {
        let Some([kind, low, high]) = self.request else {
            return;
        };
        let [verdict, ..] = reply;
        if verdict & (ACK | NACK) == 0 || verdict & TYPE_MASK != kind & TYPE_MASK {
            // A ping, which the physical function sends on its own account.
            return;
        }
        self.request = None;
        match kind & MESSAGE_MASK {
            // Success both ways: NACK says that no address was set by the host.
            VF_RESET => {
                self.reset_done = true;
                self.mac = if verdict & ACK != 0 {
                    Some(mac_from_words(reply[1], reply[2]))
                } else {
                    None
                };
            }
            VF_SET_MAC_ADDR if verdict & ACK != 0 => self.mac = Some(mac_from_words(low, high)),
            _ => (),
        }
    }

    /// The function was reset: the physical function has forgotten it. The registers of the mailbox
    /// do not change.
    pub(crate) fn forget(&mut self) {
        self.request = None;
        self.reset_done = false;
        self.mac = None;
    }

    /// Makes the mailbox of a guest that comes from elsewhere.
    ///
    /// `draft` is the start of the mailbox memory, which is that of a message if `waiting`.
    pub(crate) fn restored(
        r2c: u32,
        vfu: bool,
        draft: [u32; HEAD_WORDS],
        waiting: bool,
        reset_done: bool,
        mac: Option<[u8; 6]>,
    ) -> Self {
        Self {
            r2c: r2c & R2C,
            vfu,
            draft,
            request: waiting.then_some(draft),
            reset_done,
            mac,
        }
    }
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
