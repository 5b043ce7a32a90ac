// SPDX-License-Identifier: GPL-2.0

//! Configuration space of the function, as vfio-pci shows that of a virtual function of the 82576.
//!
//! VMMs compare much of it between the two ends of a migration, and do so last of all. So it is what
//! vfio-pci shows, byte for byte, and what a user may change is what vfio-pci lets them change, but
//! for the bytes that are no part of anything.

use core::ops::Range;
use kernel::prelude::*;
use session::Format;
use vmf::profile::igbvf_82576::{
    State,
    PROFILE, //
};

/// Length of configuration space in bytes.
pub(crate) const LEN: usize = 4096;

/// The bytes that are not 0, by where they begin, but for what VMMs compare beyond the identity: that
/// is the profile's, or of the device that this one is to be.
const TEMPLATE: &[(usize, &[u8])] = &[
    // Ids, COMMAND with memory enabled, STATUS with capabilities, revision, class.
    (
        0x000,
        &[
            0x86, 0x80, 0xca, 0x10, 0x02, 0x00, 0x10, 0x00, 0x01, 0x00, 0x00, 0x02,
        ],
    ),
    // BAR 0 and BAR 3: 64 bits, prefetchable.
    (0x010, &[BAR_BITS]),
    (0x01c, &[BAR_BITS]),
    // Where the capabilities begin; what they are, and where the next one is.
    (0x034, &[0xa0]),
    (0x070, &[0x11, 0x00]),
    (0x0a0, &[0x10, 0x70]),
    (0x100, &[0x01, 0x00, 0x00, 0x15]),
    (0x150, &[0x00, 0x00, 0x01, 0x00]),
];
/// Subsystem vendor and subsystem.
const SUBSYSTEM: usize = 0x02c;
/// The MSI-X capability, which is as the profile says: vectors and BAR are not another device's.
pub(crate) const MSIX: Range<u64> = 0x070..0x07c;

/// Bits of a BAR that say what it is.
const BAR_BITS: u8 = 0x0c;
/// Bits that can be written, by byte.
const WRITABLE: &[(usize, &[u8])] = &[
    // COMMAND: memory stays enabled, as a virtual function has no such bit.
    (COMMAND, &[0x05, 0x05]),
    (0x00c, &[0xff]),
    // What is left of the addresses of BARs of 16 KiB.
    (0x010, &[0x00, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    (0x01c, &[0x00, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    (0x03c, &[0xff]),
    // MSI-X: enable, and the mask of all vectors.
    (0x073, &[0xc0]),
    // DEVCTL: the size of payloads; DEVCTL2.
    (DEVCTL, &[0xe0]),
    (0x0c9, &[0x80]),
];

/// COMMAND, and the bit of its first byte that lets the function read and write memory.
const COMMAND: usize = 0x004;
const BUS_MASTER: u8 = 0x04;
/// DEVCTL of the PCI Express capability.
const DEVCTL: usize = 0x0a8;
/// The bit of its second byte that resets the function.
const FLR: u8 = 0x80;

/// What a user reads, and has written.
pub(crate) struct Config {
    bytes: KBox<[u8; LEN]>,
    /// There is a user, to whom it must not change by itself.
    open: bool,
}

impl Config {
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            bytes: KBox::new([0; LEN], GFP_KERNEL)?,
            open: false,
        })
    }

    /// As after power-on, of a device with this format.
    pub(crate) fn reset(&mut self, format: &Format<State>) {
        let presented = format.presented();

        self.bytes.fill(0);
        for &(at, bytes) in TEMPLATE {
            self.set(at, bytes);
        }
        self.set(SUBSYSTEM, &presented.subvendor.to_le_bytes());
        self.set(SUBSYSTEM + 2, &presented.subdevice.to_le_bytes());
        for (spec, word) in PROFILE.config.iter().zip(format.config().as_slice()) {
            let at = usize::from(spec.offset);
            let bytes = spec
                .mask
                .to_le_bytes()
                .into_iter()
                .zip(word.value.to_le_bytes());
            for (at, (mask, value)) in (at..).zip(bytes) {
                if let Some(byte) = self.bytes.get_mut(at) {
                    *byte = (*byte & !mask) | value;
                }
            }
        }
    }

    fn set(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn set_open(&mut self, open: bool) {
        self.open = open;
    }

    /// # Errors
    ///
    /// - [`EINVAL`]: it is not all inside.
    pub(crate) fn read(&self, offset: usize, to: &mut [u8]) -> Result {
        let from = self
            .bytes
            .get(offset..)
            .and_then(|rest| rest.get(..to.len()));

        to.copy_from_slice(from.ok_or(EINVAL)?);
        Ok(())
    }

    /// Returns whether the function may read and write memory.
    pub(crate) fn is_bus_master(&self) -> bool {
        self.bytes[COMMAND] & BUS_MASTER != 0
    }

    /// Returns whether the function is to be reset for it.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: it is not all inside.
    pub(crate) fn write(&mut self, offset: usize, from: &[u8]) -> Result<bool> {
        let mut reset = false;

        for (at, &value) in (offset..).zip(from) {
            let byte = self.bytes.get_mut(at).ok_or(EINVAL)?;
            let mask = writable(at);
            *byte = (*byte & !mask) | (value & mask);
            reset |= at == DEVCTL + 1 && value & FLR != 0;
        }
        Ok(reset)
    }
}

/// Returns the bits of a byte that can be written.
fn writable(at: usize) -> u8 {
    WRITABLE
        .iter()
        .filter_map(|&(first, masks)| masks.get(at.checked_sub(first)?))
        .copied()
        .next()
        .unwrap_or(0)
}
