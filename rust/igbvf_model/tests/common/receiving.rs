// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the tests of receive queues have in common.

use super::*;
use igbvf_model::{Counts, Outcome, Received, RxFaults};

pub const DD: u32 = 1;
pub const EOP_DONE: u32 = 3;
pub const VP: u32 = 8;
pub const UDPCS: u32 = 0x10;
pub const TCPCS: u32 = 0x20;
pub const IPCS: u32 = 0x40;
pub const LB: u32 = 1 << 18;
pub const IPE: u32 = 1 << 30;
pub const RXE: u32 = 1 << 31;

pub fn done(outcome: Outcome) -> Counts {
    match outcome {
        Outcome::Queue(Received::Done(counts)) => counts,
        other => panic!("{other:?}"),
    }
}

pub fn faults(machine: &Machine) -> RxFaults {
    *machine.device.rx[0].faults()
}

pub fn jumbo(srrctl: u32) -> Machine {
    let mut machine = Machine::new();
    machine.probe();
    machine.open(srrctl);
    machine.agreed(&[5, 0x2600]);
    machine.raised();
    machine
}
