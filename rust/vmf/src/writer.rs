// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The writer: builds a stream in a buffer of the caller.

use crate::{
    bytes::copy,
    crc::{Crc32c, BLOCK},
    descriptor::DescriptorFields,
    error::{Code, Refusal},
    registry::{self, End, FileHeader, SectionHeader},
    sequence::Sequence,
    wire,
};

/// How far a [`Writer`] got; lets a stream be written in phases.
///
/// A source keeps this between PRE_COPY and STOP_COPY, while no borrow of the buffer may exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    len: usize,
    stream_crc: u32,
    sequence: Sequence,
}

impl Position {
    /// Returns the number of bytes written.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether nothing was written; never so for a position that a [`Writer`] gave.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the number of DESCRIPTOR generations written.
    pub fn generations(&self) -> u32 {
        self.sequence.generations()
    }
}

/// Writes a stream.
///
/// A call that fails writes nothing and leaves the writer as it was. The writer keeps the order of
/// sections; that they agree with the manifest is up to the caller.
///
/// Same calls, same bytes: nothing else goes into a stream.
#[derive(Debug)]
pub struct Writer<'a> {
    buf: &'a mut [u8],
    crc: Crc32c,
    at: Position,
}

impl<'a> Writer<'a> {
    /// Starts a stream at the start of `buf` with the file header.
    ///
    /// # Errors
    ///
    /// [`Code::FBig`] if `buf` is too short.
    pub fn new(buf: &'a mut [u8], crc: Crc32c) -> Result<Self, Refusal> {
        let mut writer = Self {
            buf,
            crc,
            at: Position {
                len: 0,
                stream_crc: 0,
                sequence: Sequence::default(),
            },
        };
        let header = FileHeader::CURRENT.seal(crc);
        copy(writer.room(header.len())?, &header);
        writer.at.len = header.len();
        writer.at.stream_crc = crc.append(0, &header);
        Ok(writer)
    }

    /// Goes on with the stream in `buf` that was suspended at `at`.
    ///
    /// # Errors
    ///
    /// [`Code::FBig`] if `buf` is shorter than what was written.
    pub fn resume(buf: &'a mut [u8], crc: Crc32c, at: Position) -> Result<Self, Refusal> {
        if at.len > buf.len() {
            return Err(too_big(at.len, buf.len()));
        }
        Ok(Self { buf, crc, at })
    }

    /// Returns how far the stream got, for [`Writer::resume`].
    pub fn position(&self) -> Position {
        self.at
    }

    /// Returns the number of bytes written.
    pub fn len(&self) -> usize {
        self.at.len
    }

    /// Returns whether nothing was written; never so, as there is a file header.
    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    /// Appends the next DESCRIPTOR generation.
    ///
    /// # Errors
    ///
    /// As [`DescriptorFields::encode`]; [`Code::FBig`] if `buf` is too short or there are too many
    /// generations; [`Code::IlSeq`] after a state section.
    pub fn descriptor(&mut self, fields: &DescriptorFields<'_>) -> Result<(), Refusal> {
        let len = fields.payload_len();
        let header = SectionHeader {
            kind: registry::KIND_DESCRIPTOR,
            schema: registry::CONTAINER_SCHEMA,
            flags: registry::FLAG_CRITICAL,
            instance: self.at.sequence.generations(),
            seq: self.at.sequence.sections(),
            length: len as u64,
            payload_crc: 0,
            header_crc: 0,
        };
        let crc = self.crc;
        self.append(header, len, |out| {
            fields.encode(out)?;
            Ok(crc.append(0, out))
        })
    }

    /// Appends a section, or with [`FLAG_CONT`](crate::FLAG_CONT) in `flags` a fragment of one.
    ///
    /// # Errors
    ///
    /// [`Code::MsgSize`] if `payload` is empty or over [`PAYLOAD_MAX`](crate::PAYLOAD_MAX);
    /// [`Code::FBig`] if `buf` is too short or there are too many sections; [`Code::IlSeq`] if the
    /// order is broken; [`Code::BadMsg`] if `kind` is 0 or a flag is unknown.
    pub fn section(
        &mut self,
        kind: u32,
        schema: u16,
        flags: u16,
        instance: u32,
        payload: &[u8],
    ) -> Result<(), Refusal> {
        if matches!(kind, registry::KIND_DESCRIPTOR | registry::KIND_END) {
            let kind = kind.into();
            return Err(Refusal::new(Code::IlSeq, "not a state section", kind, 0));
        }
        let length = payload.len() as u64;
        if !(1..=registry::PAYLOAD_MAX.into()).contains(&length) {
            let max = registry::PAYLOAD_MAX.into();
            return Err(Refusal::new(Code::MsgSize, "section length", length, max));
        }
        let header = SectionHeader {
            kind,
            schema,
            flags,
            instance,
            seq: self.at.sequence.sections(),
            length,
            payload_crc: 0,
            header_crc: 0,
        };
        let crc = self.crc;
        self.append(header, payload.len(), |out| {
            // In blocks, so that the copy finds in the cache what the CRC has just gone over.
            let mut sum = 0;
            for (to, from) in out.chunks_mut(BLOCK).zip(payload.chunks(BLOCK)) {
                sum = crc.append(sum, from);
                copy(to, from);
            }
            Ok(sum)
        })
    }

    /// Appends END and returns the length of the stream in bytes.
    ///
    /// # Errors
    ///
    /// [`Code::FBig`] if `buf` is too short or there are too many sections; [`Code::IlSeq`] without
    /// a DESCRIPTOR or in the middle of fragments.
    pub fn end(mut self) -> Result<usize, Refusal> {
        let header = SectionHeader {
            kind: registry::KIND_END,
            schema: registry::CONTAINER_SCHEMA,
            flags: registry::FLAG_CRITICAL,
            instance: 0,
            seq: self.at.sequence.sections(),
            length: End::LEN as u64,
            payload_crc: 0,
            header_crc: 0,
        };
        let total = self.at.len.saturating_add(wire::section_len(End::LEN));
        let payload = End {
            sections: self.at.sequence.sections().saturating_add(1),
            generation: self.at.sequence.generation(),
            total: total as u64,
            stream_crc: self.at.stream_crc,
        }
        .encode();
        let crc = self.crc;
        self.append(header, payload.len(), |out| {
            copy(out, &payload);
            Ok(crc.append(0, &payload))
        })?;
        Ok(self.at.len)
    }

    /// Returns the next `len` bytes of the buffer.
    fn room(&mut self, len: usize) -> Result<&mut [u8], Refusal> {
        let size = self.buf.len();
        let end = self.at.len.saturating_add(len);
        self.buf.get_mut(self.at.len..end).ok_or(too_big(end, size))
    }

    /// Appends a section whose payload of `len` bytes is written by `fill`, which returns its CRC.
    fn append(
        &mut self,
        mut header: SectionHeader,
        len: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<u32, Refusal>,
    ) -> Result<(), Refusal> {
        let crc = self.crc;
        let mut next = self.at;
        next.sequence.admit(&header)?;
        let room = self.room(wire::section_len(len))?;
        let size = room.len();
        let (head, body) = room
            .split_at_mut_checked(SectionHeader::LEN)
            .ok_or(too_big(size, size))?;
        let (payload, padding) = body.split_at_mut_checked(len).ok_or(too_big(size, size))?;
        let sum = fill(payload)?;
        padding.fill(0);
        header.payload_crc = crc.append(sum, padding);
        copy(head, &header.seal(crc));
        let before = crc.append(next.stream_crc, head);
        next.stream_crc = crc
            .combine(before, header.payload_crc, body.len())
            .unwrap_or_else(|| crc.append(before, body));
        next.len = next.len.saturating_add(size);
        self.at = next;
        Ok(())
    }
}

/// The refusal for a stream of `got` bytes in a buffer of `want`.
fn too_big(got: usize, want: usize) -> Refusal {
    Refusal::new(Code::FBig, "buffer too short", got as u64, want as u64)
}
