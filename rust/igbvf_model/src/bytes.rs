// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Integers in byte slices; `None` is beyond the end.
//!
//! Nothing here, unlike `copy_from_slice()` and `copy_within()`, has a path that panics.

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    let end = at.checked_add(N)?;
    bytes.get(at..end)?.try_into().ok()
}

/// A byte.
pub(crate) fn byte_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// Little-endian, as in descriptors.
pub(crate) fn le32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_le_bytes)
}

/// Little-endian, as in descriptors.
pub(crate) fn le64_at(bytes: &[u8], at: usize) -> Option<u64> {
    array_at(bytes, at).map(u64::from_le_bytes)
}

/// Big-endian, as in frames.
pub(crate) fn be16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_be_bytes)
}

/// Big-endian, as in frames.
pub(crate) fn be32_at(bytes: &[u8], at: usize) -> Option<u32> {
    array_at(bytes, at).map(u32::from_be_bytes)
}

/// An Ethernet address.
pub(crate) fn mac_at(bytes: &[u8], at: usize) -> Option<[u8; 6]> {
    array_at(bytes, at)
}

/// Overwrites a part.
pub(crate) fn put(bytes: &mut [u8], at: usize, from: &[u8]) -> Option<()> {
    let end = at.checked_add(from.len())?;
    let part = bytes.get_mut(at..end)?;
    for (to, from) in part.iter_mut().zip(from) {
        *to = *from;
    }
    Some(())
}

/// Moves the Ethernet addresses at `from` to `to`.
pub(crate) fn move_addresses(bytes: &mut [u8], from: usize, to: usize) -> Option<()> {
    let addresses: [u8; 12] = array_at(bytes, from)?;
    put(bytes, to, &addresses)
}

/// Moves `len` bytes from `at` to `by` further on; the two places may overlap.
pub(crate) fn move_on(bytes: &mut [u8], at: usize, len: usize, by: usize) -> Option<()> {
    let end = at.checked_add(len)?;
    for from in (at..end).rev() {
        let byte = *bytes.get(from)?;
        *bytes.get_mut(from.checked_add(by)?)? = byte;
    }
    Some(())
}

/// The number of parts of at most `unit` that `len` is made of.
pub(crate) fn parts(len: usize, unit: usize) -> usize {
    len.div_ceil(unit.max(1))
}

/// The low half of a register.
pub(crate) fn low16(value: u32) -> u16 {
    let [a, b, ..] = value.to_le_bytes();
    u16::from_le_bytes([a, b])
}

/// The high half of a register.
pub(crate) fn high16(value: u32) -> u16 {
    let [.., a, b] = value.to_le_bytes();
    u16::from_le_bytes([a, b])
}

/// The lowest byte of a register.
pub(crate) fn low8(value: u32) -> u8 {
    let [a, ..] = value.to_le_bytes();
    a
}

/// One half of a 64-bit register, high or low, replaced.
pub(crate) fn with_half(old: u64, high: bool, value: u32) -> u64 {
    let value = u64::from(value);
    if high {
        (old & 0xffff_ffff) | (value << 32)
    } else {
        (old & !0xffff_ffff) | value
    }
}

/// One half of a 64-bit register, high or low.
pub(crate) fn half(value: u64, high: bool) -> u32 {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    u32::from_le_bytes(if high { [e, f, g, h] } else { [a, b, c, d] })
}

/// A length as 32 bits; the largest value stands for all that do not fit.
pub(crate) fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// A length as 16 bits; the largest value stands for all that do not fit.
pub(crate) fn len16(len: usize) -> u16 {
    u16::try_from(len).unwrap_or(u16::MAX)
}
