// SPDX-License-Identifier: GPL-2.0

//! Safe abstractions for drivers of VFIO devices that migrate.
//!
//! C headers: [`include/linux/vfio.h`](srctree/include/linux/vfio.h),
//! [`include/linux/vfio_pci_core.h`](srctree/include/linux/vfio_pci_core.h).
//!
//! A vfio-pci variant driver binds a PCI function for user space as `vfio-pci` does and adds what only
//! it knows: how to stop the device, take its state, put it into another one, and go on. This crate
//! owns everything that is the same in all of them: the C tables, the state machine, the data
//! files, resets, locking. The driver states what its device can do as types, and writes the rest
//! in safe Rust:
//!
//! * [`Driver`] names the device and the abilities it has, [`pci::Driver`] what it is on its bus;
//! * [`migration::Migration`] holds the arcs of the state machine, each of which consumes one run
//!   token ([`Running`](migration::Migration::Running) and so on) and returns the next: saving a
//!   device that has not been stopped does not compile;
//! * [`region::Traps`] answers for a BAR that user space may not touch unseen;
//! * [`dma_logging::DmaLogging`] tells which pages the device has written to;
//! * [`sysfs::Group`] shows what is known of the device whether or not it is open;
//! * [`handshake::Handshake`] tells who has opened it what is known of a migration beforehand.
//!
//! Locking and lifetimes are tabulated in `Documentation/driver-api/vfio-rust.rst`.

#![crate_name = "vfio"]

use vfio_bindings as bindings;

pub mod bar_memory;
mod bus;
mod common;
mod context;
mod counters;
pub mod data_file;
mod device;
pub mod dma_logging;
mod driver;
pub mod emulated;
#[cfg(CONFIG_FAULT_INJECTION)]
mod fault;
pub mod handshake;
pub mod image;
mod last_error;
mod limit;
pub mod migration;
pub mod pci;
pub mod region;
mod session;
pub mod staging;
pub mod stats;
pub mod sysfs;

pub use self::{
    bus::Bus,
    common::Common,
    context::{
        Bound,
        Context,
        Normal,
        Open, //
    },
    device::Device,
    driver::Driver,
    image::Image, //
};

// Areas of a BAR that may be mapped, and the log of DMA, go by pages of 4 KiB.
kernel::prelude::static_assert!(kernel::page::PAGE_SIZE == 4096);

/// Prefix of this crate's own log lines, as `module!` would define it.
const __LOG_PREFIX: &[u8] = b"vfio\0";
