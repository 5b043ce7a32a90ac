// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The CRC32C functions that the user of the crate supplies.
//!
//! The kernel and user space have their own optimised implementations, so this crate has none.

/// The number of bytes whose CRC is taken before they are copied, so that they are in the cache.
pub(crate) const BLOCK: usize = 8 * 1024;
/// The number of bytes from which combining two values is quicker than going over the bytes again.
const COMBINE_MIN: usize = 512 * 1024;

/// How to compute CRC32C (Castagnoli).
///
/// Values are finalised, as those of the `crc32c` crate: the CRC of `123456789` is `0xe3069283`. The
/// kernel's `crc32c()` is *not* finalised; the equivalent there is `!crc32c(!crc, data)`.
#[derive(Clone, Copy, Debug)]
pub struct Crc32c {
    append: fn(u32, &[u8]) -> u32,
    combine: Option<fn(u32, u32, usize) -> u32>,
}

impl Crc32c {
    /// Takes a function that continues a value over more bytes, e.g. `crc32c::crc32c_append`.
    pub const fn new(append: fn(u32, &[u8]) -> u32) -> Self {
        Self {
            append,
            combine: None,
        }
    }

    /// Adds a function that makes the value of `a` followed by `b` from the values of both and the
    /// length of `b`, e.g. `crc32c::crc32c_combine`.
    ///
    /// A payload then is gone over once instead of twice, for its own CRC and for that of the stream.
    pub const fn with_combine(self, combine: fn(u32, u32, usize) -> u32) -> Self {
        Self {
            combine: Some(combine),
            ..self
        }
    }

    /// Continues `crc`, 0 at first, over `data`.
    pub fn append(&self, crc: u32, data: &[u8]) -> u32 {
        (self.append)(crc, data)
    }

    /// Continues `crc` over `len` bytes whose own CRC is `next`; [`None`] if it is better to go over
    /// them.
    pub(crate) fn combine(&self, crc: u32, next: u32, len: usize) -> Option<u32> {
        let combine = self.combine.filter(|_| len >= COMBINE_MIN)?;
        Some(combine(crc, next, len))
    }
}
