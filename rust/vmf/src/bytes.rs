// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Cursors that read and write little-endian integers without a panic path.

use crate::error::{Code, Refusal};
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
}

/// Reads the fields of a structure whose length the type system guarantees.
///
/// The lengths in the generated code add up to that of the structure; past the end, which is not
/// reached, there are zeros.
pub(crate) struct Fields<'a>(Get<'a>);

impl<'a> Fields<'a> {
    /// Starts at the first byte of a structure.
    pub(crate) fn new<const N: usize>(bytes: &'a [u8; N]) -> Self {
        Self(Get::new(bytes))
    }

    /// Reads bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        self.0.array().unwrap_or([0; N])
    }

    /// Reads one byte.
    pub(crate) fn u8(&mut self) -> u8 {
        self.0.u8().unwrap_or(0)
    }

    /// Reads a little-endian 16-bit integer.
    pub(crate) fn u16(&mut self) -> u16 {
        self.0.u16().unwrap_or(0)
    }

    /// Reads a little-endian 32-bit integer.
    pub(crate) fn u32(&mut self) -> u32 {
        self.0.u32().unwrap_or(0)
    }

    /// Reads a little-endian 64-bit integer.
    pub(crate) fn u64(&mut self) -> u64 {
        self.0.u64().unwrap_or(0)
    }

    /// Reads little-endian 16-bit integers.
    pub(crate) fn u16s<const N: usize>(&mut self) -> [u16; N] {
        [(); N].map(|()| self.u16())
    }

    /// Reads little-endian 32-bit integers.
    pub(crate) fn u32s<const N: usize>(&mut self) -> [u32; N] {
        [(); N].map(|()| self.u32())
    }

    /// Requires that the next `len` bytes, a reserved field, are 0.
    pub(crate) fn reserved(&mut self, name: &'static str, len: usize) -> Result<(), Refusal> {
        let bytes = self.0.slice(len).unwrap_or(&[]);
        match bytes.iter().find(|&&byte| byte != 0) {
            Some(&got) => Err(Refusal::new(Code::BadMsg, name, got.into(), 0)),
            None => Ok(()),
        }
    }
}

/// Requires that no bit outside of `known` is set in a field of flags.
pub(crate) fn known_flags(
    name: &'static str,
    got: impl Into<u64>,
    known: u64,
) -> Result<(), Refusal> {
    let got = got.into();
    if got & !known == 0 {
        Ok(())
    } else {
        Err(Refusal::new(Code::BadMsg, name, got, known))
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

    /// Writes little-endian 16-bit integers.
    pub(crate) fn u16s(&mut self, values: &[u16]) -> &mut Self {
        for &value in values {
            self.u16(value);
        }
        self
    }

    /// Writes little-endian 64-bit integers.
    pub(crate) fn u64s(&mut self, values: &[u64]) -> &mut Self {
        for &value in values {
            self.u64(value);
        }
        self
    }

    /// Writes little-endian 32-bit integers.
    pub(crate) fn u32s(&mut self, values: &[u32]) -> &mut Self {
        for &value in values {
            self.u32(value);
        }
        self
    }
}
