// SPDX-License-Identifier: GPL-2.0

//! The registers of the queues, which are in pages that the guest writes to without being trapped.
//!
//! What it has written is found by comparing, and told to the engine in an order in which a driver would
//! have written it: each register is a level, and what counts is the last. The guest sees what the engine
//! has made of it.

use super::{
    function::{
        Function,
        Todo, //
    },
    BAR_LEN, //
};
use core::mem::size_of;
use igbvf_model::QUEUES;
use kernel::{
    io::Io,
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex, //
    }, //
};
use vfio::{
    bar_memory::{
        replace,
        Memory, //
    },
    region::Area, //
};

/// Pages 2 and 3 of the BAR: the receive queues and the transmit queues.
pub(crate) const PAGES: Area = Area {
    offset: 0x2000,
    size: 0x2000,
};

/// The first register of each queue; they are laid out alike.
const BASES: [usize; 2 * QUEUES] = [0x2800, 0x2900, 0x3800, 0x3900];
/// Registers that say where and what a ring is: base, length, SRRCTL; RXCTL or TXCTL; head write-back.
const SETUP: [usize; 7] = [0x00, 0x04, 0x08, 0x0c, 0x14, 0x38, 0x3c];
/// How many of them say where it is.
const PLACE: usize = 3;
const HEAD: usize = 0x10;
const TAIL: usize = 0x18;
/// RXDCTL or TXDCTL, and the bit that enables the queue.
const CONTROL: usize = 0x28;
const ENABLE: u32 = 1 << 25;

/// Looks at what a guest is writing; one that does not come to an end with it is looked at again.
const LOOKS: usize = 8;

/// What the guest sees.
pub(crate) type Copy<'a> = Memory<'a, BAR_LEN>;

/// The registers of a queue as the guest has left them, or the engine.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Queue {
    setup: [u32; SETUP.len()],
    head: u32,
    tail: u32,
    control: u32,
}

impl Queue {
    /// Reads them by `read`, the last first that a driver writes.
    fn read(base: usize, mut read: impl FnMut(usize) -> u32) -> Self {
        let (tail, control, head) = (read(base + TAIL), read(base + CONTROL), read(base + HEAD));

        Self {
            setup: SETUP.map(|register| read(base + register)),
            head,
            tail,
            control,
        }
    }

    fn seen(base: usize, memory: Copy<'_>) -> Self {
        Self::read(base, |register| memory.try_read32(register).unwrap_or(0))
    }

    fn of_engine(base: usize, function: &Function) -> Self {
        Self::read(base, |register| function.read(register as u32))
    }

    /// Each register, with its value.
    fn registers(&self, base: usize) -> impl Iterator<Item = (usize, u32)> {
        let others = [
            (HEAD, self.head),
            (TAIL, self.tail),
            (CONTROL, self.control),
        ];

        // `chain()` is one of `PinInit`, too.
        Iterator::chain(SETUP.into_iter().zip(self.setup), others)
            .map(move |(register, value)| (base + register, value))
    }
}

/// What the engine was told last.
#[pin_data]
pub(crate) struct Pages {
    #[pin]
    told: Mutex<[Queue; BASES.len()]>,
    /// When the guest was found to have written something, by the engine's clock.
    busy_at: Atomic<u64>,
}

impl Pages {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            told <- new_mutex!([Queue::default(); BASES.len()], "igbvf_mdev::pages"),
            busy_at: Atomic::new(0),
        })
    }

    /// The guest is at it.
    pub(crate) fn note_busy(&self, now: u64) {
        self.busy_at.store(now, Relaxed);
    }

    /// Returns for how long the guest has not been found to write anything, in nanoseconds.
    pub(crate) fn quiet(&self, now: u64) -> u64 {
        now.saturating_sub(self.busy_at.load(Relaxed))
    }

    /// Shows the guest a function that has become another one, by a reset or a load: of what was there
    /// before nothing is left.
    pub(crate) fn fill(&self, memory: Copy<'_>, function: &Function) {
        let mut told = self.told.lock();

        for offset in PAGES.range().step_by(size_of::<u32>()) {
            let _ = memory.try_write32(0, offset);
        }
        for (told, base) in told.iter_mut().zip(BASES) {
            *told = Queue::of_engine(base, function);
            for (register, value) in told.registers(base) {
                let _ = memory.try_write32(value, register);
            }
        }
    }

    /// Shows the guest what has become of an access that was not through a mapping. What it has written
    /// meanwhile is for the next look.
    pub(crate) fn update(&self, memory: Copy<'_>, function: &Function) {
        for (told, base) in self.told.lock().iter_mut().zip(BASES) {
            let now = Queue::of_engine(base, function);

            show(memory, base, told, &now);
            *told = now;
        }
    }

    /// Tells the engine what the guest has written, and returns whether there was anything.
    pub(crate) fn carry(&self, memory: Copy<'_>, function: &Function) -> bool {
        let mut found = false;

        for (told, base) in self.told.lock().iter_mut().zip(BASES) {
            found |= carry_queue(told, base, memory, function);
        }
        if found {
            self.note_busy(function.now());
        }
        found
    }

    /// Shows the guest where the engine is; it may take a while to.
    pub(crate) fn show_heads(&self, memory: Copy<'_>, function: &Function) {
        for (told, base) in self.told.lock().iter_mut().zip(BASES) {
            if told.control & ENABLE == 0 {
                continue;
            }
            let head = function.read((base + HEAD) as u32);
            // One that the guest has written meanwhile is for the next look.
            if head != told.head && replace(memory, base + HEAD, told.head, head) {
                told.head = head;
            }
        }
    }
}

fn carry_queue(told: &mut Queue, base: usize, memory: Copy<'_>, function: &Function) -> bool {
    let mut now = Queue::seen(base, memory);

    if now == *told {
        return false;
    }
    let tail_only = Queue {
        tail: now.tail,
        ..*told
    };
    if now == tail_only {
        let _: Todo = function.write((base + TAIL) as u32, now.tail);
        // It has fewer bits than the guest can write.
        told.tail = function.read((base + TAIL) as u32);
        if told.tail != now.tail {
            replace(memory, base + TAIL, now.tail, told.tail);
        }
        return true;
    }
    // Of a guest that is at it, some registers may be of before and some of after.
    for _ in 0..LOOKS {
        let before = core::mem::replace(&mut now, Queue::seen(base, memory));
        if now == before {
            break;
        }
    }
    let write = |register: usize, value: u32| {
        let _: Todo = function.write(register as u32, value);
    };
    // The ring is another one: it is off while it is set up, whatever the guest has done, and on when it
    // has its tail. All else can be written to a queue that is on.
    let moved = now.setup[..PLACE] != told.setup[..PLACE] || now.head != told.head;
    let off = told.control & !ENABLE;
    if moved && told.control != off {
        write(base + CONTROL, off);
    }
    for (at, register) in SETUP.into_iter().enumerate() {
        if now.setup[at] != told.setup[at] {
            write(base + register, now.setup[at]);
        }
    }
    if now.head != told.head {
        write(base + HEAD, now.head);
    }
    write(base + TAIL, now.tail);
    if moved || now.control != told.control {
        write(base + CONTROL, now.control);
    }

    // What it keeps of it the guest sees, unless it has gone on writing: that is for the next look.
    let kept = Queue::of_engine(base, function);
    show(memory, base, &now, &kept);
    *told = kept;
    true
}

/// Puts what there is now in the place of what the guest has seen.
fn show(memory: Copy<'_>, base: usize, seen: &Queue, now: &Queue) {
    for ((register, seen), (_, now)) in seen.registers(base).zip(now.registers(base)) {
        if seen != now {
            replace(memory, register, seen, now);
        }
    }
}
