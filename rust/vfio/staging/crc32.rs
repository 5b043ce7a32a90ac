// SPDX-License-Identifier: GPL-2.0

//! CRC-32C of byte slices; upstream home: `rust/kernel/crc32.rs`.
//!
//! C header: [`include/linux/crc32.h`](srctree/include/linux/crc32.h)

use crate::bindings;

/// Continues a finished CRC-32C over more bytes.
///
/// `crc` is 0 for the first piece, and the result of the previous call after that:
/// `crc32c_append(crc32c_append(0, a), b)` is the checksum of `a` followed by `b`. The C function
/// leaves the inversions at both ends to its caller; they are done here.
pub fn crc32c_append(crc: u32, data: &[u8]) -> u32 {
    // SAFETY: `crc32c()` reads `data.len()` bytes from a pointer that is valid for as many.
    !unsafe { bindings::crc32c(!crc, data.as_ptr().cast(), data.len()) }
}
