// SPDX-License-Identifier: GPL-2.0

//! Counts of what each arc of the state machine costs, shown in debugfs.

#[cfg(CONFIG_FAULT_INJECTION)]
use crate::fault::Faults;
use crate::migration::state::{
    self,
    MigState, //
};
use core::marker::PhantomData;
use kernel::{
    fmt,
    io::{
        IoBackend,
        IoBase,
        IoCapable,
        Mmio,
        MmioBackend, //
    },
    new_mutex,
    prelude::*,
    ptr::KnownSize,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};

/// Running totals of the accesses to one device's BARs.
///
/// All of them are made with the session lock held, so that relaxed order is enough to attribute
/// them to an arc; the debugfs reader may see a sum that is one access old.
pub struct MmioStats {
    reads: Atomic<u64>,
    writes: Atomic<u64>,
    nanos: Atomic<u64>,
    timed: Atomic<bool>,
    #[cfg(CONFIG_FAULT_INJECTION)]
    faults: Faults,
}

/// A point in time of [`MmioStats`].
#[derive(Clone, Copy, Default)]
struct Sample {
    reads: u64,
    writes: u64,
    nanos: u64,
}

impl MmioStats {
    const fn new() -> Self {
        Self {
            reads: Atomic::new(0),
            writes: Atomic::new(0),
            nanos: Atomic::new(0),
            timed: Atomic::new(false),
            #[cfg(CONFIG_FAULT_INJECTION)]
            faults: Faults::new(),
        }
    }

    fn sample(&self) -> Sample {
        Sample {
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
            nanos: self.nanos.load(Relaxed),
        }
    }

    /// Counts one access; takes its time only inside an arc, as reading the clock twice is not
    /// free on the path of a guest's interrupt.
    fn access<R>(&self, counter: &Atomic<u64>, op: impl FnOnce() -> R) -> R {
        counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
        if !self.timed.load(Relaxed) {
            return op();
        }
        let start = Instant::<Monotonic>::now();
        let result = op();
        self.nanos.store(
            self.nanos.load(Relaxed).wrapping_add(nanos_since(start)),
            Relaxed,
        );
        result
    }
}

fn nanos_since(start: Instant<Monotonic>) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(0)
}

/// What one arc has cost so far.
#[derive(Clone, Copy)]
struct Arc {
    calls: u64,
    mmio: Sample,
    nanos: u64,
}

impl Arc {
    const ZERO: Self = Self {
        calls: 0,
        mmio: Sample {
            reads: 0,
            writes: 0,
            nanos: 0,
        },
        nanos: 0,
    };
}

/// Index of the pseudo-arc that accounts the load inside `write()`.
const LOAD: usize = state::COUNT * state::COUNT;

/// Costs of every arc of one device since it was bound.
#[pin_data]
pub struct Stats {
    mmio: MmioStats,
    #[pin]
    arcs: Mutex<[Arc; LOAD + 1]>,
}

impl Stats {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            mmio: MmioStats::new(),
            arcs <- new_mutex!([Arc::ZERO; LOAD + 1], "vfio::Stats::arcs"),
        })
    }

    pub(crate) fn mmio(&self) -> &MmioStats {
        &self.mmio
    }

    /// Runs one step of the state machine and accounts for it. The session lock is held.
    pub(crate) fn arc<R>(&self, from: MigState, to: MigState, op: impl FnOnce() -> R) -> R {
        self.account(from.index() * state::COUNT + to.index(), op)
    }

    /// Runs the load that `write()` does at the end of a stream. The session lock is held.
    pub(crate) fn load<R>(&self, op: impl FnOnce() -> R) -> R {
        self.account(LOAD, op)
    }

    fn account<R>(&self, index: usize, op: impl FnOnce() -> R) -> R {
        let before = self.mmio.sample();
        let start = Instant::<Monotonic>::now();
        self.mmio.timed.store(true, Relaxed);
        let result = op();
        self.mmio.timed.store(false, Relaxed);
        let nanos = nanos_since(start);
        let after = self.mmio.sample();

        let mut arcs = self.arcs.lock();
        if let Some(arc) = arcs.get_mut(index) {
            arc.calls += 1;
            arc.mmio.reads += after.reads.wrapping_sub(before.reads);
            arc.mmio.writes += after.writes.wrapping_sub(before.writes);
            arc.mmio.nanos += after.nanos.wrapping_sub(before.nanos);
            arc.nanos += nanos;
        }
        result
    }

    /// Prints how many accesses have failed on purpose, and the last of them.
    #[cfg(CONFIG_FAULT_INJECTION)]
    pub(crate) fn show_faults(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mmio.faults.show(f)
    }

    /// Prints a line per arc that has run: `FROM TO calls reads writes mmio_ns total_ns`.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Copied out, so that no arc waits for the reader of the file.
        let arcs = *self.arcs.lock();

        for (index, arc) in arcs.iter().enumerate() {
            if arc.calls == 0 {
                continue;
            }
            if index == LOAD {
                write!(f, "LOAD LOAD")?;
            } else {
                write!(
                    f,
                    "{} {}",
                    state::name(index / state::COUNT),
                    state::name(index % state::COUNT),
                )?;
            }
            writeln!(
                f,
                " {} {} {} {} {}",
                arc.calls, arc.mmio.reads, arc.mmio.writes, arc.mmio.nanos, arc.nanos
            )?;
        }
        Ok(())
    }
}

/// MMIO that counts itself.
pub struct Counted<'a, T: ?Sized> {
    mmio: Mmio<'a, T>,
    stats: &'a MmioStats,
}

impl<T: ?Sized> Copy for Counted<'_, T> {}
impl<T: ?Sized> Clone for Counted<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T: ?Sized> Counted<'a, T> {
    pub(crate) fn new(mmio: Mmio<'a, T>, stats: &'a MmioStats) -> Self
    where
        T: KnownSize,
    {
        let view = Self { mmio, stats };

        #[cfg(CONFIG_FAULT_INJECTION)]
        stats.faults.begin(view.address());
        view
    }

    /// Returns the kernel's address of what is viewed.
    #[cfg(CONFIG_FAULT_INJECTION)]
    fn address(self) -> usize
    where
        T: KnownSize,
    {
        MmioBackend::as_ptr(self.mmio).cast::<u8>().addr()
    }
}

impl<'a, T: ?Sized + KnownSize> IoBase<'a> for Counted<'a, T> {
    type Backend = CountedBackend;
    type Target = T;

    fn as_view(self) -> Self {
        self
    }
}

/// I/O backend of [`Counted`]: 32-bit accesses only, which is all these devices decode.
pub struct CountedBackend(PhantomData<()>);

impl IoBackend for CountedBackend {
    type View<'a, T: ?Sized + KnownSize> = Counted<'a, T>;

    fn as_ptr<'a, T: ?Sized + KnownSize>(view: Self::View<'a, T>) -> *mut T {
        MmioBackend::as_ptr(view.mmio)
    }

    unsafe fn project_view<'a, T: ?Sized + KnownSize, U: ?Sized + KnownSize>(
        view: Self::View<'a, T>,
        ptr: *mut U,
    ) -> Self::View<'a, U> {
        Counted {
            // SAFETY: `as_ptr()` is that of the wrapped view, so by the requirement on the caller
            // `ptr` is a projection of it.
            mmio: unsafe { MmioBackend::project_view(view.mmio, ptr) },
            stats: view.stats,
        }
    }
}

/// What a read gives that nobody has answered: it has timed out, or the device is gone.
const NO_ANSWER: u32 = !0;

impl CountedBackend {
    fn read_once(view: Counted<'_, u32>) -> u32 {
        view.stats.access(&view.stats.reads, || {
            #[cfg(CONFIG_FAULT_INJECTION)]
            let value = view
                .stats
                .faults
                .read(view.address(), || MmioBackend::io_read(view.mmio));
            #[cfg(not(CONFIG_FAULT_INJECTION))]
            let value = MmioBackend::io_read(view.mmio);

            value
        })
    }
}

impl IoCapable<u32> for CountedBackend {
    fn io_read<'a>(view: Self::View<'a, u32>) -> u32 {
        match Self::read_once(view) {
            // Few registers are ever like this, and none that is cleared by reading: those that are
            // have the same answer again, and one that got lost on its way has not.
            NO_ANSWER => Self::read_once(view),
            value => value,
        }
    }

    fn io_write<'a>(view: Self::View<'a, u32>, value: u32) {
        view.stats.access(&view.stats.writes, || {
            #[cfg(CONFIG_FAULT_INJECTION)]
            view.stats
                .faults
                .write(view.address(), || MmioBackend::io_write(view.mmio, value));
            #[cfg(not(CONFIG_FAULT_INJECTION))]
            MmioBackend::io_write(view.mmio, value);
        });
    }
}
