// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the caller supplies: guest memory and the network.

/// An access to guest memory did not happen, or only in part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault;

/// The network takes no frame now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

/// Memory of the guest, by the addresses that it gives to its device.
pub trait Memory {
    /// Reads; the engine asks for no range that wraps.
    ///
    /// # Errors
    ///
    /// The guest's device may not read there.
    fn read(&mut self, iova: u64, to: &mut [u8]) -> Result<(), Fault>;

    /// Writes; the engine asks for no range that wraps.
    ///
    /// # Errors
    ///
    /// The guest's device may not write there.
    fn write(&mut self, iova: u64, from: &[u8]) -> Result<(), Fault>;

    /// Writes the status of a descriptor, and only after all that was written before: the guest polls
    /// its bit 0.
    ///
    /// Where a CPU may see stores in another order this is to be a store-release.
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    fn publish(&mut self, iova: u64, word: u32) -> Result<(), Fault> {
        self.write(iova, &word.to_le_bytes())
    }
}

/// The network.
pub trait Wire {
    /// Sends a frame without frame check sequence, with what is left to do for it.
    ///
    /// A frame that the network takes and drops counts as sent.
    ///
    /// # Errors
    ///
    /// It takes none now: the engine keeps the frame in the guest's ring.
    fn send(&mut self, header: &NetHeader, frame: &[u8]) -> Result<(), Full>;
}

/// What is left to do for a frame: the fields of Linux' `struct virtio_net_hdr`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NetHeader {
    /// [`Self::NEEDS_CSUM`], [`Self::DATA_VALID`].
    pub flags: u8,
    /// [`Self::GSO_NONE`], [`Self::GSO_TCPV4`] or [`Self::GSO_TCPV6`], and [`Self::GSO_ECN`].
    pub gso_type: u8,
    /// Length of all headers, if the frame is to be segmented; in bytes.
    pub hdr_len: u16,
    /// Payload of each segment, if the frame is to be segmented; in bytes.
    pub gso_size: u16,
    /// Where the checksum begins, from the start of the frame; in bytes.
    pub csum_start: u16,
    /// Where the checksum goes, from `csum_start`; in bytes.
    pub csum_offset: u16,
}

impl NetHeader {
    /// Length of the encoded header in bytes.
    pub const LEN: usize = 10;
    /// The checksum is to be completed; its field has that of the pseudo header.
    pub const NEEDS_CSUM: u8 = 1;
    /// The checksum was verified.
    pub const DATA_VALID: u8 = 2;
    /// One packet.
    pub const GSO_NONE: u8 = 0;
    /// TCP segments in IPv4.
    pub const GSO_TCPV4: u8 = 1;
    /// TCP segments in IPv6.
    pub const GSO_TCPV6: u8 = 4;
    /// The first segment tells of congestion, the others do not.
    pub const GSO_ECN: u8 = 0x80;

    /// Encodes the fields, little-endian.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let [h0, h1] = self.hdr_len.to_le_bytes();
        let [g0, g1] = self.gso_size.to_le_bytes();
        let [s0, s1] = self.csum_start.to_le_bytes();
        let [o0, o1] = self.csum_offset.to_le_bytes();
        [self.flags, self.gso_type, h0, h1, g0, g1, s0, s1, o0, o1]
    }

    /// Decodes the fields, little-endian.
    pub fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let [flags, gso_type, h0, h1, g0, g1, s0, s1, o0, o1] = *bytes;
        Self {
            flags,
            gso_type,
            hdr_len: u16::from_le_bytes([h0, h1]),
            gso_size: u16::from_le_bytes([g0, g1]),
            csum_start: u16::from_le_bytes([s0, s1]),
            csum_offset: u16::from_le_bytes([o0, o1]),
        }
    }
}
