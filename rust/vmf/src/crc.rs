// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The CRC32C function that the user of the crate supplies.
//!
//! The kernel and user space have their own optimised implementations, so this crate has none. The
//! type follows `crc32c_append()` of the `crc32c` crate: values are finalised, hence
//! `crc(crc(0, a), b)` is the CRC of `a` followed by `b`, and `crc(0, b"123456789")` is `0xe3069283`.
//!
//! The kernel's `crc32c()` is *not* finalised; the equivalent there is `!crc32c(!crc, data)`.

/// Continues the finalised CRC32C (Castagnoli) value `crc` over `data`; starts at 0.
pub type Crc32c = fn(crc: u32, data: &[u8]) -> u32;
