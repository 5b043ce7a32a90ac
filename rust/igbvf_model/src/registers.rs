// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The map of BAR 0: which offset is which register, and whose.
//!
//! Offsets are in bytes; names are those of the 82576 datasheet (chapter 8.14) without the VT
//! prefix, as in the guest's driver (`regs.h`). What is not here reads as 0 and ignores writes, also
//! PBACL and RQDPC, which the profile lets a provider have like that.

/// Size of BAR 0 in bytes.
pub const BAR_LEN: u32 = 0x4000;

/// Device control.
pub const CTRL: u32 = 0x0000;
/// The same register again.
pub const CTRL_DUP: u32 = 0x0004;
/// Device status.
pub const STATUS: u32 = 0x0008;
/// Message buffer of the mailbox, 16 words.
pub const VMBMEM: u32 = 0x0800;
/// Mailbox between function and PF.
pub const V2PMAILBOX: u32 = 0x0c40;
/// Packet types whose headers are split.
pub const PSRTYPE: u32 = 0x0f0c;
/// Good packets received.
pub const VFGPRC: u32 = 0x0f10;
/// Good packets transmitted.
pub const VFGPTC: u32 = 0x0f14;
/// Good octets received.
pub const VFGORC: u32 = 0x0f18;
/// Good octets transmitted.
pub const VFGOTC: u32 = 0x0f34;
/// Multicast packets received.
pub const VFMPRC: u32 = 0x0f3c;
/// Good packets received by loopback.
pub const VFGPRLBC: u32 = 0x0f40;
/// Good packets transmitted by loopback.
pub const VFGPTLBC: u32 = 0x0f44;
/// Good octets received by loopback.
pub const VFGORLBC: u32 = 0x0f48;
/// Good octets transmitted by loopback.
pub const VFGOTLBC: u32 = 0x0f50;
/// Interrupt cause set.
pub const EICS: u32 = 0x1520;
/// Interrupt mask set and read.
pub const EIMS: u32 = 0x1524;
/// Interrupt mask clear.
pub const EIMC: u32 = 0x1528;
/// Interrupt auto clear.
pub const EIAC: u32 = 0x152c;
/// Interrupt auto mask.
pub const EIAM: u32 = 0x1530;
/// Interrupt cause.
pub const EICR: u32 = 0x1580;
/// Throttle of vector 0; those of the others follow.
pub const EITR: u32 = 0x1680;
/// Vectors of the queues.
pub const IVAR0: u32 = 0x1700;
/// Vector of the mailbox.
pub const IVAR_MISC: u32 = 0x1740;
/// First register of receive queue 0.
pub const RX: u32 = 0x2800;
/// First register of transmit queue 0.
pub const TX: u32 = 0x3800;
/// Distance of the queues.
pub const QUEUE_STRIDE: u32 = 0x100;
/// RDBAL, TDBAL: base of the ring, low half; relative to the queue.
pub const BAL: u32 = 0x00;
/// RDBAH, TDBAH: base of the ring, high half; relative to the queue.
pub const BAH: u32 = 0x04;
/// RDLEN, TDLEN: length of the ring in bytes; relative to the queue.
pub const LEN: u32 = 0x08;
/// SRRCTL: buffer sizes and descriptor type; relative to the receive queue.
pub const SRRCTL: u32 = 0x0c;
/// RDH, TDH: head; relative to the queue.
pub const HEAD: u32 = 0x10;
/// RXCTL, TXCTL: direct cache access; relative to the queue.
pub const DCA: u32 = 0x14;
/// RDT, TDT: tail; relative to the queue.
pub const TAIL: u32 = 0x18;
/// RXDCTL, TXDCTL: thresholds and enable bit; relative to the queue.
pub const DCTL: u32 = 0x28;
/// TDWBAL: head write-back address, low half; relative to the transmit queue.
pub const WBAL: u32 = 0x38;
/// TDWBAH: head write-back address, high half; relative to the transmit queue.
pub const WBAH: u32 = 0x3c;

/// CTRL: reset of the function; reads as 0.
pub const CTRL_RST: u32 = 1 << 26;
/// STATUS: full duplex, 1000 Mbit/s.
pub const STATUS_FD_1000: u32 = 0x81;
/// STATUS: the link is up.
pub const STATUS_LU: u32 = 1 << 1;
/// V2PMAILBOX: the function has written a request.
pub const V2P_REQ: u32 = 1 << 0;
/// V2PMAILBOX: the function has read a message.
pub const V2P_ACK: u32 = 1 << 1;
/// V2PMAILBOX: the function holds the buffer.
pub const V2P_VFU: u32 = 1 << 2;
/// V2PMAILBOX: the PF has written a message; reading clears it.
pub const V2P_PFSTS: u32 = 1 << 4;
/// V2PMAILBOX: the PF has read a request; reading clears it.
pub const V2P_PFACK: u32 = 1 << 5;
/// V2PMAILBOX: the PF was reset; reading clears it.
pub const V2P_RSTD: u32 = 1 << 7;
/// RXDCTL, TXDCTL: the queue is on.
pub const DCTL_ENABLE: u32 = 1 << 25;
/// RXDCTL, TXDCTL: write descriptors back now; an action, reads as 0.
pub const DCTL_FLUSH: u32 = 1 << 26;

/// Registers of [`crate::Control`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ControlRegister {
    /// CTRL.
    Ctrl,
    /// STATUS.
    Status,
    /// V2PMAILBOX.
    Mailbox,
    /// A word of VMBMEM, 0 to 15.
    Buffer(u8),
}

/// Registers of [`crate::Interrupts`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IrqRegister {
    /// EICS.
    CauseSet,
    /// EIMS.
    MaskSet,
    /// EIMC.
    MaskClear,
    /// EIAC.
    AutoClear,
    /// EIAM.
    AutoMask,
    /// EICR.
    Cause,
    /// EITR of a vector, 0 to 2.
    Throttle(u8),
    /// VTIVAR.
    Vectors,
    /// VTIVAR_MISC.
    MailboxVector,
}

/// Registers of [`crate::RxQueue`] and [`crate::TxQueue`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueRegister {
    /// RDBAL, TDBAL.
    BaseLow,
    /// RDBAH, TDBAH.
    BaseHigh,
    /// RDLEN, TDLEN.
    Length,
    /// SRRCTL; of receive queues.
    Buffers,
    /// RDH, TDH.
    Head,
    /// RXCTL, TXCTL.
    CacheAccess,
    /// RXDCTL, TXDCTL.
    Control,
    /// PSRTYPE; of receive queue 0.
    SplitTypes,
    /// TDWBAL; of transmit queues.
    WriteBackLow,
    /// TDWBAH; of transmit queues.
    WriteBackHigh,
}

/// Registers of [`crate::Statistics`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counter {
    /// VFGPRC.
    Gprc,
    /// VFGPTC.
    Gptc,
    /// VFGORC.
    Gorc,
    /// VFGOTC.
    Gotc,
    /// VFMPRC.
    Mprc,
    /// VFGPRLBC.
    Gprlbc,
    /// VFGPTLBC.
    Gptlbc,
    /// VFGORLBC.
    Gorlbc,
    /// VFGOTLBC.
    Gotlbc,
}

/// A register, by the part that has it; queues are 0 and 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Register {
    /// Of [`crate::Control`].
    Control(ControlRegister),
    /// Of [`crate::Interrupts`].
    Interrupt(IrqRegister),
    /// Of a [`crate::RxQueue`].
    Rx(usize, QueueRegister),
    /// RDT, which the caller keeps.
    RxTail(usize),
    /// Of a [`crate::TxQueue`].
    Tx(usize, QueueRegister),
    /// TDT, which the caller keeps.
    TxTail(usize),
    /// Of [`crate::Statistics`].
    Statistic(Counter),
    /// None: reads as 0, ignores writes.
    None,
}

impl Register {
    /// Returns what is at `offset` of BAR 0, in bytes.
    ///
    /// Registers are accessed as aligned words of 32 bits; other offsets are [`Register::None`].
    pub fn at(offset: u32) -> Self {
        use ControlRegister as C;
        use IrqRegister as I;
        match offset {
            CTRL | CTRL_DUP => Self::Control(C::Ctrl),
            STATUS => Self::Control(C::Status),
            V2PMAILBOX => Self::Control(C::Mailbox),
            VMBMEM..=0x083f => match word(offset, VMBMEM) {
                Some(at) => Self::Control(C::Buffer(at)),
                None => Self::None,
            },
            PSRTYPE => Self::Rx(0, QueueRegister::SplitTypes),
            VFGPRC => Self::Statistic(Counter::Gprc),
            VFGPTC => Self::Statistic(Counter::Gptc),
            VFGORC => Self::Statistic(Counter::Gorc),
            VFGOTC => Self::Statistic(Counter::Gotc),
            VFMPRC => Self::Statistic(Counter::Mprc),
            VFGPRLBC => Self::Statistic(Counter::Gprlbc),
            VFGPTLBC => Self::Statistic(Counter::Gptlbc),
            VFGORLBC => Self::Statistic(Counter::Gorlbc),
            VFGOTLBC => Self::Statistic(Counter::Gotlbc),
            EICS => Self::Interrupt(I::CauseSet),
            EIMS => Self::Interrupt(I::MaskSet),
            EIMC => Self::Interrupt(I::MaskClear),
            EIAC => Self::Interrupt(I::AutoClear),
            EIAM => Self::Interrupt(I::AutoMask),
            EICR => Self::Interrupt(I::Cause),
            EITR..=0x168b => match word(offset, EITR) {
                Some(at) => Self::Interrupt(I::Throttle(at)),
                None => Self::None,
            },
            IVAR0 => Self::Interrupt(I::Vectors),
            IVAR_MISC => Self::Interrupt(I::MailboxVector),
            RX..=0x29ff => queue(offset, false),
            TX..=0x39ff => queue(offset, true),
            _ => Self::None,
        }
    }
}

/// The number of a word of an array of registers, if it is aligned.
fn word(offset: u32, first: u32) -> Option<u8> {
    let at = offset.wrapping_sub(first);
    (at & 3 == 0).then(|| crate::bytes::low8(at >> 2))
}

fn queue(offset: u32, transmit: bool) -> Register {
    use QueueRegister as Q;
    let queue = usize::from(offset & QUEUE_STRIDE != 0);
    let register = match (offset & 0xff, transmit) {
        (TAIL, false) => return Register::RxTail(queue),
        (TAIL, true) => return Register::TxTail(queue),
        (BAL, _) => Q::BaseLow,
        (BAH, _) => Q::BaseHigh,
        (LEN, _) => Q::Length,
        (SRRCTL, false) => Q::Buffers,
        (HEAD, _) => Q::Head,
        (DCA, _) => Q::CacheAccess,
        (DCTL, _) => Q::Control,
        (WBAL, true) => Q::WriteBackLow,
        (WBAH, true) => Q::WriteBackHigh,
        _ => return Register::None,
    };
    if transmit {
        Register::Tx(queue, register)
    } else {
        Register::Rx(queue, register)
    }
}
