// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Guest memory with bounds that records what is written, and a network that keeps frames.

use igbvf_model::{Fault, Full, Memory, NetHeader, Wire};
use std::ops::Range;

/// One write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    pub iova: u64,
    pub bytes: Vec<u8>,
    /// It came by `publish`.
    pub published: bool,
}

impl Write {
    pub fn range(&self) -> Range<u64> {
        self.iova..self.iova + self.bytes.len() as u64
    }
}

/// Memory from `base` on.
#[derive(Clone)]
pub struct Ram {
    pub base: u64,
    pub bytes: Vec<u8>,
    /// What the device has written since [`Ram::begin`].
    pub log: Vec<Write>,
    /// Number of reads.
    pub reads: usize,
    /// Where accesses are refused.
    pub holes: Vec<Range<u64>>,
    before: Vec<u8>,
}

impl Ram {
    pub fn new(base: u64, len: usize) -> Self {
        Self {
            base,
            bytes: vec![0; len],
            log: Vec::new(),
            reads: 0,
            holes: Vec::new(),
            before: vec![0; len],
        }
    }

    /// From here on writes of the device are recorded.
    pub fn begin(&mut self) {
        self.log.clear();
        self.reads = 0;
        self.before.clone_from(&self.bytes);
    }

    /// The recorded writes are all that has changed.
    pub fn assert_log_is_all(&self) {
        let mut replayed = self.before.clone();
        for write in &self.log {
            let at = (write.iova - self.base) as usize;
            replayed[at..at + write.bytes.len()].copy_from_slice(&write.bytes);
        }
        assert!(replayed == self.bytes, "memory has changed beyond the log");
    }

    fn place(&self, iova: u64, len: usize) -> Result<usize, Fault> {
        let at = usize::try_from(iova.checked_sub(self.base).ok_or(Fault)?).map_err(|_| Fault)?;
        let end = at.checked_add(len).ok_or(Fault)?;
        let range = iova..iova
            .checked_add(len as u64)
            .expect("the engine lets ranges wrap");
        let hole = |hole: &Range<u64>| hole.start < range.end && range.start < hole.end;
        if end > self.bytes.len() || self.holes.iter().any(hole) {
            return Err(Fault);
        }
        Ok(at)
    }

    fn store(&mut self, iova: u64, from: &[u8], published: bool) -> Result<(), Fault> {
        let at = self.place(iova, from.len())?;
        self.bytes[at..at + from.len()].copy_from_slice(from);
        let bytes = from.to_vec();
        self.log.push(Write {
            iova,
            bytes,
            published,
        });
        Ok(())
    }

    /// As the guest.
    pub fn set(&mut self, iova: u64, from: &[u8]) {
        let at = (iova - self.base) as usize;
        self.bytes[at..at + from.len()].copy_from_slice(from);
    }

    /// As the guest.
    pub fn get(&self, iova: u64, len: usize) -> &[u8] {
        let at = (iova - self.base) as usize;
        &self.bytes[at..at + len]
    }

    pub fn get32(&self, iova: u64) -> u32 {
        u32::from_le_bytes(self.get(iova, 4).try_into().unwrap())
    }

    pub fn get16(&self, iova: u64) -> u16 {
        u16::from_le_bytes(self.get(iova, 2).try_into().unwrap())
    }
}

impl Memory for Ram {
    fn read(&mut self, iova: u64, to: &mut [u8]) -> Result<(), Fault> {
        self.reads += 1;
        let at = self.place(iova, to.len())?;
        to.copy_from_slice(&self.bytes[at..at + to.len()]);
        Ok(())
    }

    fn write(&mut self, iova: u64, from: &[u8]) -> Result<(), Fault> {
        self.store(iova, from, false)
    }

    fn publish(&mut self, iova: u64, word: u32) -> Result<(), Fault> {
        self.store(iova, &word.to_le_bytes(), true)
    }
}

/// A network that takes `room` frames.
#[derive(Clone)]
pub struct Net {
    pub frames: Vec<(NetHeader, Vec<u8>)>,
    pub room: usize,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            room: usize::MAX,
        }
    }
}

impl Wire for Net {
    fn send(&mut self, header: &NetHeader, frame: &[u8]) -> Result<(), Full> {
        self.room = self
            .room
            .checked_sub(1)
            .ok_or(Full)
            .inspect_err(|_| self.room = 0)?;
        self.frames.push((*header, frame.to_vec()));
        Ok(())
    }
}
