// SPDX-License-Identifier: GPL-2.0

//! A migration stream that is complete in memory before it is read.

use crate::data_file::{
    Peek,
    PrecopyInfo,
    SaveStream, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*, //
};

/// The bytes of one saving session and how far user space has read them.
///
/// In the PRE_COPY states it holds initial bytes only: those that the session began with, and what
/// [`Image::append_initial`] has added to them. [`Image::complete`] replaces them by the whole
/// stream, of which they are the beginning.
///
/// # Invariants
///
/// `pos <= bytes.len()`.
pub struct Image {
    bytes: KVVec<u8>,
    pos: usize,
    /// How many of the bytes the session began with.
    first: usize,
    /// How often initial bytes were appended; wraps.
    generation: u32,
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
            first: bytes.len(),
            bytes,
            pos: 0,
            generation: 0,
            rest: Rest::Pending,
        }
    }

    /// Returns the stream so far, whether or not it was read: what the whole one must begin with.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds initial bytes in PRE_COPY, as the first ones do not tell everything any more.
    ///
    /// They come after what is there. User space that has set
    /// `VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2` is told about new initial data,
    /// `VFIO_PRECOPY_INFO_REINIT`; to all others they are dirty bytes.
    ///
    /// The image keeps all of them: how often this may happen is for the driver to limit, as it is
    /// usually a guest that brings it about.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: the stream is complete or has failed.
    /// - [`ENOMEM`]
    pub fn append_initial(&mut self, bytes: &[u8]) -> Result {
        if !matches!(self.rest, Rest::Pending) {
            return Err(EINVAL);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        // INVARIANT: `bytes` does not become shorter.
        self.bytes.extend_from_slice(bytes, GFP_KERNEL_ACCOUNT)?;
        self.generation = self.generation.wrapping_add(1);
        Ok(())
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
        let unread = self.unread().len();
        let initial = self.first.saturating_sub(self.pos);

        PrecopyInfo {
            // CAST: `usize` fits in `u64` on every architecture of the kernel.
            initial: initial as u64,
            // CAST: as above.
            renewed: unread.saturating_sub(initial) as u64,
            generation: self.generation,
            dirty: 0,
        }
    }
}
