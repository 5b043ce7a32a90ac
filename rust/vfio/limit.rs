// SPDX-License-Identifier: GPL-2.0

//! How often user space can have others hear of it.
//!
//! What it can bring about as often as it likes, as a refusal or a step of a migration, is told ten
//! times in five seconds at most, for each kind of telling: it must fill neither the log nor the queue
//! of whoever handles events.

use crate::{
    Device,
    Driver,
    Open, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex,
    time::{
        Delta,
        Instant,
        Monotonic, //
    }, //
};

/// What is counted by itself.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Lines in the log about the device and its migrations.
    Report,
    /// Lines in the log about questions that were refused, which must not take the place of those.
    Question,
    /// Events of the device.
    Event,
}

const KINDS: usize = 3;

/// How many in [`INTERVAL`], as the kernel's own limit of lines in the log has it.
const BURST: u32 = 10;
/// After how long the count begins again.
const INTERVAL: Delta = Delta::from_secs(5);

#[derive(Clone, Copy)]
struct Limit {
    since: Instant<Monotonic>,
    count: u32,
}

impl Limit {
    fn allows(&mut self) -> bool {
        if self.since.elapsed() > INTERVAL {
            self.since = Instant::now();
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.count <= BURST
    }
}

/// The limits of one device, which close and open leave as they are.
#[pin_data]
pub(crate) struct Limits {
    /// Held for a moment.
    #[pin]
    inner: Mutex<[Limit; KINDS]>,
}

impl Limits {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            inner <- new_mutex!(
                [Limit { since: Instant::now(), count: 0 }; KINDS],
                "vfio::Limits"
            ),
        })
    }

    /// Returns whether there may be one more of this kind.
    pub(crate) fn allows(&self, kind: Kind) -> bool {
        // CAST: one of the kinds.
        self.inner
            .lock()
            .get_mut(kind as usize)
            .is_some_and(Limit::allows)
    }
}

impl<T: Driver> Device<T, Open> {
    /// Returns whether user space may be told once more of something that it brings about itself, by
    /// [events](crate::staging::uevent): ten times in five seconds.
    pub fn may_tell(&self) -> bool {
        self.limits().allows(Kind::Event)
    }
}
