// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Cursors that read and write little-endian integers without a panic path.

use core::mem;

/// Copies `src` over the start of `dst`; the shorter of the two bounds the copy.
pub(crate) fn copy(dst: &mut [u8], src: &[u8]) {
    for (to, from) in dst.iter_mut().zip(src) {
        *to = *from;
    }
}

/// Returns whether every byte is zero, as padding and reserved fields have to be.
pub(crate) fn all_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte == 0)
}

/// Reads integers from the front of a byte slice.
///
/// Every method returns [`None`], and consumes nothing, if too few bytes are left.
#[derive(Clone, Debug)]
pub(crate) struct Get<'a> {
    rest: &'a [u8],
}

impl<'a> Get<'a> {
    /// Starts at the first byte of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Returns the bytes that were not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Reads `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk::<N>()?;
        self.rest = tail;
        Some(*head)
    }

    /// Reads `len` bytes without copying them.
    pub(crate) fn slice(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(len)?;
        self.rest = tail;
        Some(head)
    }

    /// Reads one byte.
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(u8::from_le_bytes)
    }

    /// Reads a little-endian 16-bit integer.
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// Reads a little-endian 32-bit integer.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// Reads a little-endian 64-bit integer.
    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads `N` little-endian 32-bit integers.
    pub(crate) fn u32s<const N: usize>(&mut self) -> Option<[u32; N]> {
        let mut values = [0; N];
        for value in &mut values {
            *value = self.u32()?;
        }
        Some(values)
    }
}

/// Writes integers to the front of a byte slice.
///
/// What does not fit is dropped, and [`Put::left`] then reports it.
pub(crate) struct Put<'a> {
    rest: &'a mut [u8],
    overflow: bool,
}

impl<'a> Put<'a> {
    /// Starts at the first byte of `bytes`.
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self {
            rest: bytes,
            overflow: false,
        }
    }

    /// Returns the number of bytes not written, or [`None`] if something did not fit.
    pub(crate) fn left(&self) -> Option<usize> {
        if self.overflow {
            None
        } else {
            Some(self.rest.len())
        }
    }

    /// Writes `src` as it is.
    pub(crate) fn bytes(&mut self, src: &[u8]) -> &mut Self {
        match mem::take(&mut self.rest).split_at_mut_checked(src.len()) {
            Some((head, tail)) => {
                copy(head, src);
                self.rest = tail;
            }
            None => self.overflow = true,
        }
        self
    }

    /// Writes `len` zero bytes.
    pub(crate) fn zeros(&mut self, len: usize) -> &mut Self {
        match mem::take(&mut self.rest).split_at_mut_checked(len) {
            Some((head, tail)) => {
                head.fill(0);
                self.rest = tail;
            }
            None => self.overflow = true,
        }
        self
    }

    /// Writes one byte.
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Writes a little-endian 16-bit integer.
    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Writes a little-endian 32-bit integer.
    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Writes a little-endian 64-bit integer.
    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Writes little-endian 32-bit integers.
    pub(crate) fn u32s(&mut self, values: &[u32]) -> &mut Self {
        for &value in values {
            self.u32(value);
        }
        self
    }
}
