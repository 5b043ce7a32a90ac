// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Segmentation here, of what the network cannot segment: TCP in a tunnel, or in IPv4 with something
//! in the field of the header checksum that counts (clause transmit).
//!
//! The guest's driver announces IPLEN as all from the outer IP header to the inner TCP header, and
//! has prepared what is between them to be the same in every segment (GSO_PARTIAL). As hardware
//! does, only the outer IP header and the TCP header are changed.

use crate::{
    bytes::{be16_at, be32_at, byte_at, len16, len32, move_on, put},
    checksum::checksum,
    host::{NetHeader, Wire},
    offload::Cut,
};

/// Flags that only the last segment has: FIN and PSH.
const LAST_ONLY: u8 = 0x09;
/// The flag that only the first segment has: CWR.
const FIRST_ONLY: u8 = 0x80;

/// What became of the segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// All are sent.
    Sent,
    /// None is sent, as the network takes none now; the frame may be changed.
    Full,
    /// The network has taken some; the others are lost.
    Lost,
}

/// What the headers were before the first segment.
struct Original {
    id: u16,
    ip_check: u16,
    sequence: u32,
    flags: u8,
    tcp_check: u16,
}

/// Sends the segments of a frame, each with its headers right before its payload: over the payload
/// of the one before, which has gone.
pub(crate) fn send(cut: &Cut, frame: &mut [u8], wire: &mut (impl Wire + ?Sized)) -> Outcome {
    let mut sent = false;
    let Some(original) = read(cut, frame) else {
        return Outcome::Lost;
    };
    let mut number = 0u16;
    let mut at = 0usize;
    loop {
        let from = at.saturating_add(cut.payload);
        let to = from.saturating_add(cut.mss).min(frame.len());
        let last = to == frame.len();
        let written = frame
            .get_mut(at..to)
            .and_then(|segment| rewrite(cut, &original, number, last, segment));
        let Some(segment) = written.and_then(|()| frame.get(at..to)) else {
            return Outcome::Lost;
        };
        match wire.send(&NetHeader::default(), segment) {
            Ok(()) => sent = true,
            Err(_) if sent => return Outcome::Lost,
            Err(_) => return Outcome::Full,
        }
        if last || cut.mss == 0 {
            return Outcome::Sent;
        }
        let next = at.saturating_add(cut.mss);
        if next.saturating_add(cut.payload) > frame.len() {
            return Outcome::Lost;
        }
        if move_on(frame, at, cut.payload, cut.mss).is_none() {
            return Outcome::Lost;
        }
        at = next;
        number = number.wrapping_add(1);
    }
}

fn read(cut: &Cut, frame: &[u8]) -> Option<Original> {
    Some(Original {
        id: be16_at(frame, cut.ip.checked_add(4)?)?,
        ip_check: be16_at(frame, cut.ip.checked_add(10)?)?,
        sequence: be32_at(frame, cut.l4.checked_add(4)?)?,
        flags: byte_at(frame, cut.l4.checked_add(13)?)?,
        tcp_check: be16_at(frame, cut.l4.checked_add(16)?)?,
    })
}

/// Makes the headers those of segment `number`.
fn rewrite(
    cut: &Cut,
    original: &Original,
    number: u16,
    last: bool,
    segment: &mut [u8],
) -> Option<()> {
    let behind = segment.len().checked_sub(cut.ip)?;
    if cut.ipv4 {
        let header = segment.get_mut(cut.ip..cut.l4)?;
        put(header, 2, &len16(behind).to_be_bytes())?;
        put(header, 4, &original.id.wrapping_add(number).to_be_bytes())?;
        // The field makes up for what IPLEN covers beyond the outer header.
        put(header, 10, &original.ip_check.to_be_bytes())?;
        let check = checksum(header, 0);
        put(header, 10, &check.to_be_bytes())?;
    } else {
        let behind = len16(behind.checked_sub(40)?);
        put(segment, cut.ip.checked_add(4)?, &behind.to_be_bytes())?;
    }
    let offset = u32::from(number).wrapping_mul(len32(cut.mss));
    let tcp = segment.get_mut(cut.l4..)?;
    put(
        tcp,
        4,
        &original.sequence.wrapping_add(offset).to_be_bytes(),
    )?;
    let mut flags = original.flags;
    if !last {
        flags &= !LAST_ONLY;
    }
    if number != 0 {
        flags &= !FIRST_ONLY;
    }
    put(tcp, 13, &[flags])?;
    put(tcp, 16, &original.tcp_check.to_be_bytes())?;
    let check = checksum(tcp, len32(tcp.len()).into());
    put(tcp, 16, &check.to_be_bytes())
}
