// SPDX-License-Identifier: GPL-2.0

//! The interrupt mask of a device that is being stopped.
//!
//! Nobody watches the guest set it. Silicon shows it in `EIMS`; QEMU's model shows there what was
//! written last, and the mask in nothing but what it does: with all messages held back, a cause that
//! is set makes its vector pending if it is not masked, `igb_msix_notify()` in `hw/net/igb_core.c`.

use super::{
    regs::{
        Bar,
        BAR_SIZE,
        CAUSES,
        EICR,
        EICS,
        EIMC,
        EIMS,
        EITR, //
    },
    Device,
    Igbvf, //
};
use kernel::{
    io::{
        register::Array,
        Io, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};
use vfio::pci::VectorsGuard;
use vmf::profile::igbvf_82576::Interrupts;

/// The registers of the device, and its vectors.
pub(crate) type Vectors<'a> = VectorsGuard<'a, Igbvf, BAR_SIZE>;

/// The interval of a throttle, in units of 1024 ns.
const EITR_INTERVAL: u32 = 0x7ffe;
/// More than the longest interval.
const THROTTLE_TIME: Delta = Delta::from_millis(34);

/// Returns whether `EIMS` shows the mask; the device is one that was scrubbed, with MSI-X off.
pub(crate) fn is_shown(bar: Bar<'_>) -> bool {
    bar.write(EIMS, CAUSES.into());
    bar.write(EIMC, CAUSES.into());
    let shown = u32::from(bar.read(EIMS)) & CAUSES == 0;
    // Sets no bit of the mask, but is what the register shows if not.
    bar.write(EIMS, 0.into());
    shown
}

/// Masks all causes and holds back all messages of a device whose queues are off. Returns the mask
/// that the guest has set, as far as that can be known: no bit of it is missing, see [`probe()`].
pub(crate) fn close(dev: &Device, vectors: &Vectors<'_>) -> u32 {
    let bar: Bar<'_> = vectors;

    if dev.data().shows_mask() {
        vectors.mute();
        let mask = u32::from(bar.read(EIMS)) & CAUSES;
        bar.write(EIMC, CAUSES.into());
        mask
    } else {
        probe(vectors)
    }
}

/// Finds the mask of a device that does not show it.
///
/// A bit is missing only if a throttle takes longer than it should by [`THROTTLE_TIME`], as with an emulator
/// that gets no CPU. A bit too many is that of a vector which was pending for another reason: its throttle was running
/// when the guest masked it, or the user has not set it up. Holds the locks of `vectors` for up to
/// 68 ms, next to nothing if nothing is masked or throttled.
fn probe(vectors: &Vectors<'_>) -> u32 {
    let bar: Bar<'_> = vectors;
    let throttles = [
        bar.read(EITR::at(0)),
        bar.read(EITR::at(1)),
        bar.read(EITR::at(2)),
    ];

    // No throttle can start from here on; those that run go out with their messages, which are not
    // to be taken for an answer, nor to keep one back.
    write_throttles(bar, [0.into(); 3]);
    let interval = throttles
        .iter()
        .map(|&value| u32::from(value) & EITR_INTERVAL)
        .fold(0, u32::max);
    if interval != 0 {
        fsleep(Delta::from_micros(i64::from(interval) * 1024 / 1000 + 1));
    }
    vectors.mute();
    let mut mask = raise(vectors, CAUSES);
    if mask != CAUSES {
        // A guest that has shortened a throttle while it ran may have kept an answer back.
        fsleep(THROTTLE_TIME);
        mask |= pending(vectors);
        mask |= raise(vectors, CAUSES & !mask);
    }
    bar.write(EIMC, CAUSES.into());
    // A cause that is left set blocks every later interrupt of its vector.
    bar.write(EICR, CAUSES.into());
    write_throttles(bar, throttles);
    mask
}

/// Sets causes, which may have been set, and returns the vectors that are pending then.
fn raise(vectors: &Vectors<'_>, causes: u32) -> u32 {
    let bar: Bar<'_> = vectors;

    bar.write(EICR, CAUSES.into());
    bar.write(EICS, causes.into());
    pending(vectors)
}

/// Returns the vectors that are pending; if that cannot be known, all of them may be.
fn pending(vectors: &Vectors<'_>) -> u32 {
    vectors.pending().unwrap_or(CAUSES) & CAUSES
}

fn write_throttles(bar: Bar<'_>, [first, second, third]: [EITR; 3]) {
    bar.write(EITR::at(0), first);
    bar.write(EITR::at(1), second);
    bar.write(EITR::at(2), third);
}

/// Vectors that the mask of a guest which has just arrived does not have, and that the device of its
/// source may have masked by itself, when it sent a message that may have got lost: nobody can tell
/// them from those that the guest has masked.
#[derive(Clone, Copy, Default)]
pub(crate) struct Automatic {
    /// Enabled, as the guest may count on a write of `EICS` to do that: a device that masks by itself
    /// takes it for a reason to unmask, and QEMU's model does not.
    enable: u32,
    /// Given their message, and left masked: their cause is not cleared by it, and would block the
    /// vector if it was enabled. As it is, another message comes when the guest enables it.
    send: u32,
}

impl Automatic {
    pub(crate) fn new(state: &Interrupts) -> Self {
        let masked = state.eiam & !state.eims;

        Self {
            enable: masked & state.eiac,
            send: masked & !state.eiac,
        }
    }
}

/// Restores the mask of a device that goes on, and its messages. No register shows which causes were
/// pending or throttled: each vector that is not masked gets one interrupt. One too many is harmless,
/// one too few is not; a masked one waits for the guest to unmask it.
pub(crate) fn open(vectors: &Vectors<'_>, mask: u32, automatic: Automatic) {
    let bar: Bar<'_> = vectors;
    let Automatic { enable, send } = automatic;

    if send != 0 {
        bar.write(EIMS, send.into());
        bar.write(EICS, send.into());
        bar.write(EIMC, send.into());
    }
    bar.write(EIMS, (mask | enable).into());
    bar.write(EICS, (CAUSES & !send).into());
    vectors.unmute();
}
