// SPDX-License-Identifier: GPL-2.0

//! The registers of a receive queue, in the device or in the memory that stands in for its page.

use super::{
    posted::RxRegs,
    regs::{
        join,
        Bar,
        BAR_SIZE,
        QUEUES,
        RDBAH,
        RDBAL,
        RDH,
        RDLEN,
        RDT,
        RXCTL,
        RXDCTL,
        SRRCTL, //
    },
};
use kernel::io::{
    register::Array,
    Io,
    IoCapable,
    Region, //
};
use vfio::bar_memory::Memory;

/// Distance of the registers of the two queues.
pub(crate) const STRIDE: usize = 0x100;
/// The tail has 16 bits.
const TAIL_MASK: u32 = 0xffff;

/// All registers of a receive queue.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) struct Rx {
    pub(crate) rdbal: u32,
    pub(crate) rdbah: u32,
    pub(crate) rdlen: u32,
    pub(crate) srrctl: u32,
    pub(crate) rdh: u32,
    pub(crate) rxctl: u32,
    pub(crate) rdt: u32,
    pub(crate) rxdctl: u32,
}

impl Rx {
    /// Reads what there is; the tail is that which the guest has written.
    pub(crate) fn read<'a, const N: usize, I>(io: I) -> Self
    where
        I: Io<'a, Target = Region<BAR_SIZE>>,
        I::Backend: IoCapable<u32>,
    {
        Self {
            rdbal: io.read(RDBAL::at(N)).into(),
            rdbah: io.read(RDBAH::at(N)).into(),
            rdlen: io.read(RDLEN::at(N)).into(),
            srrctl: io.read(SRRCTL::at(N)).into(),
            rdh: io.read(RDH::at(N)).into(),
            rxctl: io.read(RXCTL::at(N)).into(),
            rdt: u32::from(io.read(RDT::at(N))) & TAIL_MASK,
            // The flush is an action, which is over.
            rxdctl: io.read(RXDCTL::at(N)).with_swflsh(false).into(),
        }
    }

    /// Has the guest find these values.
    pub(crate) fn show<const N: usize>(&self, memory: Memory<'_, BAR_SIZE>) {
        self.write_setup::<N, _>(memory);
        memory.write(RDT::at(N), self.rdt.into());
        memory.write(RXDCTL::at(N), self.rxdctl.into());
    }

    /// Writes all but what starts the queue.
    pub(crate) fn write_setup<'a, const N: usize, I>(&self, io: I)
    where
        I: Io<'a, Target = Region<BAR_SIZE>>,
        I::Backend: IoCapable<u32>,
    {
        io.write(SRRCTL::at(N), self.srrctl.into());
        io.write(RDBAL::at(N), self.rdbal.into());
        io.write(RDBAH::at(N), self.rdbah.into());
        io.write(RDLEN::at(N), self.rdlen.into());
        io.write(RXCTL::at(N), self.rxctl.into());
        io.write(RDH::at(N), self.rdh.into());
    }

    pub(crate) fn is_enabled(&self) -> bool {
        RXDCTL::from(self.rxdctl).enable()
    }

    /// Returns whether the queue is set up as `other`; the tail is no part of that.
    pub(crate) fn is_set_up_as(&self, other: &Self) -> bool {
        *self
            == Self {
                rdt: self.rdt,
                ..*other
            }
    }

    /// Returns what the log has to know.
    pub(crate) fn regs(&self) -> RxRegs {
        RxRegs {
            base: join(self.rdbal, self.rdbah),
            len: self.rdlen,
            srrctl: self.srrctl,
            head: self.rdh,
            tail: self.rdt,
            enabled: self.is_enabled(),
        }
    }
}

/// Reads the registers of a device whose page was not taken.
pub(crate) fn read(bar: Bar<'_>) -> [Rx; QUEUES] {
    [Rx::read::<0, _>(bar), Rx::read::<1, _>(bar)]
}
