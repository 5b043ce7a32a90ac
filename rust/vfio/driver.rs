// SPDX-License-Identifier: GPL-2.0

//! What a driver of a VFIO device states, whatever the device hangs on.

use crate::{
    dma_logging,
    handshake,
    migration,
    region,
    sysfs,
    Bus,
    Device,
    Open, //
};
use kernel::prelude::*;

/// A driver; the implementing type **is** the per-device data.
///
/// It is allocated together with the `vfio_device` and dropped with its last reference, which may
/// be after the device was unbound: hence `'static`. The hardware is not its to map; it belongs to the
/// core and can be reached while the device is [`Open`].
// No function is optional in a C table; the macro is for `OwnerModule`, which is the `owner` of the
// data files.
#[vtable]
pub trait Driver: Sized + Send + Sync + 'static {
    /// [`Pci`](crate::pci::Pci) or [`Emulated`](crate::emulated::Emulated).
    type Bus: Bus;
    /// [`Migratable`](migration::Migratable) or [`NotMigratable`](migration::NotMigratable).
    type Migration: migration::Profile<Self>;
    /// [`Trapped`](region::Trapped) or [`Passthrough`](region::Passthrough).
    type Regions: region::Profile<Self>;
    /// [`Enabled`](dma_logging::Enabled) or [`Disabled`](dma_logging::Disabled).
    type DmaLogging: dma_logging::Profile<Self>;
    /// [`Enabled`](sysfs::Enabled) or [`Disabled`](sysfs::Disabled).
    type Attributes: sysfs::Profile<Self>;
    /// What speaks for the format of the driver, or [`Disabled`](handshake::Disabled).
    type Handshake: handshake::Handshake<Self>;

    /// Name of the `vfio_device_ops`, for messages of the core.
    const NAME: &'static CStr;
    /// Names of what [`Device::count()`] counts, four at most.
    const COUNTERS: &'static [&'static str] = &[];

    /// Prepares a device that was opened, and reset by the core if it can be reset.
    ///
    /// Nothing of the last owner may be left that the new one could see or set off.
    fn open(dev: &Device<Self, Open>) -> Result;

    /// The device was reset while open. It must do nothing until its user sets it up again.
    fn reset(dev: &Device<Self, Open>) -> Result;

    /// The last user has gone; the device can still be reached. Runs before the core resets it.
    fn close(dev: &Device<Self, Open>);
}
