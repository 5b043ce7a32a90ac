// SPDX-License-Identifier: GPL-2.0

//! What the function does by itself: frames between the guest's rings and a TAP device.

use super::{
    function::{
        Given,
        Pace, //
    },
    network::{
        Arrival,
        Far,
        Network,
        FRAME_LEN, //
    },
    traps::{
        carry_over,
        raise_vectors, //
    },
    Device,
    IgbvfMdev, //
};
use igbvf_model::{
    Fault,
    Memory,
    NetHeader,
    Raise,
    Wire,
    SCRATCH_LEN, //
};
use kernel::{
    alloc::flags::GFP_KERNEL_ACCOUNT,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full as FullOrder,
            Release, //
        },
        Arc,
        Mutex, //
    },
    time::Delta, //
};
use tap::{
    Closing,
    Tap, //
};
use vfio::emulated::Next;

/// Descriptors of a queue, and frames from the network, in one round.
const BUDGET: u32 = 64;
/// Time between two attempts at a network that takes no frame.
const RETRY_TIME: Delta = Delta::from_millis(2);
/// Frames that a TAP device may hold, and more.
const BACKLOG: u32 = 8192;
/// Time between two looks at what a guest that is busy has written.
const LOOK_TIME: Delta = Delta::from_micros(200);
/// A guest that has written nothing for so long is at rest, and the next write wakes the task; in
/// nanoseconds.
const REST_TIME: u64 = 2_000_000;

/// What the rounds of an open function work with.
#[derive(Default)]
struct Desk {
    scratch: KVVec<u8>,
    frame: KVVec<u8>,
    /// A frame that the guest has no descriptor for: its header, and its length.
    waiting: Option<(NetHeader, usize)>,
    /// The guest can write without anybody being told, and could in the last round.
    shown: bool,
}

/// The wire of a function.
#[pin_data]
pub(crate) struct Line {
    /// The guest has the device: rounds may touch memory and network, and raise vectors.
    running: Atomic<bool>,
    /// The guest is new to the network at the far end.
    new: Atomic<bool>,
    /// Held during a round.
    #[pin]
    desk: Mutex<Desk>,
    #[pin]
    far: Mutex<Far>,
    closing: Closing,
}

impl Line {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            running: Atomic::new(false),
            new: Atomic::new(false),
            desk <- new_mutex!(Desk::default(), "igbvf_mdev::desk"),
            far <- new_mutex!(Far::default(), "igbvf_mdev::far"),
            closing: Closing::new()?,
        }? Error)
    }

    /// Takes a TAP device of the current process, or lets go of the one there is.
    ///
    /// # Errors
    ///
    /// - those of [`Tap::from_fd()`]
    pub(crate) fn attach(&self, dev: &vfio::Device<IgbvfMdev>, fd: Option<u32>) -> Result {
        let tap = match fd {
            Some(fd) => Some(Arc::new(Tap::from_fd(fd)?, GFP_KERNEL)?),
            None => None,
        };
        let mut far = self.far.lock();
        let watch = Far::watch(tap.as_ref(), far.waker.as_ref())?;
        let last = (
            core::mem::replace(&mut far.tap, tap),
            core::mem::replace(&mut far.watch, watch),
        );

        // Without the lock: they may be the last users of the file.
        drop(far);
        drop(last);
        self.announce();
        if let Some(waker) = dev.waker() {
            waker.wake();
        }
        Ok(())
    }

    /// Prepares for rounds.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`]
    pub(crate) fn open(&self, dev: &Device) -> Result {
        let mut desk = Desk::default();

        desk.scratch.resize(SCRATCH_LEN, 0, GFP_KERNEL_ACCOUNT)?;
        desk.frame.resize(FRAME_LEN, 0, GFP_KERNEL_ACCOUNT)?;
        *self.desk.lock() = desk;
        let mut far = self.far.lock();
        let waker = dev.waker();
        // There was none.
        far.watch = Far::watch(far.tap.as_ref(), waker.as_ref())?;
        far.waker = waker;
        Ok(())
    }

    /// There are no rounds any more.
    pub(crate) fn close(&self) {
        self.stop();
        let mut far = self.far.lock();
        let last = (far.waker.take(), far.watch.take());

        drop(far);
        drop(last);
        *self.desk.lock() = Desk::default();
    }

    /// Has the next round tell the network where the guest is.
    pub(crate) fn announce(&self) {
        self.new.store(true, Release);
    }

    /// Lets rounds happen. What came while the function was stopped is lost, as on any NIC; what is
    /// more, the guest may have got it elsewhere, if the network did not know where it is.
    pub(crate) fn start(&self, dev: &Device) {
        let mut desk = self.desk.lock();
        let tap = self.far.lock().tap.clone();

        desk.waiting = None;
        if let Some(tap) = tap {
            let network = Network(&tap);

            let _ = (0..BACKLOG).all(|_| network.ask(&mut desk.frame).is_some());
            self.let_go(tap);
        }
        drop(desk);
        self.running.store(true, Release);
        self.kick(dev);
    }

    /// No round touches memory or network from here on.
    pub(crate) fn stop(&self) {
        self.running.store(false, Release);
        self.settle();
    }

    /// There may be something to do.
    pub(crate) fn kick(&self, dev: &Device) {
        if let Some(waker) = dev.waker() {
            waker.wake();
        }
    }

    /// Waits for a round that is under way.
    pub(crate) fn settle(&self) {
        drop(self.desk.lock());
    }

    /// Does one round.
    pub(crate) fn round(&self, dev: &Device) -> Next {
        let mut desk = self.desk.lock();

        if !self.running.load(Acquire) {
            return Next::Woken;
        }
        let this = dev.data().get_ref();
        let function = &this.function;
        let (mut again, mut pace) = (None, Pace::Woken);
        let carry = || this.pages.carry(dev.doorbells(), function);
        let mut raise = |raise: Raise| {
            raise_vectors(dev, raise);
            again = raise.again;
        };

        carry();
        raise(function.expire());
        let tap = self.far.lock().tap.clone();
        if let Some(tap) = tap {
            if self.new.xchg(false, FullOrder) {
                function.announce(|frame| {
                    // One that the network does not want is lost, as any.
                    let _ = Network(&tap).send(&NetHeader::default(), frame);
                });
            }
            if is_bus_master(dev) {
                let (memory, wire) = (&mut Guest(dev), &mut Network(&tap));
                pace = function.transmit(memory, wire, &mut desk.scratch, BUDGET, &mut raise);
            }
            if (0..BUDGET).all(|_| receive(dev, &tap, &mut desk, &mut raise)) {
                pace = Pace::Now;
            }
            self.let_go(tap);
        }
        this.pages.show_heads(dev.doorbells(), function);
        let mut look = None;
        if pace != Pace::Now && dev.doorbells_are_shown() {
            // Who has touched a page that was hidden may not have got as far as to write to it.
            if !core::mem::replace(&mut desk.shown, true) {
                this.pages.note_busy(function.now());
            }
            if this.pages.quiet(function.now()) < REST_TIME {
                look = Some(LOOK_TIME);
            } else {
                dev.hide_doorbells();
                desk.shown = false;
                // Behind that: what comes later wakes the task.
                if carry() {
                    pace = Pace::Now;
                }
            }
        }
        let left = |at: u64| {
            let left = at.saturating_sub(function.now());
            Delta::from_nanos(i64::try_from(left).unwrap_or(i64::MAX))
        };
        // The network says so when it takes frames again, but not in each case.
        let retry = (pace == Pace::Later).then_some(RETRY_TIME);
        let soonest = [again.map(left), retry, look].into_iter().flatten().min();

        match (pace, soonest) {
            (Pace::Now, _) => Next::Now,
            (_, None) => Next::Woken,
            (_, Some(time)) => Next::After(time),
        }
    }

    /// Gives back what a round has worked with.
    ///
    /// It may be the last user of the file, and the task that is here cannot close it.
    fn let_go(&self, tap: Arc<Tap>) {
        let far = self.far.lock();

        if far.tap.as_ref().is_some_and(|now| Arc::ptr_eq(now, &tap)) {
            // Not the last one, as long as the lock is held.
            drop(tap);
            return;
        }
        drop(far);
        self.closing.drop_soon(tap);
    }
}

fn is_bus_master(dev: &Device) -> bool {
    dev.data().config.lock().is_bus_master()
}

/// Gives the guest a frame; returns whether there may be another one for it.
fn receive(dev: &Device, tap: &Tap, desk: &mut Desk, mut raise: impl FnMut(Raise)) -> bool {
    if !is_bus_master(dev) {
        return false;
    }
    let (header, len) = match desk.waiting.take() {
        Some(waiting) => waiting,
        None => match Network(tap).ask(&mut desk.frame) {
            None => return false,
            Some(Arrival::Useless) => return true,
            Some(Arrival::Frame(header, len)) => (header, len),
        },
    };
    let frame = desk.frame.get_mut(..len).unwrap_or_default();
    let function = &dev.data().get_ref().function;
    let mut give = || function.receive(&header, frame, &mut Guest(dev), &mut raise);
    let mut given = give();

    // The frame may be later than what the guest has switched on, or handed over, since the round has
    // begun.
    if given != Given::Taken && carry_over(dev) {
        given = give();
    }
    if given == Given::Waits {
        desk.waiting = Some((header, len));
    }
    given != Given::Waits
}

/// Memory of the guest.
struct Guest<'a>(&'a Device);

impl Memory for Guest<'_> {
    /// What is copied to user space may be seen byte by byte, from the first one, which has the bit that
    /// the guest looks for: it is written last.
    fn publish(&mut self, iova: u64, word: u32) -> core::result::Result<(), Fault> {
        let [first, rest @ ..] = word.to_le_bytes();

        self.write(iova.saturating_add(1), &rest)?;
        self.write(iova, &[first])
    }

    fn read(&mut self, iova: u64, to: &mut [u8]) -> core::result::Result<(), Fault> {
        self.0.dma_read(iova, to).map_err(|_| Fault)
    }

    fn write(&mut self, iova: u64, from: &[u8]) -> core::result::Result<(), Fault> {
        self.0.dma_write(iova, from).map_err(|_| Fault)
    }
}
