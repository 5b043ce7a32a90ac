// SPDX-License-Identifier: GPL-2.0

//! A migration stream that is complete in memory before it is read.

use crate::data_file::{
    Peek,
    PrecopyInfo,
    SaveStream, //
};
use kernel::prelude::*;

/// The bytes of one saving session and how far user space has read them.
///
/// In the PRE_COPY states it holds the initial bytes only; [`Image::complete`] replaces them by the
/// whole stream, of which they are the beginning.
///
/// # Invariants
///
/// `pos <= bytes.len()`.
pub struct Image {
    bytes: KVVec<u8>,
    pos: usize,
    rest: Rest,
}

/// What follows the bytes that are there.
enum Rest {
    /// More, once the device is stopped.
    Pending,
    /// Nothing.
    Nothing,
    /// What could not be taken from the device.
    Failed(Error),
}

impl Image {
    /// Starts a session with the bytes that do not depend on the device being stopped.
    pub fn initial(bytes: KVVec<u8>) -> Self {
        Self {
            bytes,
            pos: 0,
            rest: Rest::Pending,
        }
    }

    /// Starts a session of a stopped device, of which everything is known.
    pub fn whole(bytes: KVVec<u8>) -> Self {
        Self {
            bytes,
            pos: 0,
            rest: Rest::Nothing,
        }
    }

    /// Starts a session that fails after these bytes.
    pub fn failed(bytes: KVVec<u8>, err: Error) -> Self {
        Self {
            bytes,
            pos: 0,
            rest: Rest::Failed(err),
        }
    }

    /// Supplies the whole stream, of which the initial bytes must be a prefix.
    ///
    /// # Errors
    ///
    /// - [`EIO`]: the initial bytes, which user space may have read, are not the prefix of `bytes`.
    pub fn complete(&mut self, bytes: KVVec<u8>) -> Result {
        if !bytes.starts_with(&self.bytes) {
            return Err(EIO);
        }
        // INVARIANT: `bytes` is not shorter than what it replaces.
        self.bytes = bytes;
        self.rest = Rest::Nothing;
        Ok(())
    }

    /// Lets `read()` fail after the bytes that are there.
    pub fn fail(&mut self, err: Error) {
        self.rest = Rest::Failed(err);
    }

    /// Returns the bytes that user space has not read yet.
    fn unread(&self) -> &[u8] {
        self.bytes.get(self.pos..).unwrap_or(&[])
    }
}

impl SaveStream for Image {
    fn peek(&self, out: &mut [u8]) -> Peek {
        let unread = self.unread();
        let len = unread.len().min(out.len());
        match (unread.get(..len), out.get_mut(..len)) {
            (Some(from), Some(to)) if len > 0 => {
                to.copy_from_slice(from);
                Peek::Data(len)
            }
            _ if !unread.is_empty() => Peek::Data(0),
            _ => match self.rest {
                Rest::Pending => Peek::NoMessage,
                Rest::Nothing => Peek::EndOfStream,
                Rest::Failed(err) => Peek::Failed(err),
            },
        }
    }

    fn consume(&mut self, len: usize) {
        // INVARIANT: clamped to the length.
        self.pos = self.pos.saturating_add(len).min(self.bytes.len());
    }

    fn precopy_info(&self) -> PrecopyInfo {
        PrecopyInfo {
            // CAST: `usize` fits in `u64` on every architecture of the kernel.
            initial: self.unread().len() as u64,
            dirty: 0,
        }
    }
}
