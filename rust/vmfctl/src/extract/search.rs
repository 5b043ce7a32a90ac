// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Looks for a pattern in a large file, once from the front to the end.

use std::io;

use indicatif::ProgressBar;
use memchr::memmem::Finder;
use rustix::{
    fs::{seek, SeekFrom},
    io::Errno,
};

use crate::{image::Image, progress};

/// How much is looked at in one go.
const WINDOW: usize = 1 << 20;

/// The search.
pub(super) struct Search<'a> {
    image: Image<'a>,
    finder: Finder<'static>,
    bar: ProgressBar,
    /// What is in the image from `start`.
    window: Vec<u8>,
    start: u64,
    /// Where it goes on.
    at: u64,
}

impl<'a> Search<'a> {
    /// Looks for `pattern`, which does not start with 0.
    pub(super) fn new(image: Image<'a>, pattern: &'static [u8]) -> Self {
        Self {
            image,
            finder: Finder::new(pattern),
            bar: progress::bar(Some(image.len)),
            window: Vec::new(),
            start: 0,
            at: 0,
        }
    }

    /// Returns where the pattern is next.
    pub(super) fn next(&mut self) -> io::Result<Option<u64>> {
        loop {
            if let Some(rest) = self.loaded(self.at) {
                if let Some(hit) = self.finder.find(rest) {
                    let hit = self.at.saturating_add(hit as u64);
                    self.at = hit.saturating_add(1);
                    return Ok(Some(hit));
                }
            }
            let overlap = self.finder.needle().len().saturating_sub(1) as u64;
            let end = self.start.saturating_add(self.window.len() as u64);
            self.at = self.at.max(end.saturating_sub(overlap));
            if self.at.saturating_add(overlap) >= self.image.len {
                self.bar.finish_and_clear();
                return Ok(None);
            }
            self.at = self.data(self.at);
            self.load()?;
        }
    }

    /// Goes on at `at` and not before.
    pub(super) fn skip_to(&mut self, at: u64) {
        self.at = self.at.max(at);
    }

    /// `N` bytes at `at`, which is near the last hit, if they are all there.
    pub(super) fn peek<const N: usize>(&self, at: u64) -> io::Result<Option<[u8; N]>> {
        if let Some(bytes) = self.loaded(at).and_then(|bytes| bytes.first_chunk()) {
            return Ok(Some(*bytes));
        }
        Ok(self.image.read(at, N)?.first_chunk().copied())
    }

    /// What is in memory from `at`.
    fn loaded(&self, at: u64) -> Option<&[u8]> {
        let at = usize::try_from(at.checked_sub(self.start)?).ok()?;
        self.window.get(at..)
    }

    fn load(&mut self) -> io::Result<()> {
        self.start = self.at;
        self.bar.set_position(self.start);
        self.window.resize(WINDOW, 0);
        let len = self.image.fill(self.start, &mut self.window)?;
        self.window.truncate(len);
        if len < WINDOW {
            // This is the end, also if the file was longer before.
            self.image.len = self.start.saturating_add(len as u64);
        }
        Ok(())
    }

    /// The next place behind a hole of the file; what is in a hole is 0.
    fn data(&self, at: u64) -> u64 {
        match self
            .image
            .whole_file()
            .map(|file| seek(file, SeekFrom::Data(at)))
        {
            Some(Ok(next)) => next.max(at),
            Some(Err(Errno::NXIO)) => self.image.len,
            _ => at,
        }
    }
}
