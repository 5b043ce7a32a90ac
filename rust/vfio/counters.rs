// SPDX-License-Identifier: GPL-2.0

//! Counts of what a driver finds worth counting, shown in debugfs.

use kernel::{
    fmt,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

/// Number of counters that a driver can have.
pub(crate) const MAX: usize = 4;

/// Running totals of one device, since it was bound.
pub(crate) struct Counters {
    names: &'static [&'static str],
    values: [Atomic<u64>; MAX],
}

impl Counters {
    pub(crate) fn new(names: &'static [&'static str]) -> Self {
        Self {
            names,
            values: [const { Atomic::new(0) }; MAX],
        }
    }

    /// Adds one to the counter at `index` of the driver's list; there are no others.
    pub(crate) fn add(&self, index: usize) {
        if let Some(value) = self.values.get(index) {
            value.fetch_add(1, Relaxed);
        }
    }

    /// Prints a line `NAME VALUE` for each counter.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.names.iter().zip(&self.values) {
            writeln!(f, "{name} {}", value.load(Relaxed))?;
        }
        Ok(())
    }
}
