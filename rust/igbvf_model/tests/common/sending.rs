// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the tests of transmit queues have in common.

use super::*;
use igbvf_model::registers::EIMS;
use igbvf_model::{NetHeader, TxFaults};

pub fn frame(len: usize) -> Vec<u8> {
    let mut frame = plain(PEER, len);
    frame[6..12].copy_from_slice(&OWN);
    frame
}

pub fn plain_of(frame: &[u8]) -> Vec<(NetHeader, Vec<u8>)> {
    vec![(NetHeader::default(), frame.to_vec())]
}

pub fn faults(machine: &Machine) -> TxFaults {
    *machine.device.tx[0].faults()
}

/// Saves, and loads into another machine with the same memory.
pub fn migrated(machine: &Machine) -> Machine {
    let state = machine.device.save();
    state.validate().unwrap();
    let mut other = Machine::new();
    other.ram = machine.ram.clone();
    other.next = machine.next;
    other.device.load(&state).unwrap();
    other.device.start(other.now);
    // As the handlers of the driver do.
    other.w(EIMS, state.interrupts.eims);
    assert_eq!(other.device.save(), {
        let mut state = state;
        state.mailbox = other.device.save().mailbox;
        state
    });
    other
}

pub fn vlan_machine() -> (Machine, Vec<u8>) {
    let mut machine = Machine::up();
    for vlan in 1..9 {
        machine.set_vlan(vlan, true);
    }
    (machine, frame(60))
}

pub fn vlan_ctx(vlan: u32, index: u32) -> Ctx {
    Ctx {
        vlan,
        index,
        ..Ctx::default()
    }
}
