// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a transmitted frame needs of the network, and what is done for it here.
//!
//! TCP and UDP checksums and TCP segmentation are left to the network, by [`NetHeader`]. IPv4 header
//! checksums, SCTP checksums and VLAN tags are done here. For segmentation the guest has left out
//! the lengths, as hardware fills in those of each segment; the network wants those of the whole
//! packet, in the IP header as in the checksum of the pseudo header.

use crate::{
    bytes::{be16_at, byte_at, high16, le32_at, len16, len32, low8, move_addresses, parts, put},
    checksum::{checksum, crc32c, fold},
    filters::{ETH_HLEN, ETH_P_8021Q},
    host::NetHeader,
    ring::DESCRIPTOR_LEN,
    stats::{Counts, FCS_LEN},
};

/// Bytes that a frame has to have before it in its buffer, for a VLAN tag.
pub(crate) const HEADROOM: usize = 4;
/// Smallest frame on the wire, with frame check sequence; in bytes.
const WIRE_MIN: u32 = 64;
/// Smallest segment: Linux' TCP makes none below, and each costs the network a frame; in bytes.
const MSS_MIN: u16 = 8;
/// Context descriptor: the IP header is one of IPv4.
const TUCMD_IPV4: u32 = 1 << 10;
const IPPROTO_TCP: u8 = 6;
/// Where the checksum is in each header.
const TCP_CHECK: usize = 16;
const UDP_CHECK: usize = 6;
const SCTP_CHECK: usize = 8;
const IPV4_CHECK: usize = 10;

/// What a context descriptor says of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Context {
    vlan: u16,
    mac_len: usize,
    ip_len: usize,
    l4_len: usize,
    mss: u16,
    l4: L4,
    ipv4: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum L4 {
    Udp,
    Tcp,
    Sctp,
    Reserved,
}

impl Context {
    pub(crate) fn decode(descriptor: &[u8; DESCRIPTOR_LEN]) -> Self {
        let word = |at| le32_at(descriptor, at).unwrap_or(0);
        let (lens, kind, mss) = (word(0), word(8), word(12));
        Self {
            vlan: high16(lens),
            mac_len: ((lens >> 9) & 0x7f) as usize,
            ip_len: (lens & 0x1ff) as usize,
            l4_len: low8(mss >> 8).into(),
            mss: high16(mss),
            l4: match (kind >> 11) & 3 {
                0 => L4::Udp,
                1 => L4::Tcp,
                2 => L4::Sctp,
                _ => L4::Reserved,
            },
            ipv4: kind & TUCMD_IPV4 != 0,
        }
    }

    /// Length of the headers before the transport header.
    fn l4_at(&self) -> usize {
        self.mac_len.saturating_add(self.ip_len)
    }
}

/// What the first data descriptor of a frame asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Request {
    /// TSE: segment it.
    pub(crate) segment: bool,
    /// TXSM: insert the checksum of its transport header.
    pub(crate) checksum: bool,
    /// IXSM: insert the checksum of its IPv4 header.
    pub(crate) ip_checksum: bool,
    /// VLE: insert a VLAN tag.
    pub(crate) tag: bool,
}

impl Request {
    pub(crate) fn needs_context(&self) -> bool {
        self.segment || self.checksum || self.ip_checksum || self.tag
    }
}

/// A request that cannot be met: what it is about is not in the frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Impossible;

/// A frame as it goes to the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Prepared {
    pub(crate) header: NetHeader,
    /// Where it starts in the buffer.
    pub(crate) start: usize,
    /// What it counts.
    pub(crate) counts: Counts,
    /// To be cut here, as the network cannot.
    pub(crate) cut: Option<Cut>,
}

/// Where the headers of a frame are that is cut here, from its start; in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cut {
    pub(crate) ip: usize,
    pub(crate) l4: usize,
    pub(crate) payload: usize,
    pub(crate) mss: usize,
    pub(crate) ipv4: bool,
}

/// Prepares the frame in `buffer` behind [`HEADROOM`].
///
/// # Errors
///
/// [`Impossible`]; the frame may be changed in part then.
pub(crate) fn prepare(
    request: Request,
    context: Option<&Context>,
    buffer: &mut [u8],
) -> Result<Prepared, Impossible> {
    let mut prepared = Prepared {
        header: NetHeader::default(),
        start: HEADROOM,
        counts: Counts::default(),
        cut: None,
    };
    let (mut packets, mut header_len) = (1, 0);
    let frame = buffer.get_mut(HEADROOM..).ok_or(Impossible)?;
    let frame_len = frame.len();
    if let Some(context) = context {
        if request.segment {
            let payload = context.l4_at().saturating_add(context.l4_len);
            let len = frame_len.checked_sub(payload).ok_or(Impossible)?;
            packets = parts(len, context.mss.max(MSS_MIN).into()).max(1);
            header_len = payload;
            segment(request, context, frame, packets, &mut prepared).ok_or(Impossible)?;
        } else {
            if request.ip_checksum {
                ip_checksum(context, frame).ok_or(Impossible)?;
            }
            if request.checksum {
                l4_checksum(context, frame, &mut prepared.header).ok_or(Impossible)?;
            }
        }
        if request.tag {
            tag(context.vlan, buffer, &mut prepared).ok_or(Impossible)?;
            header_len = header_len.saturating_add(HEADROOM);
        }
    }
    prepared.counts = counts(buffer.len(), prepared.start, packets, header_len);
    Ok(prepared)
}

/// Each packet has the headers, and on the wire a frame check sequence and a least length.
fn counts(end: usize, start: usize, packets: usize, header_len: usize) -> Counts {
    let (packets, header_len) = (len32(packets), len32(header_len));
    let frame_len = len32(end.saturating_sub(start));
    let repeated = packets.saturating_sub(1).saturating_mul(header_len);
    let octets = frame_len
        .saturating_add(repeated)
        .saturating_add(packets.saturating_mul(FCS_LEN));
    Counts {
        tx_packets: packets,
        tx_octets: octets.max(WIRE_MIN),
        ..Counts::default()
    }
}

/// Inserts the checksum of the IPv4 header, over all of IPLEN and what the field has.
fn ip_checksum(context: &Context, frame: &mut [u8]) -> Option<()> {
    let header = frame.get_mut(context.mac_len..context.l4_at())?;
    let check = checksum(header, 0);
    put(header, IPV4_CHECK, &check.to_be_bytes())
}

fn l4_checksum(context: &Context, frame: &mut [u8], header: &mut NetHeader) -> Option<()> {
    let start = context.l4_at();
    // The addresses are looked at before the network computes anything.
    if start < ETH_HLEN {
        return None;
    }
    let offset = match context.l4 {
        L4::Tcp => TCP_CHECK,
        L4::Udp => UDP_CHECK,
        L4::Sctp => {
            let packet = frame.get_mut(start..)?;
            put(packet, SCTP_CHECK, &[0; 4])?;
            let crc = crc32c(packet);
            return put(packet, SCTP_CHECK, &crc.to_le_bytes());
        }
        L4::Reserved => return None,
    };
    be16_at(frame, start.checked_add(offset)?)?;
    header.flags = NetHeader::NEEDS_CSUM;
    header.csum_start = len16(start);
    header.csum_offset = len16(offset);
    Some(())
}

/// Has the frame segmented; `None` if its headers are not those of TCP.
fn segment(
    request: Request,
    context: &Context,
    frame: &mut [u8],
    packets: usize,
    prepared: &mut Prepared,
) -> Option<()> {
    let (ip, l4) = (context.mac_len, context.l4_at());
    let payload = l4.checked_add(context.l4_len)?;
    let version = byte_at(frame, ip)? >> 4;
    let sound = ip >= ETH_HLEN && context.l4 == L4::Tcp && context.l4_len >= 20;
    let version_wanted = if context.ipv4 { 4 } else { 6 };
    if !sound || context.mss < MSS_MIN || version != version_wanted {
        return None;
    }
    let ip_min = if context.ipv4 { 20 } else { 40 };
    if context.ip_len < ip_min {
        return None;
    }
    // The network computes the checksum of the IP header from nothing.
    let field_counts = context.ipv4 && request.ip_checksum && {
        let field = be16_at(frame, ip.checked_add(IPV4_CHECK)?)?;
        !matches!(field, 0 | 0xffff)
    };
    if field_counts || !is_plain(context, frame)? {
        prepared.cut = Some(Cut {
            ip,
            l4,
            payload,
            mss: context.mss.into(),
            ipv4: context.ipv4,
        });
        return Some(());
    }
    let len = frame.len();
    if context.ipv4 {
        let total = u16::try_from(len.checked_sub(ip)?).ok()?;
        let header = frame.get_mut(ip..l4)?;
        put(header, 2, &total.to_be_bytes())?;
        put(header, IPV4_CHECK, &[0; 2])?;
        let check = checksum(header, 0);
        put(header, IPV4_CHECK, &check.to_be_bytes())?;
    } else {
        let behind = len.checked_sub(ip)?.checked_sub(40)?;
        let behind = u16::try_from(behind).ok()?;
        put(frame, ip.checked_add(4)?, &behind.to_be_bytes())?;
    }
    let check_at = l4.checked_add(TCP_CHECK)?;
    let l4_len = u64::from(len32(len.checked_sub(l4)?));
    let pseudo = fold(u64::from(be16_at(frame, check_at)?).wrapping_add(l4_len));
    put(frame, check_at, &pseudo.to_be_bytes())?;
    let header = &mut prepared.header;
    header.flags = NetHeader::NEEDS_CSUM;
    header.csum_start = len16(l4);
    header.csum_offset = len16(TCP_CHECK);
    if packets > 1 {
        let cwr = byte_at(frame, l4.checked_add(13)?)? & 0x80 != 0;
        header.gso_type = match context.ipv4 {
            true => NetHeader::GSO_TCPV4,
            false => NetHeader::GSO_TCPV6,
        } | if cwr { NetHeader::GSO_ECN } else { 0 };
        header.hdr_len = len16(payload);
        header.gso_size = context.mss;
    }
    Some(())
}

/// Whether TCP follows the IP header right away; else it is in a tunnel.
fn is_plain(context: &Context, frame: &[u8]) -> Option<bool> {
    let ip = context.mac_len;
    if context.ipv4 {
        let header_len = usize::from(byte_at(frame, ip)? & 0xf).checked_mul(4)?;
        let protocol = byte_at(frame, ip.checked_add(9)?)?;
        return Some(header_len == context.ip_len && protocol == IPPROTO_TCP);
    }
    let mut protocol = byte_at(frame, ip.checked_add(6)?)?;
    let mut at = ip.checked_add(40)?;
    // Extension headers: each has at least 8 of the at most 511 bytes.
    while matches!(protocol, 0 | 43 | 60) && at < context.l4_at() {
        protocol = byte_at(frame, at)?;
        let units = usize::from(byte_at(frame, at.checked_add(1)?)?);
        at = at.checked_add(units.checked_add(1)?.checked_mul(8)?)?;
    }
    Some(protocol == IPPROTO_TCP && at == context.l4_at())
}

/// Inserts a VLAN tag behind the addresses, which move into the headroom.
fn tag(vlan: u16, buffer: &mut [u8], prepared: &mut Prepared) -> Option<()> {
    move_addresses(buffer, HEADROOM, 0)?;
    put(buffer, 12, &ETH_P_8021Q.to_be_bytes())?;
    put(buffer, 14, &vlan.to_be_bytes())?;
    prepared.start = 0;
    let moved = len16(HEADROOM);
    let header = &mut prepared.header;
    if header.flags & NetHeader::NEEDS_CSUM != 0 {
        header.csum_start = header.csum_start.saturating_add(moved);
    }
    if header.gso_type != NetHeader::GSO_NONE {
        header.hdr_len = header.hdr_len.saturating_add(moved);
    }
    if let Some(cut) = &mut prepared.cut {
        cut.ip = cut.ip.saturating_add(HEADROOM);
        cut.l4 = cut.l4.saturating_add(HEADROOM);
        cut.payload = cut.payload.saturating_add(HEADROOM);
    }
    Some(())
}
