// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The parts behind locks of their own: the guest's accesses do not wait for a frame on its way.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::*;
use igbvf_model::registers::*;
use igbvf_model::{
    Cause, Control, Effect, Filters, Full, Interrupts, NetHeader, Raise, Register, Statistics,
    Stop, TxQueue, Wire, SCRATCH_LEN,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Mutex;
use std::thread;

/// A function as a caller with several threads has it.
struct Shared {
    control: Mutex<Control>,
    interrupts: Mutex<Interrupts>,
    statistics: Mutex<Statistics>,
    tx: Mutex<TxQueue>,
    tail: AtomicU32,
    filters: Mutex<Filters>,
}

impl Shared {
    fn write(&self, offset: u32, value: u32) -> (Effect, Raise) {
        let mut raise = Raise::default();
        let mut effect = Effect::default();
        match Register::at(offset) {
            Register::TxTail(0) => self.tail.store(value, Ordering::Release),
            Register::Tx(0, register) => effect = self.tx.lock().unwrap().write(register, value),
            Register::Interrupt(register) => {
                raise = self.interrupts.lock().unwrap().write(register, value, 0)
            }
            Register::Control(register) => {
                effect = self.control.lock().unwrap().write(register, value, 0)
            }
            _ => {}
        }
        if effect.reset {
            self.tx.lock().unwrap().reset();
        }
        if effect.filters {
            let filters = *self.control.lock().unwrap().filters();
            *self.filters.lock().unwrap() = filters;
        }
        if effect.mailbox {
            raise = self.interrupts.lock().unwrap().cause(Cause::Mailbox, 0);
        }
        (effect, raise)
    }
}

/// A network that says that it has got a frame, and waits until it may go on.
struct Slow {
    got: Sender<Vec<u8>>,
    go_on: Receiver<()>,
}

impl Wire for Slow {
    fn send(&mut self, _header: &NetHeader, frame: &[u8]) -> Result<(), Full> {
        self.got.send(frame.to_vec()).unwrap();
        self.go_on.recv().unwrap();
        Ok(())
    }
}

#[test]
fn a_doorbell_does_not_wait() {
    let mut machine = Machine::up();
    let frames: Vec<_> = (0..3)
        .map(|n| ethernet(PEER, OWN, 0x88b5, &payload(50 + n)))
        .collect();
    for frame in &frames {
        machine.queue(frame, &[20], None, 0, 0);
    }
    let shared = Shared {
        control: Mutex::new(machine.device.control),
        interrupts: Mutex::new(machine.device.interrupts),
        statistics: Mutex::new(Statistics::new()),
        tx: Mutex::new(machine.device.tx[0]),
        tail: AtomicU32::new(2),
        filters: Mutex::new(*machine.device.control.filters()),
    };
    let (got, frames_got) = channel();
    let (go, go_on) = channel();
    let mut wire = Slow { got, go_on };
    let ram = &mut machine.ram;
    thread::scope(|scope| {
        let shared = &shared;
        scope.spawn(move || {
            let mut scratch = vec![0; SCRATCH_LEN];
            loop {
                let tail = shared.tail.load(Ordering::Acquire);
                let filters = *shared.filters.lock().unwrap();
                let mut tx = shared.tx.lock().unwrap();
                let work = tx.run(tail, &filters, ram, &mut wire, &mut scratch, 64);
                drop(tx);
                shared.statistics.lock().unwrap().add(&work.counts);
                if work.interrupt {
                    shared.interrupts.lock().unwrap().cause(Cause::Tx(0), 0);
                }
                if work.stop == Stop::Off {
                    return;
                }
                thread::yield_now();
            }
        });
        // The worker is within the first frame, and holds the lock of its queue.
        assert_eq!(frames_got.recv().unwrap(), frames[0]);
        assert!(shared.tx.try_lock().is_err());
        shared.write(TX + TAIL, 6);
        assert_eq!(shared.write(EICS, 4).1.vectors, 4);
        shared.write(VMBMEM, 5);
        shared.write(VMBMEM + 4, 9000);
        assert!(shared.write(V2PMAILBOX, V2P_REQ).0.filters);
        assert_eq!(shared.filters.lock().unwrap().max_frame(), 9000);
        assert_eq!(shared.statistics.lock().unwrap().read(Counter::Gptc), 0);
        for frame in &frames[1..] {
            go.send(()).unwrap();
            assert_eq!(&frames_got.recv().unwrap(), frame);
        }
        go.send(()).unwrap();
        // Switching the queue off waits for it.
        shared.write(TX + DCTL, 0);
    });
    let statistics = shared.statistics.lock().unwrap();
    assert_eq!(statistics.read(Counter::Gptc), 3);
    assert_eq!(shared.tx.lock().unwrap().save(6).tdh, 6);
}
