// SPDX-License-Identifier: GPL-2.0

//! Registers of an 82576 virtual function, in BAR 0.
//!
//! Source: `drivers/net/ethernet/intel/igbvf/regs.h` and the Intel 82576EB datasheet, "Virtual
//! Function Device Registers". Registers come in pages by temperature: mailbox and statistics,
//! interrupts, receive, transmit.

use kernel::io::register;
use vfio::pci::MmioGuard;

/// Index of the BAR.
pub(crate) const BAR: usize = 0;
/// Size of the BAR in bytes.
pub(crate) const BAR_SIZE: usize = 0x4000;
/// Offset of the interrupt page, which the guest touches unseen: an access per interrupt, and a mask
/// that can be found out, see [`mask`](super::mask).
pub(crate) const IRQ_PAGE: usize = 0x1000;
/// Offset of the receive page, which is the guest's as long as nobody has to see what it does there, see
/// [`rx_page`](super::rx_page).
pub(crate) const RX_PAGE: usize = 0x2000;
/// Offset of the transmit page, which the guest touches unseen: a doorbell per packet, and nothing in
/// it that could not be read back.
pub(crate) const TX_PAGE: usize = 0x3000;

/// The BAR, ready to be accessed.
pub(crate) type Bar<'a> = &'a MmioGuard<'a, BAR_SIZE>;

/// Number of receive and of transmit queues.
pub(crate) const QUEUES: usize = 2;
/// Interrupt causes that a VF has, as a mask: one per MSI-X vector.
pub(crate) const CAUSES: u32 = 0x7;
/// Number of counters.
pub(crate) const STATISTICS: usize = 9;
/// Number of 32-bit words in the mailbox memory.
pub(crate) const MBMEM_WORDS: usize = 16;

register! {
    /// Device control. There is a second decode at offset 4.
    pub(crate) CTRL(u32) @ 0x0000 {
        /// Resets the function; the physical function is told. Reads as 0.
        26:26 rst => bool;
    }

    /// Device status: link and speed, those of the physical function.
    pub(crate) STATUS(u32) @ 0x0008 {
        31:0 value;
    }

    /// Mailbox memory, shared with the physical function.
    pub(crate) MBMEM(u32)[MBMEM_WORDS] @ 0x0800 {
        31:0 value;
    }

    /// Mailbox control.
    pub(crate) V2PMAILBOX(u32) @ 0x0c40 {
        /// The physical function has finished its reset. Cleared by reading.
        7:7 rstd => bool;
        /// The physical function is in reset.
        6:6 rsti => bool;
        /// The physical function has read our message. Cleared by reading.
        5:5 pfack => bool;
        /// The physical function has written a message. Cleared by reading.
        4:4 pfsts => bool;
        /// The physical function holds the buffer.
        3:3 pfu => bool;
        /// We hold the buffer; writing 0 lets go of it.
        2:2 vfu => bool;
        /// Tells the physical function that we have read its message.
        1:1 ack => bool;
        /// Asks the physical function to read our message; lets go of the buffer.
        0:0 req => bool;
    }

    /// Clears pending bits of MSI-X vectors; on some models those of the physical function.
    pub(crate) PBACL(u32) @ 0x0f04 {
        31:0 value;
    }

    /// Packet split; one for the function. QEMU does not implement it.
    pub(crate) PSRTYPE(u32) @ 0x0f0c {
        31:0 value;
    }

    /// Interrupt cause set.
    pub(crate) EICS(u32) @ 0x1520 {
        31:0 value;
    }

    /// Interrupt mask set. QEMU reads as the last value written, silicon as the mask.
    pub(crate) EIMS(u32) @ 0x1524 {
        31:0 value;
    }

    /// Interrupt mask clear.
    pub(crate) EIMC(u32) @ 0x1528 {
        31:0 value;
    }

    /// Interrupt auto clear.
    pub(crate) EIAC(u32) @ 0x152c {
        31:0 value;
    }

    /// Interrupt auto mask.
    pub(crate) EIAM(u32) @ 0x1530 {
        31:0 value;
    }

    /// Interrupt causes; writing 1 clears.
    pub(crate) EICR(u32) @ 0x1580 {
        31:0 value;
    }

    /// Interrupt throttle of a vector.
    pub(crate) EITR(u32)[3] @ 0x1680 {
        31:0 value;
    }

    /// Vectors of the queues.
    pub(crate) IVAR(u32) @ 0x1700 {
        31:0 value;
    }

    /// Vector of the mailbox.
    pub(crate) IVAR_MISC(u32) @ 0x1740 {
        31:0 value;
    }

    /// Receive ring base, low; multiple of 128.
    pub(crate) RDBAL(u32)[QUEUES, stride = 0x100] @ 0x2800 {
        31:0 value;
    }

    /// Receive ring base, high.
    pub(crate) RDBAH(u32)[QUEUES, stride = 0x100] @ 0x2804 {
        31:0 value;
    }

    /// Receive ring length in bytes; multiple of 128.
    pub(crate) RDLEN(u32)[QUEUES, stride = 0x100] @ 0x2808 {
        31:0 value;
    }

    /// Split and replication of received packets: buffer sizes, descriptor type.
    pub(crate) SRRCTL(u32)[QUEUES, stride = 0x100] @ 0x280c {
        31:0 value;
    }

    /// Receive head.
    pub(crate) RDH(u32)[QUEUES, stride = 0x100] @ 0x2810 {
        31:0 value;
    }

    /// Direct cache access for received packets. QEMU does not implement it.
    pub(crate) RXCTL(u32)[QUEUES, stride = 0x100] @ 0x2814 {
        31:0 value;
    }

    /// Receive tail; the doorbell.
    pub(crate) RDT(u32)[QUEUES, stride = 0x100] @ 0x2818 {
        31:0 value;
    }

    /// Receive descriptor control.
    pub(crate) RXDCTL(u32)[QUEUES, stride = 0x100] @ 0x2828 {
        /// Software flush, an action.
        26:26 swflsh => bool;
        /// The queue is enabled.
        25:25 enable => bool;
    }

    /// Transmit ring base, low; multiple of 128.
    pub(crate) TDBAL(u32)[QUEUES, stride = 0x100] @ 0x3800 {
        31:0 value;
    }

    /// Transmit ring base, high.
    pub(crate) TDBAH(u32)[QUEUES, stride = 0x100] @ 0x3804 {
        31:0 value;
    }

    /// Transmit ring length in bytes; multiple of 128.
    pub(crate) TDLEN(u32)[QUEUES, stride = 0x100] @ 0x3808 {
        31:0 value;
    }

    /// Transmit head.
    pub(crate) TDH(u32)[QUEUES, stride = 0x100] @ 0x3810 {
        31:0 value;
    }

    /// Direct cache access for transmitted packets.
    pub(crate) TXCTL(u32)[QUEUES, stride = 0x100] @ 0x3814 {
        31:0 value;
    }

    /// Transmit tail; the doorbell.
    pub(crate) TDT(u32)[QUEUES, stride = 0x100] @ 0x3818 {
        31:0 value;
    }

    /// Transmit descriptor control.
    pub(crate) TXDCTL(u32)[QUEUES, stride = 0x100] @ 0x3828 {
        /// Flushes the queue; an action, and never state.
        26:26 swflsh => bool;
        /// The queue is enabled.
        25:25 enable => bool;
    }

    /// Address of the head write-back, low; bit 0 enables it.
    pub(crate) TDWBAL(u32)[QUEUES, stride = 0x100] @ 0x3838 {
        31:0 value;
    }

    /// Address of the head write-back, high.
    pub(crate) TDWBAH(u32)[QUEUES, stride = 0x100] @ 0x383c {
        31:0 value;
    }
}

/// Value of `RXDCTL` after a reset.
pub(crate) const RXDCTL_RESET: u32 = 0x0001_0000;
/// Value of `TXCTL` after a reset.
pub(crate) const TXCTL_RESET: u32 = 0x2a00;

/// Offsets of the counters, in the order of the section `statistics`. They cannot be set.
pub(crate) const STATISTIC_OFFSETS: [usize; STATISTICS] = [
    0x0f10, 0x0f14, 0x0f18, 0x0f34, 0x0f3c, 0x0f40, 0x0f44, 0x0f48, 0x0f50,
];

/// Offset of the counter of packets sent, `VFGPTC`.
pub(crate) const TX_COUNTER: usize = 0x0f14;

/// Splits a 64-bit address into the values of its low and high register.
pub(crate) fn low_high(address: u64) -> (u32, u32) {
    // CAST: the two halves.
    (address as u32, (address >> 32) as u32)
}

/// Joins the values of a low and a high register.
pub(crate) fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
