// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The reader: a state machine that is fed bytes in pieces of any size.
//!
//! Every decision is taken when a structure is complete: at the end of the file header, of a
//! section header, of a section. So the verdict, the error and its offset depend on the bytes alone,
//! not on how `write()` calls cut them. The work is proportional to the bytes; the memory is the
//! caller's buffer, where the descriptor in force and one known section are kept. Sections that are
//! not known are checked and dropped as they pass.

mod preflight;
mod section;
mod visitor;

pub use self::{
    preflight::preflight,
    visitor::{Section, Visitor},
};

use self::section::{payload_error, Payload};

use crate::{
    bytes::copy,
    capabilities::Capabilities,
    crc::Crc32c,
    error::{Code, Error, Refusal},
    registry::{self, FileHeader, SectionHeader},
    sequence::Sequence,
};

/// How far a stream is, after a call of [`Reader::feed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// More bytes may follow.
    More,
    /// This call completed END: the whole stream is verified.
    Complete,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug)]
enum State {
    /// The first 32 bytes.
    FileHeader,
    /// `left` bytes of a longer file header, with its running CRC.
    FileHeaderTail {
        header: FileHeader,
        crc: u32,
        left: usize,
    },
    /// A section header.
    SectionHeader,
    /// Payload and padding of a section.
    Payload(Payload),
    /// Nothing: END is complete.
    Done,
}

/// Reads a stream of bytes.
///
/// `B` is the buffer; [`Capabilities::buffer_len`] bytes always suffice. A section that does not fit
/// is refused with [`Code::MsgSize`].
///
/// # Invariants
///
/// If `error` is set, no further byte is looked at.
#[derive(Debug)]
pub struct Reader<B> {
    caps: Capabilities,
    crc: Crc32c,
    buf: B,
    state: State,
    /// A structure of fixed size that is arriving, and how much of it is there.
    scratch: [u8; 32],
    fill: usize,
    /// The number of bytes consumed.
    offset: u64,
    /// The length of the file header.
    file_header_len: usize,
    /// CRC of all bytes before the current section header.
    stream_crc: u32,
    sequence: Sequence,
    /// The bytes of the buffer that hold the descriptor in force, padding included.
    descriptor_len: usize,
    /// Offset and length of the manifest in the buffer.
    manifest: (usize, usize),
    /// The payload bytes of the current instance in earlier fragments.
    fragments_len: u64,
    stream_max: u64,
    complete: bool,
    error: Option<Error>,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Reader<B> {
    /// Starts a reader on behalf of a destination with the capabilities `caps`.
    pub fn new(caps: Capabilities, crc: Crc32c, buf: B) -> Self {
        Self {
            caps,
            crc,
            buf,
            state: State::FileHeader,
            scratch: [0; 32],
            fill: 0,
            offset: 0,
            file_header_len: 0,
            stream_crc: 0,
            sequence: Sequence::default(),
            descriptor_len: 0,
            manifest: (0, 0),
            fragments_len: 0,
            stream_max: caps.stream_max,
            complete: false,
            error: None,
        }
    }

    /// Starts over with the same capabilities and buffer, and forgets any error.
    pub fn reset(self) -> Self {
        Self::new(self.caps, self.crc, self.buf)
    }

    /// Gives the buffer back.
    pub fn into_inner(self) -> B {
        self.buf
    }

    /// Consumes all of `data`.
    ///
    /// The call that completes END returns [`Progress::Complete`], and no other. Bytes after END are
    /// an error; if they are in the same `data` then [`Visitor::end`] is not called.
    ///
    /// # Errors
    ///
    /// The first error of the stream, of any [`Code`] but [`Code::NoData`], from then on in every
    /// call.
    pub fn feed<V: Visitor>(&mut self, data: &[u8], visitor: &mut V) -> Result<Progress, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let result = self.consume(data, visitor);
        self.error = result.err();
        result
    }

    /// Returns whether END was verified and nothing went wrong since.
    pub fn complete(&self) -> bool {
        self.complete && self.error.is_none()
    }

    /// Judges the end of the input.
    ///
    /// # Errors
    ///
    /// The first error of the stream, or [`Code::NoData`] if END is missing.
    pub fn finish(&self) -> Result<(), Error> {
        match self.error {
            Some(error) => Err(error),
            None if self.complete => Ok(()),
            None => {
                let section = match &self.state {
                    State::Payload(payload) => Some(payload.header.id()),
                    _ => None,
                };
                let refusal = Refusal::new(Code::NoData, "stream ended before END", 0, 0);
                Err(Error::new(refusal, self.offset, section))
            }
        }
    }

    /// Latches a failure outside of the stream, e.g. of the device at load, at the current offset.
    ///
    /// Returns the error of the stream from now on: an earlier one, if there is one.
    pub fn fail(&mut self, refusal: Refusal) -> Error {
        let error = Error::new(refusal, self.offset, None);
        *self.error.get_or_insert(error)
    }

    /// Returns the error of the stream, if there is one.
    pub fn error(&self) -> Option<Error> {
        self.error
    }

    /// Returns the number of bytes consumed; after an error, up to the end of the structure at fault.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the number of section headers accepted.
    pub fn sections(&self) -> u32 {
        self.sequence.sections()
    }

    fn consume<V: Visitor>(&mut self, data: &[u8], visitor: &mut V) -> Result<Progress, Error> {
        let mut rest = data;
        let mut end = None;
        while !rest.is_empty() {
            match self.state {
                State::FileHeader => {
                    if let Some(bytes) = self.gather::<{ FileHeader::LEN }>(&mut rest) {
                        self.file_header(&bytes)?;
                    }
                }
                State::FileHeaderTail { header, crc, left } => {
                    self.file_header_tail(header, crc, left, &mut rest)?;
                }
                State::SectionHeader => {
                    if let Some(bytes) = self.gather::<{ SectionHeader::LEN }>(&mut rest) {
                        self.section_header(&bytes)?;
                    }
                }
                State::Payload(payload) => {
                    let payload = self.payload(payload, &mut rest);
                    if payload.payload_left == 0 && payload.padding_left == 0 {
                        self.section_end(&payload, visitor)?;
                        if payload.header.kind == registry::KIND_END {
                            end = Some(payload);
                        }
                    }
                }
                State::Done => {
                    let max = self.offset;
                    let more = max.saturating_add(1);
                    let refusal = Refusal::new(Code::IlSeq, "bytes after END", more, max);
                    return Err(Error::new(refusal, self.offset, None));
                }
            }
        }
        let Some(payload) = end else {
            return Ok(Progress::More);
        };
        visitor
            .end()
            .map_err(|refusal| payload_error(&payload, refusal))?;
        self.complete = true;
        Ok(Progress::Complete)
    }

    /// Takes up to `len` bytes off `rest` and counts them.
    fn take<'d>(&mut self, rest: &mut &'d [u8], len: usize) -> &'d [u8] {
        let len = len.min(rest.len());
        let (head, tail) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        *rest = tail;
        self.offset = self.offset.saturating_add(head.len() as u64);
        head
    }

    /// Gathers a structure of `N` bytes, at most 32; returns it once it is complete.
    fn gather<const N: usize>(&mut self, rest: &mut &[u8]) -> Option<[u8; N]> {
        const { assert!(N <= 32) };

        let head = self.take(rest, N.saturating_sub(self.fill));
        if let Some(to) = self.scratch.get_mut(self.fill..) {
            copy(to, head);
        }
        self.fill = self.fill.saturating_add(head.len());
        if self.fill < N {
            return None;
        }
        self.fill = 0;
        self.scratch.first_chunk().copied()
    }

    fn file_header(&mut self, bytes: &[u8; FileHeader::LEN]) -> Result<(), Error> {
        let header = FileHeader::open(bytes).map_err(|refusal| Error::new(refusal, 0, None))?;
        let crc = FileHeader::crc_start(bytes, self.crc);
        self.stream_crc = self.crc.append(0, bytes);
        self.file_header_len = usize::try_from(header.header_len).unwrap_or(usize::MAX);
        let left = self.file_header_len.saturating_sub(bytes.len());
        self.file_header_left(header, crc, left)
    }

    fn file_header_tail(
        &mut self,
        header: FileHeader,
        crc: u32,
        left: usize,
        rest: &mut &[u8],
    ) -> Result<(), Error> {
        let head = self.take(rest, left);
        self.stream_crc = self.crc.append(self.stream_crc, head);
        let crc = self.crc.append(crc, head);
        self.file_header_left(header, crc, left.saturating_sub(head.len()))
    }

    fn file_header_left(&mut self, header: FileHeader, crc: u32, left: usize) -> Result<(), Error> {
        if left != 0 {
            self.state = State::FileHeaderTail { header, crc, left };
            return Ok(());
        }
        self.state = State::SectionHeader;
        header
            .accept(crc)
            .map_err(|refusal| Error::new(refusal, 0, None))
    }

    fn section_header(&mut self, bytes: &[u8; SectionHeader::LEN]) -> Result<(), Error> {
        let start = self.offset.saturating_sub(bytes.len() as u64);
        let header = SectionHeader::open(bytes, self.crc)
            .map_err(|refusal| Error::new(refusal, start, None))?;
        let payload = self
            .admit(header, start)
            .map_err(|refusal| Error::new(refusal, start, Some(header.id())))?;
        if header.kind != registry::KIND_END {
            self.stream_crc = self.crc.append(self.stream_crc, bytes);
        }
        self.state = State::Payload(payload);
        Ok(())
    }
}
