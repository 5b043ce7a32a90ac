// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A large file that is looked at piece by piece.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
};

/// How much is looked at in one go.
const WINDOW: usize = 1 << 20;

/// The file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image<'f> {
    file: &'f File,
    pub(super) len: u64,
}

impl<'f> Image<'f> {
    pub(super) fn new(file: &'f File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }

    /// Reads up to `len` bytes; fewer at the end only.
    pub(super) fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.from(at).take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A reader that starts at `at`.
    pub(super) fn from(&self, at: u64) -> FromHere<'f> {
        FromHere {
            file: self.file,
            at,
        }
    }

    /// A reader of several pieces, one behind the other.
    pub(super) fn pieces<'a>(&self, pieces: &'a [(u64, u64)]) -> Pieces<'f, 'a> {
        Pieces {
            image: *self,
            pieces,
            done: 0,
        }
    }

    /// Copies `len` bytes.
    pub(super) fn copy(&self, at: u64, len: u64, out: &mut dyn Write) -> io::Result<()> {
        io::copy(&mut self.from(at).take(len), out).map(|_| ())
    }

    /// Finds `pattern` at or behind `at`.
    pub(super) fn find(&self, mut at: u64, pattern: &[u8]) -> io::Result<Option<u64>> {
        let overlap = pattern.len().saturating_sub(1);
        while at < self.len {
            let window = self.read(at, WINDOW.saturating_add(overlap))?;
            let hit = window
                .windows(pattern.len().max(1))
                .position(|bytes| bytes == pattern);
            if let Some(hit) = hit {
                return Ok(Some(at.saturating_add(hit as u64)));
            }
            at = at.saturating_add(WINDOW as u64);
        }
        Ok(None)
    }
}

/// Reads on from a place in the file.
#[derive(Debug)]
pub(super) struct FromHere<'f> {
    file: &'f File,
    at: u64,
}

impl Read for FromHere<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(buf, self.at)?;
        self.at = self.at.saturating_add(len as u64);
        Ok(len)
    }
}

/// Reads pieces of the file.
#[derive(Debug)]
pub(super) struct Pieces<'f, 'a> {
    image: Image<'f>,
    pieces: &'a [(u64, u64)],
    /// How much of the first piece was read.
    done: u64,
}

impl Read for Pieces<'_, '_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while let Some(((at, len), rest)) = self.pieces.split_first() {
            let at = at.saturating_add(self.done);
            let left = len.saturating_sub(self.done);
            let got = self.image.from(at).take(left).read(buf)?;
            if got != 0 || buf.is_empty() {
                self.done = self.done.saturating_add(got as u64);
                return Ok(got);
            }
            self.pieces = rest;
            self.done = 0;
        }
        Ok(0)
    }
}
