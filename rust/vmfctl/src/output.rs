// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Files that are written: each is whole, or what was there before.
//!
//! A stream holds the state of a guest, so its file is for its owner only.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process,
};

use crate::failure::{Failure, Result};

/// How many links are followed, as by the kernel.
const LINKS: usize = 40;

/// How many names are tried for a temporary file; others are those of processes that were killed.
const NAMES: usize = 100;

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    /// What the user calls it.
    path: PathBuf,
    /// The file that takes the place of another one; none if the target is written as it is.
    new: Option<New>,
}

/// A temporary file, which is removed unless it was [`kept`](New::kept).
#[derive(Debug)]
struct New {
    temporary: PathBuf,
    target: PathBuf,
}

impl Output {
    /// Opens `path`. If it is a regular file, or none yet, it stays as it is until
    /// [`finish`](Self::finish); a pipe or a device, or what somebody else has opened, is written.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let opened = match regular(path) {
            Some(target) => temporary(target).map(|(file, new)| (file, Some(new))),
            None => File::create(path).map(|file| (file, None)),
        };
        let (file, new) = opened.map_err(|error| Failure::io(path, &error))?;
        Ok(Self {
            file,
            path: path.into(),
            new,
        })
    }

    /// What the target is unless all is written.
    pub(crate) fn fate(&self) -> String {
        let path = self.path.display();
        match self.new {
            Some(_) => format!("{path} is not written"),
            None => format!("{path} is incomplete"),
        }
    }

    /// Writes all of `input`, which has `len` bytes.
    pub(crate) fn copy(&mut self, mut input: impl Read, len: u64) -> Result<()> {
        let copied = io::copy(&mut input, &mut self.file);
        match copied.map_err(|error| Failure::io(&self.path, &error))? {
            copied if copied == len => Ok(()),
            copied => Err(Failure::Input(format!(
                "{}: {copied} bytes of {len}: what is read has changed meanwhile",
                self.fate()
            ))),
        }
    }

    /// Puts the file to its place, when all of it is on the disk.
    pub(crate) fn finish(self) -> Result<()> {
        let done = match (self.file.sync_all(), self.new) {
            (Ok(()), Some(new)) => new.kept(),
            // Pipes have nothing to wait for.
            (Err(error), None) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            (done, _) => done,
        };
        done.map_err(|error| Failure::io(&self.path, &error))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl New {
    fn kept(mut self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.target)?;
        self.temporary = PathBuf::new();
        Ok(())
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if !self.temporary.as_os_str().is_empty() {
            // What went wrong is told by others.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The regular file that `path` leads to, or will; none if it is something else.
fn regular(path: &Path) -> Option<PathBuf> {
    let mut target = path.to_path_buf();
    for _ in 0..LINKS {
        let parent = match target.parent()? {
            parent if parent.as_os_str().is_empty() => Path::new("."),
            parent => parent,
        };
        let parent = fs::canonicalize(parent).ok()?;
        // /dev/stdout leads here: what was opened is to be written, and not what has its name.
        if parent.starts_with("/proc") {
            return None;
        }
        let next = parent.join(target.file_name()?);
        target = match fs::symlink_metadata(&next) {
            Ok(data) if data.is_symlink() => parent.join(fs::read_link(&next).ok()?),
            Ok(data) => return data.is_file().then_some(next),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(next),
            Err(_) => return None,
        };
    }
    None
}

/// A file beside `target` that may take its place.
fn temporary(target: PathBuf) -> io::Result<(File, New)> {
    // One that may not be written may not be replaced either.
    match OpenOptions::new().write(true).open(&target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..NAMES {
        let name = format!("vmfctl-{}-{number}.partial", process::id());
        let temporary = target.with_file_name(name);
        match options.open(&temporary) {
            Ok(file) => return Ok((file, New { temporary, target })),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Fewer bytes than there were are no stream.
    #[test]
    fn what_gets_shorter_is_not_written() {
        let dir = std::env::temp_dir().join(format!("vmfctl-output-{}", process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("file");
        fs::write(&path, "before").unwrap();
        let mut output = Output::create(&path).unwrap();
        let why = output.copy(&b"seven"[..], 7).unwrap_err().to_string();
        assert!(why.contains("is not written: 5 bytes of 7"), "{why}");
        drop(output);
        assert_eq!(fs::read(&path).unwrap(), b"before");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        // A process of the same number that was killed is not in the way.
        let left = dir.join(format!("vmfctl-{}-0.partial", process::id()));
        fs::write(&left, "left").unwrap();
        let mut output = Output::create(&path).unwrap();
        output.copy(&b"seven"[..], 5).unwrap();
        output.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"seven");
        assert_eq!(fs::read(&left).unwrap(), b"left");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2);
        fs::remove_dir_all(&dir).unwrap();
    }
}
