// SPDX-License-Identifier: GPL-2.0

//! The engine, with a lock for each of its parts.
//!
//! No two of the engine's locks are held together, see `igbvf_model`, but that of the queues of a direction
//! with `control` or `statistics`, which is taken last and for a moment. The former is
//! held over the copy of frames, and so over faults of guest memory: a guest that touches a register of
//! a queue, other than a tail, or a counter waits for that, and its VMM's calls with it.

use igbvf_model::{
    registers::Register,
    Administrator,
    Cause,
    Conflict,
    Control,
    Effect,
    Interrupts,
    Memory,
    NetHeader,
    Raise,
    Received,
    RxChecksum,
    RxQueue,
    Statistics,
    Stop,
    TxQueue,
    Wire,
    QUEUES, //
};
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Mutex, //
    },
    time::{
        Instant,
        Monotonic, //
    }, //
};
use vmf::{
    profile::{
        igbvf_82576::{
            State,
            FEATURE_UNICAST_FILTERS, //
        },
        stations, //
    },
    Features, //
};

/// RDT, TDT: what of a tail is there.
const TAIL: u32 = 0xffff;

/// A function that is open or not.
#[pin_data]
pub(crate) struct Function {
    /// Held with `control`, that of the two which is taken first.
    #[pin]
    administrator: Mutex<Administrator>,
    #[pin]
    control: Mutex<Control>,
    #[pin]
    interrupts: Mutex<Interrupts>,
    #[pin]
    statistics: Mutex<Statistics>,
    #[pin]
    rx: Mutex<[RxQueue; QUEUES]>,
    #[pin]
    tx: Mutex<[TxQueue; QUEUES]>,
    rx_tails: [Atomic<u32>; QUEUES],
    tx_tails: [Atomic<u32>; QUEUES],
    /// When the engine's clock began.
    since: Instant<Monotonic>,
}

/// What an access, or a run of a queue, leaves to do for who has the device.
#[derive(Clone, Copy, Default)]
#[must_use]
pub(crate) struct Todo {
    /// Vectors to raise, and when to ask again.
    pub(crate) raise: Option<Raise>,
    /// Queues may have become able to run.
    pub(crate) kick: bool,
    /// Queues were switched off.
    pub(crate) reset: bool,
}

/// When queues are to be run again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pace {
    /// When somebody says so.
    Woken,
    /// Soon: the network takes no frame.
    Later,
    /// At once: there may be more.
    Now,
}

/// What has become of a frame for the guest.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// It can be forgotten.
    Taken,
    /// It has to wait for a descriptor.
    Waits,
    /// It can be forgotten, if the queue is off, or the guest has handed over too little for it.
    Lost,
}

impl Function {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            administrator <- new_mutex!(Administrator::default(), "igbvf_mdev::administrator"),
            control <- new_mutex!(Control::new(Administrator::default()), "igbvf_mdev::control"),
            interrupts <- new_mutex!(Interrupts::new(), "igbvf_mdev::interrupts"),
            statistics <- new_mutex!(Statistics::new(), "igbvf_mdev::statistics"),
            rx <- new_mutex!([RxQueue::new(); QUEUES], "igbvf_mdev::rx"),
            tx <- new_mutex!([TxQueue::new(); QUEUES], "igbvf_mdev::tx"),
            rx_tails: [const { Atomic::new(0) }; QUEUES],
            tx_tails: [const { Atomic::new(0) }; QUEUES],
            since: Instant::now(),
        })
    }

    /// In nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_nanos()).unwrap_or(0)
    }

    /// Returns what the administrator of the host has decided.
    pub(crate) fn administrator(&self) -> Administrator {
        *self.administrator.lock()
    }

    /// Lets them decide otherwise, from now on.
    pub(crate) fn administer(&self, change: impl FnOnce(&mut Administrator)) {
        let mut administrator = self.administrator.lock();

        change(&mut administrator);
        // A guest learns of it at its next request, as it would of a PF.
        let _ = self.control.lock().set_administrator(*administrator);
    }

    /// As after power-on: nothing of a former owner is left.
    pub(crate) fn power_on(&self) {
        // What the administrator has decided stays.
        let _ = self.control.lock().power_on();
        *self.interrupts.lock() = Interrupts::new();
        *self.statistics.lock() = Statistics::new();
        *self.rx.lock() = [RxQueue::new(); QUEUES];
        *self.tx.lock() = [TxQueue::new(); QUEUES];
        for tail in [&self.rx_tails, &self.tx_tails].into_iter().flatten() {
            tail.store(0, Release);
        }
    }

    /// Reads the register at `offset` of BAR 0.
    pub(crate) fn read(&self, offset: u32) -> u32 {
        match Register::at(offset) {
            Register::Control(register) => self.control.lock().read(register),
            Register::Interrupt(register) => self.interrupts.lock().read(register),
            Register::Statistic(register) => {
                // What a run that is under way has done may have been seen, and is not counted yet.
                drop(self.rx.lock());
                drop(self.tx.lock());
                self.statistics.lock().read(register)
            }
            Register::Rx(queue, register) => {
                self.rx.lock().get(queue).map_or(0, |rx| rx.read(register))
            }
            Register::Tx(queue, register) => {
                self.tx.lock().get(queue).map_or(0, |tx| tx.read(register))
            }
            Register::RxTail(queue) => tail(&self.rx_tails, queue),
            Register::TxTail(queue) => tail(&self.tx_tails, queue),
            Register::None => 0,
        }
    }

    /// Writes it.
    pub(crate) fn write(&self, offset: u32, value: u32) -> Todo {
        let mut effect = Effect::default();
        let now = self.now();

        match Register::at(offset) {
            Register::Control(register) => {
                effect = self.control.lock().write(register, value, now);
            }
            Register::Interrupt(register) => {
                return Todo {
                    raise: Some(self.interrupts.lock().write(register, value, now)),
                    ..Todo::default()
                };
            }
            Register::Rx(queue, register) => {
                if let Some(rx) = self.rx.lock().get_mut(queue) {
                    effect = rx.write(register, value);
                }
            }
            Register::Tx(queue, register) => {
                if let Some(tx) = self.tx.lock().get_mut(queue) {
                    effect = tx.write(register, value);
                }
            }
            Register::RxTail(queue) => effect.kick = set(&self.rx_tails, queue, value),
            Register::TxTail(queue) => effect.kick = set(&self.tx_tails, queue, value),
            Register::Statistic(_) | Register::None => (),
        }
        self.carry_out(effect)
    }

    fn carry_out(&self, effect: Effect) -> Todo {
        if effect.reset {
            self.rx.lock().iter_mut().for_each(RxQueue::reset);
            self.tx.lock().iter_mut().for_each(TxQueue::reset);
        }
        Todo {
            raise: effect
                .mailbox
                .then(|| self.interrupts.lock().cause(Cause::Mailbox, self.now())),
            kick: effect.kick || effect.filters,
            reset: effect.reset,
        }
    }

    /// Sends what there is to send, of up to `budget` descriptors of each queue.
    pub(crate) fn transmit(
        &self,
        memory: &mut impl Memory,
        wire: &mut impl Wire,
        scratch: &mut [u8],
        budget: u32,
        mut raise: impl FnMut(Raise),
    ) -> Pace {
        let mut pace = Pace::Woken;

        for (queue, tail) in self.tx_tails.iter().enumerate() {
            let mut tx = self.tx.lock();
            let work = match tx.get_mut(queue) {
                Some(tx) => {
                    let tail = tail.load(Acquire);
                    // After the tail: what the guest was promised before it rang holds for its frames.
                    let filters = *self.control.lock().filters();

                    tx.run(tail, &filters, memory, wire, scratch, budget)
                }
                None => continue,
            };
            // With the lock: who has seen a frame finds it counted.
            self.statistics.lock().add(&work.counts);
            drop(tx);
            if work.interrupt {
                raise(self.interrupts.lock().cause(Cause::Tx(queue), self.now()));
            }
            pace = pace.max(match work.stop {
                Stop::Budget => Pace::Now,
                Stop::WireFull => Pace::Later,
                Stop::Idle | Stop::Off | Stop::Fault => Pace::Woken,
            });
        }
        pace
    }

    /// Gives the guest a frame.
    pub(crate) fn receive(
        &self,
        header: &NetHeader,
        frame: &mut [u8],
        memory: &mut impl Memory,
        mut raise: impl FnMut(Raise),
    ) -> Given {
        let Ok(accepted) = self.control.lock().filters().receives(frame) else {
            return Given::Taken;
        };
        let known = RxChecksum::of(header);
        let mut rx = self.rx.lock();
        let received = match rx.first_mut() {
            Some(rx) => {
                // With the lock: the tail of a ring that was there before is not that of this one.
                let tail = tail(&self.rx_tails, 0);

                rx.receive(tail, accepted, known, false, frame, memory)
            }
            None => return Given::Taken,
        };
        if let Received::Done(counts) = &received {
            self.statistics.lock().add(counts);
        }
        drop(rx);
        let interrupt = match received {
            Received::Done(_) => true,
            Received::Dropped { interrupt } => interrupt,
            Received::Off | Received::NoDescriptor { drop: true } => return Given::Lost,
            Received::NoDescriptor { drop: false } => return Given::Waits,
        };

        if interrupt {
            raise(self.interrupts.lock().cause(Cause::Rx(0), self.now()));
        }
        Given::Taken
    }

    /// Returns the features of the profile that the guest uses.
    pub(crate) fn features(&self) -> Features {
        let mut used = Features::default();

        used.set(
            FEATURE_UNICAST_FILTERS,
            self.control.lock().filters().has_unicast(),
        );
        used
    }

    /// Makes the frames by which the network learns where the guest is; none for one without an address.
    pub(crate) fn announce(&self, mut send: impl FnMut(&[u8])) {
        let mut state = State::default();

        self.control.lock().save(&mut state);
        for station in stations(&state.filters, &state.unicast) {
            send(&station.frame());
        }
    }

    /// Gives the state; nothing runs.
    pub(crate) fn save(&self, state: &mut State) {
        self.control.lock().save(state);
        self.interrupts.lock().save(state);
        self.statistics.lock().save(state);
        for (queue, to) in state.rx_queue.iter_mut().enumerate() {
            if let Some(rx) = self.rx.lock().get(queue) {
                *to = rx.save(tail(&self.rx_tails, queue));
            }
        }
        for (queue, to) in state.tx_queue.iter_mut().enumerate() {
            if let Some(tx) = self.tx.lock().get(queue) {
                *to = tx.save(tail(&self.tx_tails, queue));
            }
        }
    }

    /// Takes a state over; nothing runs.
    ///
    /// # Errors
    ///
    /// The administrator does not let the guest have it; nothing has changed.
    pub(crate) fn load(&self, state: &State) -> core::result::Result<(), Conflict> {
        self.control.lock().load(state)?;
        self.interrupts.lock().load(state);
        self.statistics.lock().load(state);
        for (queue, from) in state.rx_queue.iter().enumerate() {
            if let Some(rx) = self.rx.lock().get_mut(queue) {
                set(&self.rx_tails, queue, rx.load(from));
            }
        }
        for (queue, from) in state.tx_queue.iter().enumerate() {
            if let Some(tx) = self.tx.lock().get_mut(queue) {
                set(&self.tx_tails, queue, tx.load(from));
            }
        }
        Ok(())
    }

    /// Starts what was loaded.
    pub(crate) fn start(&self) -> Todo {
        // Every vector is raised: that of the mailbox, too.
        let _ = self.control.lock().start();
        Todo {
            raise: Some(self.interrupts.lock().start(self.now())),
            kick: true,
            reset: false,
        }
    }

    /// The time that [`Raise::again`] asked for has come.
    pub(crate) fn expire(&self) -> Raise {
        self.interrupts.lock().expire(self.now())
    }
}

fn tail(tails: &[Atomic<u32>; QUEUES], queue: usize) -> u32 {
    tails.get(queue).map_or(0, |tail| tail.load(Acquire))
}

/// Moves a tail, of which the register has as many bits as of a head; returns whether there is
/// such a queue.
fn set(tails: &[Atomic<u32>; QUEUES], queue: usize, value: u32) -> bool {
    tails
        .get(queue)
        .map(|tail| tail.store(value & TAIL, Release))
        .is_some()
}
