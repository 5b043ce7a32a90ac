// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A stream from a file, one structure at a time, damaged or not.
//!
//! This judges framing only, with the codec's own functions for headers and END, and goes on behind
//! damage as long as it can tell where the next section starts. Whether a destination takes the
//! stream is the business of [`verdict`](crate::verdict). One section is in memory at a time.

use std::io::{self, Read};

use vmf::{registry, Code, Error, FileHeader, Refusal, SectionHeader, SectionId};

use crate::verdict::crc;

/// A structure of the stream.
#[derive(Debug)]
pub(crate) enum Element {
    /// The file header, all of it.
    FileHeader(Vec<u8>),
    /// A section.
    Section(Section),
    /// The first bytes that cannot be told; [`Scanner::rest`] has those behind them.
    Rest { offset: u64, bytes: Vec<u8> },
}

/// A section, as far as it is there.
#[derive(Debug)]
pub(crate) struct Section {
    /// The stream offset of its header.
    pub(crate) offset: u64,
    pub(crate) header: [u8; SectionHeader::LEN],
    /// The section type.
    pub(crate) kind: u32,
    pub(crate) instance: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) padding: Vec<u8>,
}

/// Where the scanner is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Start,
    Sections,
    /// Behind END.
    Done,
    /// The rest was handed out.
    Over,
}

/// Reads a stream.
#[derive(Debug)]
pub(crate) struct Scanner<R> {
    input: R,
    state: State,
    /// Bytes that were read ahead.
    ahead: Vec<u8>,
    offset: u64,
    known: u64,
    /// CRC of all before the current section.
    crc: u32,
    sections: u32,
    generations: u32,
    /// Nothing behind a header that cannot be right is looked at.
    strict: bool,
    /// What is wrong, in the order of the stream.
    pub(crate) damage: Vec<Error>,
}

impl<R: Read> Scanner<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            strict: false,
            input,
            state: State::Start,
            ahead: Vec::new(),
            offset: 0,
            known: 0,
            crc: 0,
            sections: 0,
            generations: 0,
            damage: Vec::new(),
        }
    }

    /// Reads what may be a stream and may be anything: no more than what it says by right.
    pub(crate) fn strict(input: R) -> Self {
        Self {
            strict: true,
            ..Self::new(input)
        }
    }

    /// The number of bytes that were handed out.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether END was seen, or nothing more can be told.
    pub(crate) fn done(&self) -> bool {
        matches!(self.state, State::Done | State::Over)
    }

    /// The number of bytes of the sections and the file header.
    pub(crate) fn known(&self) -> u64 {
        self.known
    }

    /// Returns the next structure, or [`None`] at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Element>> {
        match self.state {
            State::Start => self.file_header().map(Some),
            State::Sections => self.section(),
            State::Done => {
                self.state = State::Over;
                let bytes = self.take(SectionHeader::LEN)?;
                if bytes.is_empty() {
                    return Ok(None);
                }
                self.damage(Code::IlSeq, "bytes after END", self.offset, None);
                Ok(Some(self.give_up(bytes)))
            }
            State::Over => Ok(None),
        }
    }

    /// Hands out what is behind [`Element::Rest`], piece by piece; empty at the end.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let bytes = self.take(1 << 16)?;
        self.offset = self.offset.saturating_add(bytes.len() as u64);
        Ok(bytes)
    }

    /// Reads up to `len` bytes; fewer at the end of the file only.
    fn take(&mut self, len: usize) -> io::Result<Vec<u8>> {
        let tail = self.ahead.split_off(len.min(self.ahead.len()));
        let mut bytes = std::mem::replace(&mut self.ahead, tail);
        let missing = len.saturating_sub(bytes.len()) as u64;
        self.input.by_ref().take(missing).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Puts bytes back.
    fn untake(&mut self, mut bytes: Vec<u8>) {
        bytes.append(&mut self.ahead);
        self.ahead = bytes;
    }

    fn damage(
        &mut self,
        code: Code,
        reason: &'static str,
        offset: u64,
        section: Option<SectionId>,
    ) {
        let refusal = Refusal::new(code, reason, 0, 0);
        self.damage.push(Error::new(refusal, offset, section));
    }

    fn cut(&mut self, offset: usize) {
        let at = self.offset.saturating_add(offset as u64);
        self.damage(Code::NoData, "stream ended before END", at, None);
    }

    fn give_up(&mut self, bytes: Vec<u8>) -> Element {
        self.state = State::Over;
        let offset = self.offset;
        self.offset = offset.saturating_add(bytes.len() as u64);
        Element::Rest { offset, bytes }
    }

    fn file_header(&mut self) -> io::Result<Element> {
        let mut bytes = self.take(FileHeader::LEN)?;
        let Some(head) = bytes.first_chunk().copied() else {
            self.cut(bytes.len());
            return Ok(self.give_up(bytes));
        };
        let header = match FileHeader::open(&head) {
            Ok(header) => header,
            Err(refusal) => {
                self.damage.push(Error::new(refusal, 0, None));
                return Ok(self.give_up(bytes));
            }
        };
        let len = usize::try_from(header.header_len).unwrap_or(0);
        let more = self.take(len.saturating_sub(bytes.len()))?;
        let sum = crc32c::crc32c_append(FileHeader::crc_start(&head, crc()), &more);
        bytes.extend(more);
        if bytes.len() < len {
            self.cut(bytes.len());
            return Ok(self.give_up(bytes));
        }
        if let Err(refusal) = header.accept(sum) {
            self.damage.push(Error::new(refusal, 0, None));
        }
        self.crc = crc32c::crc32c(&bytes);
        self.offset = bytes.len() as u64;
        self.known = self.offset;
        self.state = State::Sections;
        Ok(Element::FileHeader(bytes))
    }

    fn section(&mut self) -> io::Result<Option<Element>> {
        let start = self.offset;
        let bytes = self.take(SectionHeader::LEN)?;
        let Some(header) = bytes.first_chunk().copied() else {
            self.cut(bytes.len());
            self.state = State::Over;
            return Ok((!bytes.is_empty()).then(|| self.give_up(bytes)));
        };
        let told = SectionHeader::decode(&header);
        let (kind, instance, id) = (told.kind, told.instance, told.id());
        let verified = SectionHeader::open(&header, crc());
        let believed = verified.is_ok();
        if let Err(refusal) = verified {
            self.damage.push(Error::new(refusal, start, None));
        }
        let length = told.length;
        if length > registry::PAYLOAD_MAX.into() {
            self.damage(Code::MsgSize, "section length", start, Some(id));
            return Ok(Some(self.give_up(bytes)));
        }
        if self.strict && !believed {
            return Ok(Some(self.give_up(bytes)));
        }
        let length = usize::try_from(length).unwrap_or(0);
        let payload = self.take(length)?;
        let padding = self.take(vmf::padded(length).saturating_sub(length))?;
        let whole = payload.len().saturating_add(padding.len()) == vmf::padded(length);
        if !(believed || whole && self.plausible()?) {
            self.untake(padding);
            self.untake(payload);
            return Ok(Some(self.give_up(bytes)));
        }

        self.offset = [header.len(), payload.len(), padding.len()]
            .iter()
            .fold(start, |sum, len| sum.saturating_add(*len as u64));
        self.known = self.offset;
        if !whole {
            self.cut(0);
            self.state = State::Over;
        } else if let Err(refusal) = body(&told, &payload, &padding) {
            self.damage.push(Error::new(refusal, start, Some(id)));
        }
        self.sections = self.sections.saturating_add(1);
        match kind {
            registry::KIND_DESCRIPTOR => self.generations = self.generations.saturating_add(1),
            registry::KIND_END if whole => {
                self.state = State::Done;
                self.end(&payload, start, id);
            }
            _ => {}
        }
        for part in [&header[..], &payload, &padding] {
            self.crc = crc32c::crc32c_append(self.crc, part);
        }
        Ok(Some(Element::Section(Section {
            offset: start,
            header,
            kind,
            instance,
            payload,
            padding,
        })))
    }

    /// Whether what follows looks like a section, or like the end of the file.
    fn plausible(&mut self) -> io::Result<bool> {
        let next = self.take(SectionHeader::LEN)?;
        let plausible = match next.first_chunk() {
            Some(header) => SectionHeader::open(header, crc()).is_ok(),
            None => next.is_empty(),
        };
        self.untake(next);
        Ok(plausible)
    }

    fn end(&mut self, payload: &[u8], start: u64, id: SectionId) {
        let seen = vmf::End {
            sections: self.sections,
            generation: self.generations.saturating_sub(1),
            total: self.offset,
            stream_crc: self.crc,
        };
        let judged = match payload.try_into() {
            Ok(bytes) => vmf::End::decode(bytes).and_then(|end| end.accept(&seen)),
            Err(_) => {
                let (got, want) = (payload.len() as u64, vmf::End::LEN as u64);
                Err(Refusal::new(Code::MsgSize, "section length", got, want))
            }
        };
        if let Err(refusal) = judged {
            self.damage.push(Error::new(refusal, start, Some(id)));
        }
    }
}

/// Judges payload and padding of a section.
fn body(header: &SectionHeader, payload: &[u8], padding: &[u8]) -> Result<(), Refusal> {
    let crc = crc32c::crc32c_append(crc32c::crc32c(payload), padding);
    if crc != header.payload_crc {
        let (got, want) = (header.payload_crc.into(), crc.into());
        return Err(Refusal::new(Code::BadMsg, "payload CRC", got, want));
    }
    if padding.iter().any(|byte| *byte != 0) {
        return Err(Refusal::new(Code::BadMsg, "section padding not zero", 0, 0));
    }
    Ok(())
}
