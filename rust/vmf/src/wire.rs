// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The container: constants, file header, section header, END payload.
//!
//! A stream is a file header, then sections; a section is a header, a payload, and zeros up to the
//! next multiple of [`ALIGN`]. All integers are little-endian. Decoding here looks at one structure
//! on its own; what depends on the sections before is judged by the [`Reader`](crate::Reader).

use crate::{
    bytes::{Get, Put},
    crc::Crc32c,
    error::{Code, Refusal, SectionId},
};

/// The first eight bytes of every stream.
pub const MAGIC: [u8; 8] = *b"\x89VMF\r\n\x1a\n";
/// Tells a byte-swapped stream from a damaged one.
pub const ENDIAN_TAG: u32 = 0x0102_0304;
/// The container major version; a reader requires its own.
pub const MAJOR: u16 = 1;
/// The container minor version; informational.
pub const MINOR: u16 = 0;
/// The incompatible-feature bits that this version knows.
pub const INCOMPAT_KNOWN: u32 = 0;

/// The alignment of every structure, in bytes from the start of the stream.
pub const ALIGN: usize = 8;
/// The length of the file header that is written, and of the part that is laid out, in bytes.
pub const FILE_HEADER_LEN: usize = 32;
/// The largest file header that a later minor version may use, in bytes.
pub const FILE_HEADER_MAX: usize = 256;
/// The length of a section header in bytes.
pub const SECTION_HEADER_LEN: usize = 32;
/// The length of the END payload in bytes.
pub const END_LEN: usize = 24;
/// The limit of file header and one DESCRIPTOR section together, in bytes.
pub const PREAMBLE_MAX: usize = 4096;
/// The largest payload of DESCRIPTOR behind a 32-byte file header, in bytes.
pub const DESCRIPTOR_MAX: usize = 4032;
/// The largest payload of one section in bytes; larger state is cut into fragments.
pub const PAYLOAD_MAX: u32 = 1 << 20;
/// The largest number of sections in a stream, DESCRIPTOR and END included.
pub const SECTIONS_MAX: u32 = 64;
/// The largest number of DESCRIPTOR generations in a stream.
pub const GENERATIONS_MAX: u32 = 16;

/// Section type: what the stream needs of its destination; always the first section.
pub const KIND_DESCRIPTOR: u32 = 1;
/// Section type: counters and CRC of the whole stream; always the last section.
pub const KIND_END: u32 = 2;
/// Section type: host policy at the source; compared, never loaded.
pub const KIND_POLICY: u32 = 3;
/// Section type: a note in UTF-8.
pub const KIND_TEXT: u32 = 4;
/// Section type: names of feature bits, for tools.
pub const KIND_FEATURE_NAMES: u32 = 5;
/// The schema of the container sections in this version.
pub const CONTAINER_SCHEMA: u16 = 1;

/// Section flag: a reader that does not know the section refuses the stream.
pub const FLAG_CRITICAL: u16 = 1 << 0;
/// Section flag: the content is compared with the destination and never loaded.
pub const FLAG_VERIFY_ONLY: u16 = 1 << 1;
/// Section flag: another fragment of the same type and instance follows.
pub const FLAG_CONT: u16 = 1 << 2;
/// The section flags that this version knows.
pub const FLAGS_KNOWN: u16 = FLAG_CRITICAL | FLAG_VERIFY_ONLY | FLAG_CONT;
/// The section flags that a manifest entry states.
pub const FLAGS_MANIFEST: u16 = FLAG_CRITICAL | FLAG_VERIFY_ONLY;

/// Returns `len` rounded up to [`ALIGN`]; saturates.
pub const fn padded(len: usize) -> usize {
    len.saturating_add(ALIGN - 1) & !(ALIGN - 1)
}

/// Returns the bytes that a section with `payload_len` bytes of payload takes in a stream.
pub const fn section_len(payload_len: usize) -> usize {
    padded(payload_len).saturating_add(SECTION_HEADER_LEN)
}

/// Returns the length of file header and first DESCRIPTOR section: the exact `initial_bytes`.
pub const fn preamble_len(descriptor_len: usize) -> usize {
    section_len(descriptor_len).saturating_add(FILE_HEADER_LEN)
}

/// Returns the exact length of a stream with one DESCRIPTOR and the given state payload lengths.
pub const fn stream_len(descriptor_len: usize, payload_lens: &[usize]) -> usize {
    let mut total = preamble_len(descriptor_len).saturating_add(section_len(END_LEN));
    let mut lens = payload_lens;
    while let Some((len, rest)) = lens.split_first() {
        total = total.saturating_add(section_len(*len));
        lens = rest;
    }
    total
}

/// The file header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileHeader {
    /// The container major version.
    pub major: u16,
    /// The container minor version.
    pub minor: u16,
    /// The length of the header in bytes: a multiple of 8, 32 to 256.
    pub header_len: u16,
    /// Feature bits that a reader has to know.
    pub incompat: u32,
    /// Feature bits that a reader may ignore.
    pub compat: u32,
    /// CRC32C over `header_len` bytes with this field 0.
    pub crc: u32,
}

impl FileHeader {
    /// The header of the streams that this version writes; `crc` is not computed yet.
    pub const CURRENT: Self = Self {
        major: MAJOR,
        minor: MINOR,
        header_len: 32,
        incompat: 0,
        compat: 0,
        crc: 0,
    };

    /// Encodes the header, which must be 32 bytes long, with a fresh CRC; ignores `self.crc`.
    pub fn encode(&self, crc: Crc32c) -> [u8; FILE_HEADER_LEN] {
        let mut out = [0; FILE_HEADER_LEN];
        self.put(&mut out, 0);
        let sum = crc(0, &out);
        self.put(&mut out, sum);
        out
    }

    fn put(&self, out: &mut [u8; FILE_HEADER_LEN], crc: u32) {
        Put::new(out)
            .bytes(&MAGIC)
            .u32(ENDIAN_TAG)
            .u16(self.major)
            .u16(self.minor)
            .u32(self.header_len.into())
            .u32(self.incompat)
            .u32(self.compat)
            .u32(crc);
    }

    /// Decodes the first 32 bytes.
    ///
    /// The caller has to compare the CRC over all of `header_len` bytes, see [`Self::crc_start`],
    /// and then to call [`Self::accept`].
    ///
    /// # Errors
    ///
    /// [`Code::BadMsg`] if the magic, the endian tag or `header_len` is wrong, in this order.
    pub fn decode(bytes: &[u8; FILE_HEADER_LEN]) -> Result<Self, Refusal> {
        const SHORT: Refusal = Refusal::new(Code::BadMsg, "file header too short", 0, 0);

        let mut get = Get::new(bytes);
        let magic: [u8; 8] = get.array().ok_or(SHORT)?;
        if magic != MAGIC {
            return Err(Refusal::new(
                Code::BadMsg,
                "magic",
                u64::from_le_bytes(magic),
                u64::from_le_bytes(MAGIC),
            ));
        }
        let tag = get.u32().ok_or(SHORT)?;
        if tag != ENDIAN_TAG {
            return Err(Refusal::new(
                Code::BadMsg,
                "endian tag",
                tag.into(),
                ENDIAN_TAG.into(),
            ));
        }
        let major = get.u16().ok_or(SHORT)?;
        let minor = get.u16().ok_or(SHORT)?;
        // The length is 32 bits wide on the wire, but never above `FILE_HEADER_MAX`.
        let long = get.u32().ok_or(SHORT)?;
        let header_len = match u16::try_from(long) {
            Ok(len) if (32..=256).contains(&len) && len % 8 == 0 => len,
            _ => {
                return Err(Refusal::new(
                    Code::BadMsg,
                    "file header length",
                    long.into(),
                    32,
                ))
            }
        };
        Ok(Self {
            major,
            minor,
            header_len,
            incompat: get.u32().ok_or(SHORT)?,
            compat: get.u32().ok_or(SHORT)?,
            crc: get.u32().ok_or(SHORT)?,
        })
    }

    /// Starts the CRC over the first 32 `bytes`, with the CRC field taken as 0.
    pub fn crc_start(bytes: &[u8; FILE_HEADER_LEN], crc: Crc32c) -> u32 {
        let head: &[u8; 28] = bytes.first_chunk().unwrap_or(&[0; 28]);
        crc(crc(0, head), &[0; 4])
    }

    /// Judges the header, given the CRC `sum` that was computed over it.
    ///
    /// # Errors
    ///
    /// In this order: [`Code::BadMsg`] if `sum` is not the CRC of the header;
    /// [`Code::ProtoNoSupport`] if the major version differs or an incompatible-feature bit is
    /// unknown.
    pub fn accept(&self, sum: u32) -> Result<(), Refusal> {
        if sum != self.crc {
            return Err(Refusal::new(
                Code::BadMsg,
                "file header CRC",
                self.crc.into(),
                sum.into(),
            ));
        }
        if self.major != MAJOR {
            return Err(Refusal::new(
                Code::ProtoNoSupport,
                "container major version",
                self.major.into(),
                MAJOR.into(),
            ));
        }
        if self.incompat & !INCOMPAT_KNOWN != 0 {
            return Err(Refusal::new(
                Code::ProtoNoSupport,
                "incompatible-feature bits",
                self.incompat.into(),
                INCOMPAT_KNOWN.into(),
            ));
        }
        Ok(())
    }
}

/// A section header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SectionHeader {
    /// The section type.
    pub kind: u32,
    /// The schema version of the payload.
    pub schema: u16,
    /// `FLAG_*` bits.
    pub flags: u16,
    /// The instance, e.g. the queue index.
    pub instance: u32,
    /// The position of the section in the stream, from 0.
    pub seq: u32,
    /// The length of the payload, without padding, in bytes.
    pub length: u64,
    /// CRC32C over payload and padding.
    pub payload_crc: u32,
}

impl SectionHeader {
    /// Encodes the header with a fresh CRC.
    pub fn encode(&self, crc: Crc32c) -> [u8; SECTION_HEADER_LEN] {
        let mut head = [0; 28];
        Put::new(&mut head)
            .u32(self.kind)
            .u16(self.schema)
            .u16(self.flags)
            .u32(self.instance)
            .u32(self.seq)
            .u64(self.length)
            .u32(self.payload_crc);
        let mut out = [0; SECTION_HEADER_LEN];
        Put::new(&mut out).bytes(&head).u32(crc(0, &head));
        out
    }

    /// Decodes and verifies a header; nothing in it is to be believed if this fails.
    ///
    /// # Errors
    ///
    /// [`Code::BadMsg`] if the CRC of the header is wrong.
    pub fn decode(bytes: &[u8; SECTION_HEADER_LEN], crc: Crc32c) -> Result<Self, Refusal> {
        const SHORT: Refusal = Refusal::new(Code::BadMsg, "section header too short", 0, 0);

        let mut get = Get::new(bytes);
        let head: [u8; 28] = get.array().ok_or(SHORT)?;
        let (got, want) = (get.u32().ok_or(SHORT)?, crc(0, &head));
        if got != want {
            return Err(Refusal::new(
                Code::BadMsg,
                "section header CRC",
                got.into(),
                want.into(),
            ));
        }
        let mut get = Get::new(&head);
        Ok(Self {
            kind: get.u32().ok_or(SHORT)?,
            schema: get.u16().ok_or(SHORT)?,
            flags: get.u16().ok_or(SHORT)?,
            instance: get.u32().ok_or(SHORT)?,
            seq: get.u32().ok_or(SHORT)?,
            length: get.u64().ok_or(SHORT)?,
            payload_crc: get.u32().ok_or(SHORT)?,
        })
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

/// The END payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// The number of sections, END included.
    pub sections: u32,
    /// The generation of the DESCRIPTOR in force.
    pub generation: u32,
    /// The length of the stream, END included, in bytes.
    pub total: u64,
    /// CRC32C over every byte before the header of END.
    pub stream_crc: u32,
}

impl End {
    /// Encodes the payload.
    pub fn encode(&self) -> [u8; END_LEN] {
        let mut out = [0; END_LEN];
        Put::new(&mut out)
            .u32(self.sections)
            .u32(self.generation)
            .u64(self.total)
            .u32(self.stream_crc)
            .u32(0);
        out
    }

    /// Decodes a payload.
    ///
    /// # Errors
    ///
    /// [`Code::BadMsg`] if the reserved field is not 0.
    pub fn decode(bytes: &[u8; END_LEN]) -> Result<Self, Refusal> {
        const SHORT: Refusal = Refusal::new(Code::BadMsg, "END too short", 0, 0);

        let mut get = Get::new(bytes);
        let end = Self {
            sections: get.u32().ok_or(SHORT)?,
            generation: get.u32().ok_or(SHORT)?,
            total: get.u64().ok_or(SHORT)?,
            stream_crc: get.u32().ok_or(SHORT)?,
        };
        let reserved = get.u32().ok_or(SHORT)?;
        if reserved != 0 {
            return Err(Refusal::new(
                Code::BadMsg,
                "reserved field of END",
                reserved.into(),
                0,
            ));
        }
        Ok(end)
    }

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
