// SPDX-License-Identifier: GPL-2.0

//! Leaving nothing of one guest for the next.
//!
//! A function-level reset clears next to nothing on QEMU's model: rings, heads, vectors and mailbox
//! stay, and so does the filter in the physical function.

use super::{
    mailbox::{
        self,
        Talk, //
    },
    regs::{
        Bar,
        BAR,
        CAUSES,
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
    replay,
    Device, //
};
use kernel::{
    io::{
        register::Array,
        Io, //
    },
    prelude::*, //
};

/// Switches queues and interrupts off and drops stale causes: the first step of a load.
///
/// VF 0 comes out of a reset of the physical function with its queues on.
pub(crate) fn quiet(bar: Bar<'_>) {
    queues_off(bar);
    bar.write(EIMC, CAUSES.into());
    // A cause that is left set blocks every later interrupt of its vector.
    bar.write(EICR, CAUSES.into());
    let _ = bar.read(EICR);
}

/// Switches all queues off.
pub(crate) fn queues_off(bar: Bar<'_>) {
    bar.write(RXDCTL::at(0), RXDCTL_RESET.into());
    bar.write(RXDCTL::at(1), RXDCTL_RESET.into());
    bar.write(TXDCTL::at(0), 0.into());
    bar.write(TXDCTL::at(1), 0.into());
}

/// Makes the device that a new user, or one that has reset it, finds.
///
/// # Errors
///
/// - [`EIO`]: the device does not decode memory.
pub(crate) fn before_use(dev: &Device) -> Result {
    let guard = dev.mmio(BAR)?;

    // The last user may have come by another driver, which leaves all there is in the PF.
    clear(dev, &guard, true);
    Ok(())
}

/// Removes what the last user has left in the device and in the physical function.
///
/// # Errors
///
/// - [`EIO`]: the device does not decode memory.
pub(crate) fn after_use(dev: &Device) -> Result {
    let guard = dev.mmio(BAR)?;

    if let Some([a, b, c, d, e, f]) = clear(dev, &guard, false) {
        dev.warn(fmt!(
            "the PF keeps {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x} for this VF, with any \
             further unicast filters, until the host takes it back: ip link set PF vf N mac"
        ));
    }
    Ok(())
}

/// Removes a guest, from the device and from the physical function.
pub(crate) fn depart(dev: &Device, bar: Bar<'_>) {
    let _ = clear(dev, bar, false);
}

/// Makes a device that nobody has used; returns the address that stays in the physical function.
fn clear(dev: &Device, bar: Bar<'_>, after_reset: bool) -> Option<[u8; 6]> {
    quiet(bar);
    let talk = Talk::begin(dev, bar, replay::LEAVE_TIME);
    let unicast = &dev.data().get_ref().unicast;
    let preset = match replay::leave(&talk, bar, after_reset, unicast) {
        Ok(preset) => preset,
        Err(failure) => {
            // Not fatal: a guest cannot come up either as long as the PF is like this.
            dev.warn(fmt!(
                "traces of the last user may be left: {}: message {:#010x}, reply {:#010x}",
                failure.reason,
                failure.message,
                failure.reply
            ));
            None
        }
    };
    forget(bar);
    preset
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
