// SPDX-License-Identifier: GPL-2.0

//! Leaving nothing of one guest for the next.
//!
//! A function-level reset clears next to nothing on QEMU's model: rings, heads, vectors and mailbox
//! stay, and so does the filter in the physical function.

use super::{
    mailbox,
    regs::{
        Bar,
        BAR,
        CAUSES,
        CTRL,
        EIAC,
        EIAM,
        EICR,
        EIMC,
        EIMS,
        EITR,
        IVAR,
        IVAR_MISC,
        MBMEM,
        MBMEM_WORDS,
        PSRTYPE,
        RDBAH,
        RDBAL,
        RDH,
        RDLEN,
        RDT,
        RXCTL,
        RXDCTL,
        RXDCTL_RESET,
        SRRCTL,
        TDBAH,
        TDBAL,
        TDH,
        TDLEN,
        TDT,
        TDWBAH,
        TDWBAL,
        TXCTL,
        TXCTL_RESET,
        TXDCTL,
        V2PMAILBOX, //
    },
    Device, //
};
use kernel::{
    io::{
        register::Array,
        Io, //
    },
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

/// Time for the physical function to notice a reset of the VF, usually well below a millisecond.
///
/// If it takes the next message first, the reset undoes what the message did; there is nothing by
/// which the VF could tell.
const RESET_NOTICE_TIME: Delta = Delta::from_millis(20);

/// Switches queues and interrupts off and drops stale causes: step R0 and R1 of a restore.
///
/// VF 0 comes out of a reset of the physical function with its queues on.
pub(crate) fn quiet(bar: Bar<'_>) {
    bar.write(RXDCTL::at(0), RXDCTL_RESET.into());
    bar.write(RXDCTL::at(1), RXDCTL_RESET.into());
    bar.write(TXDCTL::at(0), 0.into());
    bar.write(TXDCTL::at(1), 0.into());
    bar.write(EIMC, CAUSES.into());
    // A cause that is left set blocks every later interrupt of its vector.
    bar.write(EICR, CAUSES.into());
    let _ = bar.read(EICR);
}

/// Makes the device that a new user, or one that has reset it, finds.
///
/// # Errors
///
/// - [`EIO`]: the device does not decode memory.
pub(crate) fn before_use(dev: &Device) -> Result {
    let guard = dev.mmio(BAR)?;

    quiet(&guard);
    forget(&guard);
    Ok(())
}

/// Removes what the last user has left in the device and in the physical function.
///
/// # Errors
///
/// - [`EIO`]: the device does not decode memory.
/// - [`ETIMEDOUT`]: the physical function does not answer.
pub(crate) fn after_use(dev: &Device) -> Result {
    let guard = dev.mmio(BAR)?;
    let bar: Bar<'_> = &guard;

    depart(bar)
}

/// Removes a guest, from the device and from the physical function.
///
/// # Errors
///
/// - [`ETIMEDOUT`]: the physical function does not answer.
pub(crate) fn depart(bar: Bar<'_>) -> Result {
    quiet(bar);
    mailbox::release_buffer(bar);
    let result = leave_switch(bar);
    forget(bar);
    result
}

/// Has the physical function drop the address filters of this VF.
///
/// A reset makes it forget the address but not the filter, which would go on to swallow what the
/// host and its other VFs send to a guest that has moved on. `VF_RESET` writes the filter, with no
/// address now. An address that was set by the host stays; it is the host's to remove.
fn leave_switch(bar: Bar<'_>) -> Result {
    bar.write_reg(CTRL::zeroed().with_rst(true));
    fsleep(RESET_NOTICE_TIME);
    let result = mailbox::vf_reset(bar).and_then(|_| mailbox::clear_unicast(bar));
    // `VF_RESET` has switched the queues of the VF on.
    bar.write_reg(CTRL::zeroed().with_rst(true));
    result
}

/// Writes reset values to all that the guest could have written.
fn forget(bar: Bar<'_>) {
    mailbox::release_buffer(bar);
    for word in 0..MBMEM_WORDS {
        if let Some(at) = MBMEM::try_at(word) {
            bar.write(at, 0.into());
        }
    }
    bar.write(PSRTYPE, 0.into());
    // Sets no bit of the mask, but is what the register shows on some models.
    bar.write(EIMS, 0.into());
    bar.write(EIAC, 0.into());
    bar.write(EIAM, 0.into());
    bar.write(EITR::at(0), 0.into());
    bar.write(EITR::at(1), 0.into());
    bar.write(EITR::at(2), 0.into());
    bar.write(IVAR, 0.into());
    bar.write(IVAR_MISC, 0.into());
    forget_queue::<0>(bar);
    forget_queue::<1>(bar);
    // Bits that reading clears, and that are about the last user.
    let _ = bar.read(V2PMAILBOX);
}

fn forget_queue<const N: usize>(bar: Bar<'_>) {
    bar.write(RDBAL::at(N), 0.into());
    bar.write(RDBAH::at(N), 0.into());
    bar.write(RDLEN::at(N), 0.into());
    bar.write(SRRCTL::at(N), 0.into());
    bar.write(RXCTL::at(N), 0.into());
    bar.write(RDH::at(N), 0.into());
    bar.write(RDT::at(N), 0.into());

    bar.write(TDBAL::at(N), 0.into());
    bar.write(TDBAH::at(N), 0.into());
    bar.write(TDLEN::at(N), 0.into());
    bar.write(TXCTL::at(N), TXCTL_RESET.into());
    bar.write(TDWBAL::at(N), 0.into());
    bar.write(TDWBAH::at(N), 0.into());
    bar.write(TDH::at(N), 0.into());
    bar.write(TDT::at(N), 0.into());
}
