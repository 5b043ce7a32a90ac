// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Bytes that are looked at piece by piece: a large file, parts of some, or what is in memory.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt,
};

/// Where the bytes are.
#[derive(Clone, Copy, Debug)]
enum Data<'a> {
    File(&'a File),
    Pieces(&'a [File], &'a Pieces),
    Memory(&'a [u8]),
}

/// The bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Image<'a> {
    data: Data<'a>,
    pub(crate) len: u64,
}

impl<'a> Image<'a> {
    /// A whole file.
    pub(crate) fn file(file: &'a File) -> io::Result<Self> {
        Ok(Self {
            data: Data::File(file),
            len: file.metadata()?.len(),
        })
    }

    /// Parts of files, one behind the other.
    pub(crate) fn pieces(files: &'a [File], pieces: &'a Pieces) -> Self {
        Self {
            data: Data::Pieces(files, pieces),
            len: pieces.len,
        }
    }

    /// What is in memory.
    pub(crate) fn memory(bytes: &'a [u8]) -> Self {
        Self {
            data: Data::Memory(bytes),
            len: bytes.len() as u64,
        }
    }

    /// Reads up to `len` bytes; fewer at the end only.
    pub(crate) fn read(&self, at: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.from(at).take(len as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A reader that starts at `at`.
    pub(crate) fn from(&self, at: u64) -> Reader<'a> {
        Reader { image: *self, at }
    }

    /// Fills `buf` with what is at `at`; less at the end only.
    pub(crate) fn fill(&self, at: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, at.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(len) => done = done.saturating_add(len),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// The file, if it is all of one.
    pub(crate) fn whole_file(&self) -> Option<&'a File> {
        match self.data {
            Data::File(file) => Some(file),
            _ => None,
        }
    }

    fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        match self.data {
            Data::File(file) => file.read_at(buf, at),
            Data::Memory(bytes) => {
                let at = usize::try_from(at).unwrap_or(usize::MAX);
                let rest = bytes.get(at..).unwrap_or(&[]);
                let len = rest.len().min(buf.len());
                for (to, from) in buf.iter_mut().zip(rest) {
                    *to = *from;
                }
                Ok(len)
            }
            Data::Pieces(files, pieces) => {
                let place = pieces.place(at);
                let place = place.and_then(|(file, at, left)| Some((files.get(file)?, at, left)));
                let Some((file, at, left)) = place else {
                    return Ok(0);
                };
                let len = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                file.read_at(buf.get_mut(..len).unwrap_or(&mut []), at)
            }
        }
    }
}

/// Reads on from a place.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    image: Image<'a>,
    at: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = self.image.read_at(buf, self.at)?;
        self.at = self.at.saturating_add(len as u64);
        Ok(len)
    }
}

/// A part of a file.
#[derive(Debug)]
struct Piece {
    /// Where it is among all pieces.
    start: u64,
    /// Which of the files it is in.
    file: usize,
    /// Where it is in the file.
    at: u64,
    len: u64,
}

/// Parts of files, one behind the other.
#[derive(Default, Debug)]
pub(crate) struct Pieces {
    list: Vec<Piece>,
    pub(crate) len: u64,
}

impl Pieces {
    /// Adds `len` bytes of the first file.
    pub(crate) fn push(&mut self, at: u64, len: u64) {
        self.push_of(0, at, len);
    }

    /// Adds `len` bytes of a file.
    pub(crate) fn push_of(&mut self, file: usize, at: u64, len: u64) {
        if len != 0 {
            let start = self.len;
            self.list.push(Piece {
                start,
                file,
                at,
                len,
            });
            self.len = start.saturating_add(len);
        }
    }

    /// Adds all of `other`.
    pub(crate) fn append(&mut self, other: Self) {
        for piece in other.list {
            self.push_of(piece.file, piece.at, piece.len);
        }
    }

    /// In which file a byte is, where, and how many follow it there.
    fn place(&self, at: u64) -> Option<(usize, u64, u64)> {
        let behind = self.list.partition_point(|piece| piece.start <= at);
        let piece = self.list.get(behind.checked_sub(1)?)?;
        let done = at.saturating_sub(piece.start);
        let left = piece.len.checked_sub(done).filter(|left| *left != 0)?;
        Some((piece.file, piece.at.saturating_add(done), left))
    }
}
