// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Frames, and checksums that share no code with the engine.

pub const BROADCAST: [u8; 6] = [0xff; 6];
pub const OWN: [u8; 6] = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];
pub const PEER: [u8; 6] = [0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee];
/// Length of an Ethernet header.
pub const ETH: usize = 14;

/// RFC 1071, word by word.
pub fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        let word = u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]);
        sum += u32::from(word);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub fn ethernet(to: [u8; 6], from: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &kind.to_be_bytes(), payload].concat()
}

/// A frame from the peer that nothing needs to be done for.
pub fn plain(to: [u8; 6], len: usize) -> Vec<u8> {
    let payload: Vec<u8> = (0..len - ETH).map(|at| (at * 7 + len) as u8).collect();
    ethernet(to, PEER, 0x88b5, &payload)
}

pub fn tagged(frame: &[u8], tag: u16) -> Vec<u8> {
    [&frame[..12], &[0x81, 0], &tag.to_be_bytes(), &frame[12..]].concat()
}

/// An IPv4 packet with a right header checksum.
pub fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let mut header = vec![0x45, 0, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0];
    header.extend([192, 0, 2, 1, 192, 0, 2, 2]);
    header[2..4].copy_from_slice(&total.to_be_bytes());
    let check = internet_checksum(&[&header]);
    header[10..12].copy_from_slice(&check.to_be_bytes());
    [header, payload.to_vec()].concat()
}

pub fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
    header[4..6].copy_from_slice(&(payload.len() as u16).to_be_bytes());
    header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    [header, payload.to_vec()].concat()
}

/// The pseudo header of a packet made by `ipv4` or `ipv6`.
pub fn pseudo(ip: &[u8], protocol: u8, len: usize) -> Vec<u8> {
    let addresses = if ip[0] >> 4 == 4 {
        &ip[12..20]
    } else {
        &ip[8..40]
    };
    [addresses, &(len as u32).to_be_bytes(), &[0, 0, 0, protocol]].concat()
}

/// What a stack that leaves the checksum to the device puts in its field.
pub fn pseudo_sum(ip: &[u8], protocol: u8, len: usize) -> u16 {
    !internet_checksum(&[&pseudo(ip, protocol, len)])
}

/// TCP header with 12 bytes of options, without a checksum.
pub fn tcp(flags: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![
        0x30, 0x39, 0, 80, 0, 0, 0x10, 0, 0, 0, 0, 1, 0x80, flags, 1, 0, 0, 0, 0, 0,
    ];
    header.extend([1, 1, 8, 10, 0, 0, 0, 5, 0, 0, 0, 6]);
    [header, payload.to_vec()].concat()
}

pub fn udp(payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0x30, 0x39, 0, 53, 0, 0, 0, 0];
    header[4..6].copy_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
    [header, payload.to_vec()].concat()
}

pub fn payload(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + 7) as u8).collect()
}

/// The checksum at `start + offset` of `frame` completed, as a network does with NEEDS_CSUM.
pub fn completed(frame: &[u8], start: usize, offset: usize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let check = internet_checksum(&[&frame[start..]]);
    frame[start + offset..start + offset + 2].copy_from_slice(&check.to_be_bytes());
    frame
}

/// Whether the TCP or UDP checksum of an IP packet is right.
pub fn l4_sound(ip: &[u8]) -> bool {
    let (len, protocol) = if ip[0] >> 4 == 4 {
        (usize::from(ip[0] & 0xf) * 4, ip[9])
    } else {
        (40, ip[6])
    };
    let l4 = &ip[len..];
    internet_checksum(&[&pseudo(ip, protocol, l4.len()), l4]) == 0
}
