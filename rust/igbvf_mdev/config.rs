// SPDX-License-Identifier: GPL-2.0

//! Configuration space of the function, as vfio-pci shows that of a virtual function of the 82576.
//!
//! VMMs compare much of it between the two ends of a migration, and do so last of all. So it is what
//! vfio-pci shows, byte for byte, and what a user may change is what vfio-pci lets them change, but
//! for the bytes that are no part of anything.

use kernel::prelude::*;

/// Length of configuration space in bytes.
pub(crate) const LEN: usize = 4096;

/// The bytes that are not 0, by where they begin.
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
    // Subsystem of QEMU's model, capabilities.
    (0x02c, &[0xf4, 0x1a, 0x00, 0x11]),
    (0x034, &[0xa0]),
    // MSI-X: three vectors, in BAR 3; pending bits behind them.
    (
        0x070,
        &[
            0x11, 0x00, 0x02, 0x00, 0x03, 0x00, 0x00, 0x00, 0x03, 0x20, 0x00, 0x00,
        ],
    ),
    // PCI Express: an endpoint that can be reset.
    (
        0x0a0,
        &[
            0x10, 0x70, 0x02, 0x00, 0x20, 0x80, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x11, 0x04,
            0x00, 0x00, 0x00, 0x00, 0x11, 0x00,
        ],
    ),
    (0x0c4, &[0x00, 0x00, 0x30, 0x00]),
    // Advanced error reporting.
    (
        0x100,
        &[
            0x01, 0x00, 0x01, 0x15, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x02, 0x30, 0x20,
            0x46, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 0x00, 0xa0,
        ],
    ),
    // Alternative routing ids.
    (0x150, &[0x0e, 0x00, 0x01, 0x00]),
];

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
}

impl Config {
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn new() -> Result<Self> {
        let mut config = Self {
            bytes: KBox::new([0; LEN], GFP_KERNEL)?,
        };

        config.reset();
        Ok(config)
    }

    /// As after power-on.
    pub(crate) fn reset(&mut self) {
        self.bytes.fill(0);
        for &(at, bytes) in TEMPLATE {
            if let Some(to) = self.bytes.get_mut(at..at + bytes.len()) {
                to.copy_from_slice(bytes);
            }
        }
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
