// SPDX-License-Identifier: GPL-2.0

//! Pages that a driver has found to be written to, until the user asks for them.

use super::{
    DirtyRanges,
    IovaRanges, //
};
use core::ops::RangeInclusive;
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    prelude::*,
    rbtree::RBTree, //
};

/// Granularity of the log, which is the finest that the uAPI has.
const PAGE_SHIFT: u32 = 12;
const PAGE: u64 = 1 << PAGE_SHIFT;
/// Words of one bitmap in a chunk, which has two.
const WORDS: usize = 512;
/// Pages in one chunk, 128 MiB.
const CHUNK_SHIFT: u32 = 15;
const CHUNK_MASK: u64 = (1 << CHUNK_SHIFT) - 1;
/// Chunks at the same time, 16 MiB of memory. What the addresses are is the guest's choice, and it
/// must not be able to make the host's memory its own.
const CHUNKS_MAX: usize = 2048;
/// Ranges in one report; a user who is told more than that gains nothing by the gaps.
const REPORT_MAX: usize = 65536;
/// Pieces that reports of parts may leave of what is dirty as a whole.
const PIECES_MAX: usize = 256;

static_assert!(WORDS * 64 == 1 << CHUNK_SHIFT);

/// The pages that are to be reported, in two reports each: the next one and the one after.
///
/// The first is what the uAPI asks for. The second is for what the first could not know: a device
/// whose write was still under way when the user copied the page, and a report that never reached
/// the user, as the core does not say when it could not write to the bitmap, see
/// `Documentation/driver-api/vfio-rust.rst`.
///
/// What there is no memory for, or what the driver does not know, becomes
/// [everything](Self::mark_all()) that is being logged.
pub struct DirtyPages {
    /// What the user has asked for, in ascending order and without overlaps.
    ranges: KVVec<RangeInclusive<u64>>,
    /// Parts of it that are dirty as a whole.
    unknown: Pieces,
    /// The same, that were reported once.
    told: Pieces,
    /// By number, the address without its low bits: one bit for each page that is dirty, then one
    /// for each that was reported once.
    chunks: RBTree<u64, KVVec<u64>>,
    count: usize,
}

type Pieces = KVVec<RangeInclusive<u64>>;

impl DirtyPages {
    /// Makes an empty log of `ranges`.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub fn new(ranges: &IovaRanges<'_>) -> Result<Self> {
        let mut list = KVVec::new();
        let mut result = Ok(());

        ranges.for_each(|range| {
            if result.is_ok() && !range.is_empty() {
                result = list.push(range, GFP_KERNEL_ACCOUNT);
            }
        });
        result?;
        Ok(Self {
            // So that `mark_all()` cannot fail.
            unknown: KVVec::with_capacity(list.len(), GFP_KERNEL_ACCOUNT)?,
            told: KVVec::new(),
            ranges: list,
            chunks: RBTree::new(),
            count: 0,
        })
    }

    /// Returns the page size, in bytes, to report in for a user who would like `page_size`: a bit of theirs
    /// may stand for more than a page, not for less.
    pub fn granted(page_size: u64) -> u64 {
        if page_size.is_power_of_two() {
            page_size.max(PAGE)
        } else {
            PAGE
        }
    }

    /// Marks the pages that `len` bytes at `iova` are in, as far as they are logged.
    pub fn mark(&mut self, iova: u64, len: u64) {
        let Some(more) = len.checked_sub(1) else {
            return;
        };
        let (first, last) = (iova, iova.saturating_add(more));

        for at in 0..self.ranges.len() {
            let Some((first, last)) = self
                .ranges
                .get(at)
                .and_then(|range| overlap(range, first, last))
            else {
                continue;
            };
            for page in (first >> PAGE_SHIFT)..=(last >> PAGE_SHIFT) {
                if self.mark_page(page).is_err() {
                    self.mark_all();
                    return;
                }
            }
        }
    }

    /// Marks all that is logged.
    pub fn mark_all(&mut self) {
        self.chunks = RBTree::new();
        self.count = 0;
        self.told.clear();
        self.unknown.clear();
        for range in self.ranges.iter() {
            // There is room for all of them, see `new()`.
            let _ = self.unknown.push_within_capacity(range.clone());
        }
    }

    /// Returns whether parts are reported as a whole, and have not been.
    pub fn is_unknown(&self) -> bool {
        !self.unknown.is_empty()
    }

    fn mark_page(&mut self, page: u64) -> Result {
        let number = page >> CHUNK_SHIFT;
        let bit = page & CHUNK_MASK;

        if self.chunks.get(&number).is_none() {
            if self.count >= CHUNKS_MAX {
                return Err(ENOMEM);
            }
            let chunk = KVVec::zeroed(2 * WORDS, GFP_KERNEL_ACCOUNT)?;
            self.chunks
                .try_create_and_insert(number, chunk, GFP_KERNEL_ACCOUNT)?;
            self.count += 1;
        }
        // CAST: below `WORDS`.
        let word = (bit / 64) as usize;
        if let Some(word) = self
            .chunks
            .get_mut(&number)
            .and_then(|chunk| chunk.get_mut(word))
        {
            *word |= 1 << (bit % 64);
        }
        Ok(())
    }

    /// Moves what is marked in `iova` to `dirty`.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]: the next report is of everything.
    pub fn take(&mut self, iova: RangeInclusive<u64>, dirty: &mut DirtyRanges) -> Result {
        let result = self
            .take_unknown(&iova, dirty)
            .and_then(|()| self.take_pages(&iova, dirty));

        if result.is_err() {
            self.mark_all();
        }
        result
    }

    fn take_unknown(&mut self, iova: &RangeInclusive<u64>, dirty: &mut DirtyRanges) -> Result {
        if self.unknown.is_empty() && self.told.is_empty() {
            return Ok(());
        }
        let (mut unknown, mut told) = (KVVec::new(), KVVec::new());
        let again = self.told.iter().map(|part| (part, false));
        let first = self.unknown.iter().map(|part| (part, true));

        // `pin_init` has a `chain()` in scope as well.
        for (part, fresh) in Iterator::chain(again, first) {
            let rest = if fresh { &mut unknown } else { &mut told };
            let Some((first, last)) = overlap(iova, *part.start(), *part.end()) else {
                join(rest, part.clone())?;
                continue;
            };
            dirty.add(first..=last)?;
            if *part.start() < first {
                join(rest, *part.start()..=first - 1)?;
            }
            if last < *part.end() {
                join(rest, last + 1..=*part.end())?;
            }
            if fresh {
                join(&mut told, first..=last)?;
            }
        }
        for rest in [&mut unknown, &mut told] {
            if rest.len() > self.ranges.len() + PIECES_MAX {
                // Too much is always right, and the list must not grow by a piece for each report.
                rest.clear();
                rest.extend_from_slice(&self.ranges, GFP_KERNEL_ACCOUNT)?;
            }
        }
        // `mark_all()` counts on its room.
        let room = self.ranges.len().saturating_sub(unknown.len());
        unknown.reserve(room, GFP_KERNEL_ACCOUNT)?;
        self.unknown = unknown;
        self.told = told;
        Ok(())
    }

    fn take_pages(&mut self, iova: &RangeInclusive<u64>, dirty: &mut DirtyRanges) -> Result {
        let (start, end) = (*iova.start() >> PAGE_SHIFT, *iova.end() >> PAGE_SHIFT);
        let mut next = self.chunks.cursor_lower_bound_mut(&(start >> CHUNK_SHIFT));

        while let Some(mut cursor) = next {
            let (&number, chunk) = cursor.current_mut();
            if number > end >> CHUNK_SHIFT {
                break;
            }
            let mut page = number << CHUNK_SHIFT;
            let (fresh, told) = chunk.split_at_mut(WORDS);
            for (fresh, told) in fresh.iter_mut().zip(told) {
                let mut bits = *fresh | *told;
                while bits != 0 {
                    let bit = bits.trailing_zeros();
                    bits &= bits - 1;
                    let first = (page + u64::from(bit)) << PAGE_SHIFT;
                    let last = first + (PAGE - 1);
                    let Some((from, to)) = overlap(iova, first, last) else {
                        continue;
                    };
                    if dirty.len() < REPORT_MAX {
                        dirty.add(from..=to)?;
                    } else {
                        // Found out late, and by who has the memory: all that was asked for.
                        return Self::take_too_many(&self.ranges, iova, dirty);
                    }
                    // The rest of a page that was asked for in part is still to come.
                    if (from, to) == (first, last) {
                        *told = *told & !(1 << bit) | *fresh & 1 << bit;
                        *fresh &= !(1 << bit);
                    }
                }
                page += 64;
            }
            next = cursor.move_next();
        }
        Ok(())
    }

    /// Bits that stay set are reported once more.
    fn take_too_many(
        ranges: &[RangeInclusive<u64>],
        iova: &RangeInclusive<u64>,
        dirty: &mut DirtyRanges,
    ) -> Result {
        dirty.ranges.clear();
        for range in ranges {
            if let Some((first, last)) = overlap(iova, *range.start(), *range.end()) {
                dirty.add(first..=last)?;
            }
        }
        Ok(())
    }
}

/// Adds a piece to a list, to its last one if there is nothing between them.
fn join(list: &mut Pieces, piece: RangeInclusive<u64>) -> Result {
    match list.last_mut() {
        Some(last) if last.end().checked_add(1) == Some(*piece.start()) => {
            *last = *last.start()..=*piece.end();
        }
        _ => list.push(piece, GFP_KERNEL_ACCOUNT)?,
    }
    Ok(())
}

/// Returns the first and last byte that `range` shares with `first..=last`.
fn overlap(range: &RangeInclusive<u64>, first: u64, last: u64) -> Option<(u64, u64)> {
    let (first, last) = (first.max(*range.start()), last.min(*range.end()));

    (first <= last).then_some((first, last))
}
