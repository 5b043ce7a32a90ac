// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The container: what the registry's structures mean, and lengths.
//!
//! A stream is a file header, then sections; a section is a header, a payload, and zeros up to the
//! next multiple of [`ALIGN`]. Decoding here looks at one structure on its own; what depends on the
//! sections before is judged by the [`Reader`](crate::Reader).

use crate::{
    crc::Crc32c,
    error::{Code, Refusal, SectionId},
    registry::{
        self, End, FileHeader, SectionHeader, ENDIAN_TAG, FILE_HEADER_MAX, FLAG_CRITICAL,
        FLAG_VERIFY_ONLY, INCOMPAT_KNOWN, MAGIC, MAJOR, MINOR,
    },
};

/// The alignment of every structure, in bytes from the start of the stream.
pub const ALIGN: usize = registry::ALIGN as usize;
/// The limit of file header and one DESCRIPTOR section together, in bytes.
pub const PREAMBLE_MAX: usize = registry::PREAMBLE_MAX as usize;
/// The largest payload of DESCRIPTOR behind a 32-byte file header, in bytes.
pub const DESCRIPTOR_MAX: usize = PREAMBLE_MAX - FileHeader::LEN - SectionHeader::LEN;
/// The section flags that a manifest entry states.
pub const FLAGS_MANIFEST: u16 = FLAG_CRITICAL | FLAG_VERIFY_ONLY;

/// The part of a header that its own CRC, the last field, covers.
const CRC_AT: usize = SectionHeader::LEN - size_of::<u32>();

/// Returns `len` rounded up to [`ALIGN`]; saturates.
pub const fn padded(len: usize) -> usize {
    len.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}

/// Returns the bytes that a section with `payload_len` bytes of payload takes in a stream.
pub const fn section_len(payload_len: usize) -> usize {
    padded(payload_len).saturating_add(SectionHeader::LEN)
}

/// Returns the bytes that sections with these payload lengths take in a stream.
pub const fn sections_len(payload_lens: &[usize]) -> usize {
    let mut total = 0usize;
    let mut lens = payload_lens;
    while let Some((len, rest)) = lens.split_first() {
        total = total.saturating_add(section_len(*len));
        lens = rest;
    }
    total
}

/// Returns the length of file header and first DESCRIPTOR section: the exact `initial_bytes`.
pub const fn preamble_len(descriptor_len: usize) -> usize {
    section_len(descriptor_len).saturating_add(FileHeader::LEN)
}

/// Returns the exact length of a stream with one DESCRIPTOR and the given state payload lengths.
pub const fn stream_len(descriptor_len: usize, payload_lens: &[usize]) -> usize {
    preamble_len(descriptor_len)
        .saturating_add(sections_len(payload_lens))
        .saturating_add(section_len(End::LEN))
}

/// Returns a length of the registry as it stands in a manifest; saturates.
#[allow(clippy::cast_possible_truncation)] // `try_from()` is not const.
pub(crate) const fn len_u32(len: usize) -> u32 {
    if len > u32::MAX as usize {
        u32::MAX
    } else {
        len as u32
    }
}

impl FileHeader {
    /// The header of the streams that this version writes; `crc` is not computed yet.
    pub const CURRENT: Self = Self {
        magic: MAGIC,
        endian_tag: ENDIAN_TAG,
        major: MAJOR,
        minor: MINOR,
        header_len: len_u32(Self::LEN),
        incompat: 0,
        compat: 0,
        crc: 0,
    };

    /// Encodes the header, which must be 32 bytes long, with a fresh CRC; ignores `self.crc`.
    pub fn seal(&self, crc: Crc32c) -> [u8; Self::LEN] {
        let bytes = Self { crc: 0, ..*self }.encode();
        let crc = crc.append(0, &bytes);
        Self { crc, ..*self }.encode()
    }

    /// Decodes the first 32 bytes.
    ///
    /// The caller has to compare the CRC over all of `header_len` bytes, see [`Self::crc_start`],
    /// and then to call [`Self::accept`].
    ///
    /// # Errors
    ///
    /// [`Code::BadMsg`] if the magic, the endian tag or `header_len` is wrong, in this order.
    pub fn open(bytes: &[u8; Self::LEN]) -> Result<Self, Refusal> {
        let bad = |reason, got, want| Err(Refusal::new(Code::BadMsg, reason, got, want));
        let header = Self::decode(bytes);
        if header.magic != MAGIC {
            let got = u64::from_le_bytes(header.magic);
            return bad("magic", got, u64::from_le_bytes(MAGIC));
        }
        if header.endian_tag != ENDIAN_TAG {
            return bad("endian tag", header.endian_tag.into(), ENDIAN_TAG.into());
        }
        let len = header.header_len;
        if !(Self::CURRENT.header_len..=FILE_HEADER_MAX).contains(&len)
            || len % registry::ALIGN != 0
        {
            return bad("file header length", len.into(), Self::LEN as u64);
        }
        Ok(header)
    }

    /// Starts the CRC over the first 32 `bytes`, with the CRC field taken as 0.
    pub fn crc_start(bytes: &[u8; Self::LEN], crc: Crc32c) -> u32 {
        let head: &[u8; CRC_AT] = bytes.first_chunk().unwrap_or(&[0; CRC_AT]);
        crc.append(crc.append(0, head), &[0; Self::LEN - CRC_AT])
    }

    /// Judges the header, given the CRC `sum` that was computed over it.
    ///
    /// # Errors
    ///
    /// In this order: [`Code::BadMsg`] if `sum` is not the CRC of the header;
    /// [`Code::ProtoNoSupport`] if the major version differs or an incompatible-feature bit is
    /// unknown.
    pub fn accept(&self, sum: u32) -> Result<(), Refusal> {
        let refuse = |code, reason, got: u32, want: u32| {
            Err(Refusal::new(code, reason, got.into(), want.into()))
        };
        if sum != self.crc {
            return refuse(Code::BadMsg, "file header CRC", self.crc, sum);
        }
        let code = Code::ProtoNoSupport;
        if self.major != MAJOR {
            let (got, want) = (self.major.into(), MAJOR.into());
            return refuse(code, "container major version", got, want);
        }
        if self.incompat & !INCOMPAT_KNOWN != 0 {
            let got = self.incompat;
            return refuse(code, "incompatible-feature bits", got, INCOMPAT_KNOWN);
        }
        Ok(())
    }
}

impl SectionHeader {
    /// Encodes the header with a fresh CRC; ignores `self.header_crc`.
    pub fn seal(&self, crc: Crc32c) -> [u8; Self::LEN] {
        let header_crc = Self::crc(&self.encode(), crc);
        Self {
            header_crc,
            ..*self
        }
        .encode()
    }

    /// Decodes and verifies a header; nothing in it is to be believed if this fails.
    ///
    /// # Errors
    ///
    /// [`Code::BadMsg`] if the CRC of the header is wrong.
    pub fn open(bytes: &[u8; Self::LEN], crc: Crc32c) -> Result<Self, Refusal> {
        let header = Self::decode(bytes);
        let want = Self::crc(bytes, crc);
        if header.header_crc != want {
            let (got, want) = (header.header_crc.into(), want.into());
            return Err(Refusal::new(Code::BadMsg, "section header CRC", got, want));
        }
        Ok(header)
    }

    fn crc(bytes: &[u8; Self::LEN], crc: Crc32c) -> u32 {
        let head: &[u8; CRC_AT] = bytes.first_chunk().unwrap_or(&[0; CRC_AT]);
        crc.append(0, head)
    }

    /// Returns what names the section in errors.
    pub const fn id(&self) -> SectionId {
        SectionId {
            kind: self.kind,
            instance: self.instance,
            seq: self.seq,
        }
    }
}

impl End {
    /// Compares the payload with what the reader counted.
    ///
    /// # Errors
    ///
    /// [`Code::IlSeq`] if sections, generation or length differ; [`Code::BadMsg`] if the CRC of the
    /// stream does.
    pub fn accept(&self, seen: &Self) -> Result<(), Refusal> {
        let differ = |code, reason, got: u64, want: u64| {
            if got == want {
                Ok(())
            } else {
                Err(Refusal::new(code, reason, got, want))
            }
        };
        differ(
            Code::IlSeq,
            "section count in END",
            self.sections.into(),
            seen.sections.into(),
        )?;
        differ(
            Code::IlSeq,
            "descriptor generation in END",
            self.generation.into(),
            seen.generation.into(),
        )?;
        differ(Code::IlSeq, "length in END", self.total, seen.total)?;
        differ(
            Code::BadMsg,
            "stream CRC in END",
            self.stream_crc.into(),
            seen.stream_crc.into(),
        )
    }
}
