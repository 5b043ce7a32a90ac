// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the reader does with one section: admit it, take its payload, judge it, hand it on.

use super::{Reader, Section, State, Visitor};
use crate::{
    bytes::{all_zero, copy},
    capabilities::Handling,
    check::check,
    crc::BLOCK,
    descriptor::{manifest, Descriptor, ManifestEntry},
    error::{Code, Error, Refusal},
    profile::spec::SectionSpec,
    registry::{self, End, SectionHeader},
    wire,
};

/// A section whose payload is arriving.
#[derive(Clone, Copy, Debug)]
pub(super) struct Payload {
    /// The header.
    pub(super) header: SectionHeader,
    /// The stream offset of the header.
    start: u64,
    /// Payload bytes to come.
    pub(super) payload_left: usize,
    /// Padding bytes to come.
    pub(super) padding_left: usize,
    /// Where the next byte to keep goes in the buffer.
    keep_at: usize,
    /// The number of payload bytes to keep from here on.
    keep_left: usize,
    /// The number of payload bytes that are kept in all.
    keep: usize,
    /// Whether a visitor gets the section.
    visit: bool,
    /// The CRC so far.
    crc: u32,
    /// Whether the CRC of the stream goes on from `crc` at the end, and not byte by byte.
    combine: bool,
    /// Whether a padding byte was not zero.
    dirty_padding: bool,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Reader<B> {
    /// Judges a section header, and decides what to do with the payload.
    ///
    /// The rules are checked in this order: the order of sections, the length of any section, the
    /// manifest, the length of this section, the length of the stream, and last the buffer.
    pub(super) fn admit(&mut self, header: SectionHeader, start: u64) -> Result<Payload, Refusal> {
        let continues = self.sequence.continues();
        self.sequence.admit(&header)?;
        if !continues {
            self.fragments_len = 0;
        }

        let (min, max) = match header.kind {
            registry::KIND_DESCRIPTOR => {
                let used = self.file_header_len.saturating_add(SectionHeader::LEN);
                (1, wire::PREAMBLE_MAX.saturating_sub(used) as u64)
            }
            registry::KIND_END => (End::LEN as u64, End::LEN as u64),
            _ => (1, registry::PAYLOAD_MAX.into()),
        };
        let length = header.length;
        if !(min..=max).contains(&length) {
            return Err(Refusal::new(Code::MsgSize, "section length", length, max));
        }
        // `length` is at most `PAYLOAD_MAX` from here on.
        let len = usize::try_from(length).unwrap_or(usize::MAX);

        let (keep_at, keep, visit) = match header.kind {
            registry::KIND_DESCRIPTOR => (0, len, false),
            registry::KIND_END => (self.descriptor_len, 0, false),
            _ => {
                let keep = self.admit_state(&header)?;
                (self.descriptor_len, keep.unwrap_or(0), keep.is_some())
            }
        };

        let total = start.saturating_add(wire::section_len(len) as u64);
        if total > self.stream_max {
            return Err(Refusal::new(
                Code::FBig,
                "stream length",
                total,
                self.stream_max,
            ));
        }
        let size = self.buf.as_ref().len();
        if keep_at.saturating_add(keep) > size {
            return Err(Refusal::new(
                Code::MsgSize,
                "section longer than the buffer of the reader",
                keep as u64,
                size.saturating_sub(keep_at) as u64,
            ));
        }
        Ok(Payload {
            header,
            start,
            payload_left: len,
            padding_left: wire::padded(len).saturating_sub(len),
            keep_at,
            keep_left: keep,
            keep,
            visit,
            crc: 0,
            combine: header.kind != registry::KIND_END && self.crc.combine(0, 0, len).is_some(),
            dirty_padding: false,
        })
    }

    /// Judges a state section by the manifest.
    ///
    /// Returns how many bytes of the payload to keep, or [`None`] if the section is to be dropped.
    fn admit_state(&mut self, header: &SectionHeader) -> Result<Option<usize>, Refusal> {
        let entry = self.manifest_entry(header.kind).ok_or(Refusal::new(
            Code::IlSeq,
            "section not in the manifest",
            header.kind.into(),
            0,
        ))?;
        let differ = |reason, got: u32, want: u32| {
            Err(Refusal::new(Code::IlSeq, reason, got.into(), want.into()))
        };
        if header.schema != entry.schema {
            let (got, want) = (header.schema.into(), entry.schema.into());
            return differ("schema not as in the manifest", got, want);
        }
        let flags = header.flags & wire::FLAGS_MANIFEST;
        if flags != entry.flags {
            let (got, want) = (flags.into(), entry.flags.into());
            return differ("flags not as in the manifest", got, want);
        }
        if header.instance >= entry.count_max {
            let (got, want) = (header.instance, entry.count_max);
            return differ("instance not in the manifest", got, want);
        }

        let before = self.fragments_len;
        self.fragments_len = before.saturating_add(header.length);
        let too_long = |max: u32| {
            let (got, want) = (self.fragments_len, max.into());
            Refusal::new(Code::MsgSize, "section length", got, want)
        };
        if self.fragments_len > entry.len_max.into() {
            return Err(too_long(entry.len_max));
        }
        let known = |spec: &SectionSpec| u64::from(spec.len_max);
        let keep = match self.caps.handling(&entry) {
            Handling::Drop => return Ok(None),
            Handling::Keep(spec) if self.fragments_len > known(spec) => {
                return Err(too_long(spec.len_max))
            }
            Handling::Keep(_) => header.length,
            Handling::Prefix(spec) => header.length.min(known(spec).saturating_sub(before)),
        };
        Ok(Some(usize::try_from(keep).unwrap_or(usize::MAX)))
    }

    fn manifest_entry(&self, kind: u32) -> Option<ManifestEntry> {
        let (at, len) = self.manifest;
        let bytes = self.buf.as_ref().get(at..at.saturating_add(len))?;
        manifest(bytes).find(|entry| entry.kind == kind)
    }

    /// Consumes payload and padding, and stores what is left to come.
    pub(super) fn payload(&mut self, mut payload: Payload, rest: &mut &[u8]) -> Payload {
        let head = self.take(rest, payload.payload_left);
        payload.payload_left = payload.payload_left.saturating_sub(head.len());
        // In blocks, so that the copy finds in the cache what the CRC has just gone over.
        for block in head.chunks(BLOCK) {
            self.count(&mut payload, block);
            self.keep(&mut payload, block);
        }
        if payload.payload_left == 0 {
            let padding = self.take(rest, payload.padding_left);
            payload.padding_left = payload.padding_left.saturating_sub(padding.len());
            self.count(&mut payload, padding);
            payload.dirty_padding |= !all_zero(padding);
        }
        self.state = State::Payload(payload);
        payload
    }

    fn keep(&mut self, payload: &mut Payload, bytes: &[u8]) {
        if payload.header.kind == registry::KIND_END {
            if let Some(to) = self.scratch.get_mut(self.fill..) {
                copy(to, bytes);
            }
            self.fill = self.fill.saturating_add(bytes.len());
            return;
        }
        let kept = bytes.get(..payload.keep_left).unwrap_or(bytes);
        if let Some(to) = self.buf.as_mut().get_mut(payload.keep_at..) {
            copy(to, kept);
        }
        payload.keep_at = payload.keep_at.saturating_add(kept.len());
        payload.keep_left = payload.keep_left.saturating_sub(kept.len());
    }

    fn count(&mut self, payload: &mut Payload, bytes: &[u8]) {
        payload.crc = self.crc.append(payload.crc, bytes);
        if payload.header.kind != registry::KIND_END && !payload.combine {
            self.stream_crc = self.crc.append(self.stream_crc, bytes);
        }
    }

    /// Returns the CRC of the stream up to the end of a section.
    fn combined(&self, payload: &Payload) -> Option<u32> {
        let len = usize::try_from(payload.header.length).ok()?;
        self.crc
            .combine(self.stream_crc, payload.crc, wire::padded(len))
    }

    /// Judges a complete section, and hands it on.
    pub(super) fn section_end<V: Visitor>(
        &mut self,
        payload: &Payload,
        visitor: &mut V,
    ) -> Result<(), Error> {
        let refuse = |refusal| payload_error(payload, refusal);
        let header = &payload.header;
        self.state = State::SectionHeader;
        if let (true, Some(crc)) = (payload.combine, self.combined(payload)) {
            self.stream_crc = crc;
        }
        if payload.crc != header.payload_crc {
            let (got, want) = (header.payload_crc.into(), payload.crc.into());
            return Err(refuse(Refusal::new(Code::BadMsg, "payload CRC", got, want)));
        }
        if payload.dirty_padding {
            return Err(refuse(Refusal::new(
                Code::BadMsg,
                "section padding not zero",
                0,
                0,
            )));
        }
        match header.kind {
            registry::KIND_DESCRIPTOR => self.descriptor_end(payload, visitor),
            registry::KIND_END => self
                .end_end()
                .and_then(|()| visitor.verify())
                .map_err(refuse),
            _ if payload.visit => self.kept(payload, visitor).map_err(refuse),
            _ => Ok(()),
        }
    }

    fn descriptor_end<V: Visitor>(
        &mut self,
        payload: &Payload,
        visitor: &mut V,
    ) -> Result<(), Error> {
        let bytes = self.buf.as_ref().get(..payload.keep).unwrap_or(&[]);
        let descriptor = Descriptor::parse(bytes).map_err(|malformed| {
            let at = SectionHeader::LEN.saturating_add(malformed.at) as u64;
            let offset = payload.start.saturating_add(at);
            Error::new(malformed.refusal, offset, Some(payload.header.id()))
        })?;
        check(&descriptor, &self.caps)
            .and_then(|()| visitor.descriptor(&descriptor))
            .map_err(|refusal| payload_error(payload, refusal))?;
        self.stream_max = self.caps.stream_max.min(descriptor.stream_max());
        self.manifest = descriptor.manifest_range();
        self.descriptor_len = payload.keep;
        Ok(())
    }

    fn end_end(&mut self) -> Result<(), Refusal> {
        self.fill = 0;
        let bytes = self.scratch.first_chunk().unwrap_or(&[0; End::LEN]);
        End::decode(bytes)?.accept(&End {
            sections: self.sequence.sections(),
            generation: self.sequence.generation(),
            total: self.offset,
            stream_crc: self.stream_crc,
        })?;
        self.state = State::Done;
        Ok(())
    }

    fn kept<V: Visitor>(&mut self, payload: &Payload, visitor: &mut V) -> Result<(), Refusal> {
        let header = &payload.header;
        let end = self.descriptor_len.saturating_add(payload.keep);
        let bytes = self.buf.as_ref().get(self.descriptor_len..end);
        visitor.section(&Section {
            kind: header.kind,
            schema: header.schema,
            flags: header.flags,
            instance: header.instance,
            seq: header.seq,
            more: header.flags & registry::FLAG_CONT != 0,
            payload: bytes.unwrap_or(&[]),
        })
    }
}

/// Places `refusal` at the section that `payload` belongs to.
pub(super) fn payload_error(payload: &Payload, refusal: Refusal) -> Error {
    Error::new(refusal, payload.start, Some(payload.header.id()))
}
