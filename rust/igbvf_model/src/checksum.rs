// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Checksums: that of the Internet protocols, and CRC32C for SCTP.

/// Adds up 16-bit big-endian words; an odd byte at the end counts as the high half of one.
pub(crate) fn sum(bytes: &[u8]) -> u64 {
    let chunks = bytes.chunks_exact(4);
    let mut tail = [0; 4];
    for (to, from) in tail.iter_mut().zip(chunks.remainder()) {
        *to = *from;
    }
    let words = chunks.filter_map(|chunk| <[u8; 4]>::try_from(chunk).ok());
    words.chain([tail]).fold(0, |sum: u64, word| {
        sum.wrapping_add(u32::from_be_bytes(word).into())
    })
}

/// Folds a sum to 16 bits, carries added back.
pub(crate) fn fold(mut sum: u64) -> u16 {
    loop {
        match u16::try_from(sum) {
            Ok(sum) => return sum,
            Err(_) => sum = (sum & 0xffff).wrapping_add(sum >> 16),
        }
    }
}

/// The checksum over `bytes`, whose checksum field is part of them, and what is added to it.
pub(crate) fn checksum(bytes: &[u8], also: u64) -> u16 {
    !fold(sum(bytes).wrapping_add(also))
}

/// CRC32C of one half byte each (polynomial 0x1edc6f41, reflected).
#[rustfmt::skip]
const CRC32C: [u32; 16] = [
    0x0000_0000, 0x105e_c76f, 0x20bd_8ede, 0x30e3_49b1,
    0x417b_1dbc, 0x5125_dad3, 0x61c6_9362, 0x7198_540d,
    0x82f6_3b78, 0x92a8_fc17, 0xa24b_b5a6, 0xb215_72c9,
    0xc38d_26c4, 0xd3d3_e1ab, 0xe330_a81a, 0xf36e_6f75,
];

/// The checksum of an SCTP packet whose checksum field is 0.
pub(crate) fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, half: u32| {
        let at = (crc ^ half) & 0xf;
        (crc >> 4) ^ CRC32C.get(at as usize).copied().unwrap_or(0)
    };
    !bytes.iter().fold(!0, |crc, &byte| {
        let byte = u32::from(byte);
        step(step(crc, byte), byte >> 4)
    })
}
