// SPDX-License-Identifier: GPL-2.0

//! Accesses to a device that fail on purpose, with `CONFIG_FAULT_INJECTION`.
//!
//! They are faults of the task that makes them, as those of its allocations: after a number was
//! written to `/proc/thread-self/fail-nth`, that one of its calls that can fail does. A read then
//! gives all ones without reaching the device, as one does that timed out on PCI Express; a write is
//! lost.
//!
//! C header: [`include/linux/fault-inject.h`](srctree/include/linux/fault-inject.h)

use crate::bindings;
use kernel::{
    fmt,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// What a read gives that the device has not answered.
const NO_ANSWER: u32 = !0;

/// When accesses fail: never, but for `fail-nth`.
struct Attr(Opaque<bindings::fault_attr>);

// SAFETY: `should_fail()` may be called from anywhere, at the same time; its attribute needs no
// lock.
unsafe impl Sync for Attr {}

static ATTR: Attr = Attr(Opaque::new(bindings::fault_attr {
    interval: 1,
    times: kernel::bindings::atomic_t { counter: -1 },
    require_end: usize::MAX,
    // Silent: no stack for each fault in the log.
    verbose: 0,
    ..pin_init::zeroed()
}));

/// Returns whether the access that is about to be made fails.
fn hits() -> bool {
    // SAFETY: `ATTR` lives for ever and was initialised as `FAULT_ATTR_INITIALIZER` does; what is
    // zero there in addition is only used with `verbose`. The size is that of the access.
    unsafe { bindings::should_fail(ATTR.0.get(), 4) }
}

/// The accesses to one device that have failed, since it was bound.
pub(crate) struct Faults {
    reads: Atomic<u64>,
    writes: Atomic<u64>,
    /// Address of the BAR that was used last.
    base: Atomic<usize>,
    /// The last of them: the offset in the BAR, and whether it was a write.
    last: Atomic<usize>,
    last_was_write: Atomic<bool>,
}

impl Faults {
    pub(crate) const fn new() -> Self {
        Self {
            reads: Atomic::new(0),
            writes: Atomic::new(0),
            base: Atomic::new(0),
            last: Atomic::new(0),
            last_was_write: Atomic::new(false),
        }
    }

    /// Accesses from here on are to the BAR that begins at this address.
    pub(crate) fn begin(&self, base: usize) {
        self.base.store(base, Relaxed);
    }

    fn note(&self, counter: &Atomic<u64>, address: usize, write: bool) {
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
        self.last
            .store(address.wrapping_sub(self.base.load(Relaxed)), Relaxed);
        self.last_was_write.store(write, Relaxed);
    }

    /// Reads with `op`, unless that fails.
    pub(crate) fn read(&self, address: usize, op: impl FnOnce() -> u32) -> u32 {
        if hits() {
            self.note(&self.reads, address, false);
            return NO_ANSWER;
        }
        op()
    }

    /// Writes with `op`, unless that fails.
    pub(crate) fn write(&self, address: usize, op: impl FnOnce()) {
        if hits() {
            self.note(&self.writes, address, true);
            return;
        }
        op();
    }

    /// Prints how many reads and writes have failed, and the last of them.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} {} {} {:#06x}",
            self.reads.load(Relaxed),
            self.writes.load(Relaxed),
            if self.last_was_write.load(Relaxed) {
                "write"
            } else {
                "read"
            },
            self.last.load(Relaxed),
        )
    }
}
