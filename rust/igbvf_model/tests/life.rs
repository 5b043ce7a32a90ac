// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! State in and out at every point of a driver's life.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::*;
use igbvf_model::registers::*;
use igbvf_model::Register;
use vmf::profile::igbvf_82576::{Filters, Mailbox};

#[test]
fn a_driver_that_is_up_is_saved_with_what_it_has_asked_for() {
    let mut machine = Machine::up();
    machine.set_vlan(100, true);
    machine.set_multicast(2, &[5, 6]);
    machine.set_mac(2, PEER);
    machine.w(EITR + 4, 488);
    let state = machine.device.save();
    state.validate().unwrap();
    assert_eq!(
        state.filters.flags,
        Filters::FLAGS_MAC_VALID | Filters::FLAGS_VLAN_STRIP | Filters::FLAGS_MAX_FRAME_VALID
    );
    assert_eq!((state.filters.mac, state.filters.max_frame), (OWN, 1522));
    assert_eq!(state.filters.vlans[12], 1 << 4);
    assert_eq!(
        (state.filters.multicast_count, state.filters.multicast[1]),
        (2, 6)
    );
    assert_eq!(
        (state.unicast.count, &state.unicast.addresses[..6]),
        (1, &PEER[..])
    );
    assert_eq!(state.mailbox.flags, Mailbox::FLAGS_VF_RESET_DONE);
    assert_eq!(state.interrupts.eitr, [0, 488, 0]);
    assert_eq!(
        (state.rx_queue[0].rdlen, state.rx_queue[0].rdt),
        (COUNT * 16, COUNT - 1)
    );
    // Saving has no effect, and is the same again.
    let before = machine.device;
    assert_eq!(machine.device.save(), state);
    assert_eq!(machine.device, before);
    // The destination does what the source did.
    let mut other = Machine::loaded(&state);
    other.ram = machine.ram.clone();
    let raise = other.device.start(other.now);
    assert_eq!(raise.vectors, 7);
    // The handlers have run, and the throttle is over.
    other.w(EIMS, state.interrupts.eims);
    other.now += 1_000_000;
    assert_eq!(other.device.save(), state);
    for machine in [&mut machine, &mut other] {
        machine.receive(&tagged(&plain(PEER, 60), 100));
        assert_eq!(machine.rx_done(0).2, 0xb);
        let frame = ethernet(PEER, OWN, 0x88b5, &payload(50));
        assert_eq!(machine.send(&frame, &[], None, 0, 0)[0].1, frame);
    }
    assert_eq!(machine.device.save(), other.device.save());
}

#[test]
fn every_point_of_a_drivers_life_is_a_state() {
    let mut machine = Machine::new();
    let check = |machine: &Machine| {
        let state = machine.device.save();
        state.validate().unwrap();
        assert_eq!(Machine::loaded(&state).device.save(), state);
    };
    check(&machine);
    machine.w(V2PMAILBOX, V2P_VFU);
    check(&machine);
    machine.w(VMBMEM, 1);
    check(&machine);
    machine.w(V2PMAILBOX, V2P_REQ | V2P_VFU);
    let flags = machine.device.save().mailbox.flags;
    assert_eq!(flags, Mailbox::FLAGS_VFU | Mailbox::FLAGS_REQUEST_PENDING);
    check(&machine);
    machine.w(V2PMAILBOX, 0);
    check(&machine);
    machine.r(V2PMAILBOX);
    check(&machine);
    machine.set_mac(0, OWN);
    machine.open(SRRCTL_ONE);
    check(&machine);
    let there = |&at: &u32| Register::at(at) != Register::None;
    for offset in (0..BAR_LEN).filter(there) {
        machine.w(offset, 0xffff_ffff);
        check(&machine);
        machine.w(offset, 0x0200_0000);
        check(&machine);
        machine.w(offset, 0x10);
        check(&machine);
    }
}

/// `e1000_check_for_link_vf`: whether the driver finds that the link is up.
fn finds_link(machine: &mut Machine) -> bool {
    machine.r(V2PMAILBOX) & V2P_RSTD == 0
        && machine.r(STATUS) & STATUS_LU != 0
        && machine.fetch(1)[0] & CTS != 0
}

#[test]
fn a_driver_finds_its_link_before_and_after() {
    let mut machine = Machine::up();
    assert!(finds_link(&mut machine));
    let mut other = Machine::loaded(&machine.device.save());
    other.device.start(other.now);
    assert!(finds_link(&mut other));
    // The link is the host's.
    other.device.control.set_link(false);
    assert!(!finds_link(&mut other));
    other.device.control.set_link(true);
    assert!(finds_link(&mut other));
    // After a reset the driver waits for its own messages.
    machine.reset_hw();
    assert!(!finds_link(&mut machine));
    machine.set_mac(0, OWN);
    assert!(finds_link(&mut machine));
}

#[test]
fn a_driver_that_goes_down_and_up_again() {
    let mut machine = Machine::up();
    machine.set_vlan(100, true);
    for (mtu, srrctl) in [(1500, SRRCTL_ONE), (9000, SRRCTL_SPLIT), (800, 0x8200_0001)] {
        // igbvf_down
        for queue in [RX, TX] {
            let control = machine.r(queue + DCTL);
            machine.w(queue + DCTL, control & !ENABLE);
        }
        machine.w(EIMC, !0);
        machine.w(EIAC, 0);
        machine.probe();
        for queue in [RX, TX] {
            machine.w(queue + HEAD, 0);
            machine.w(queue + TAIL, 0);
        }
        // igbvf_up
        machine.open(srrctl);
        machine.agreed(&[5, mtu + 22]);
        machine.set_vlan(100, true);
        let mut other = Machine::loaded(&machine.device.save());
        other.ram = machine.ram.clone();
        other.device.start(other.now);
        other.w(EIMS, 7);
        let _ = (machine.raised(), other.raised());
        for machine in [&mut machine, &mut other] {
            let len = mtu as usize + 14;
            machine.receive(&tagged(&plain(OWN, len), 100));
            let last = machine.r(RX + HEAD) - 1;
            assert_eq!(machine.rx_done(last).2, 0xb);
            assert_eq!(machine.raised(), 2);
            let frame = ethernet(PEER, OWN, 0x88b5, &payload(mtu as usize));
            assert_eq!(machine.send(&frame, &[60], None, 0, 0)[0].1, frame);
            assert_eq!(machine.raised(), 1);
        }
        assert_eq!(machine.device.save(), other.device.save());
    }
}
