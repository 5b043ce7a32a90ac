// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The mailbox, every message, and what the administrator of the host decides.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::*;
use igbvf_model::registers::*;
use igbvf_model::{Administrator, Rejected};

const ADMIN: [u8; 6] = [0x02, 0, 0, 0, 0, 9];

fn fixed(trusted: bool) -> Administrator {
    Administrator {
        mac: Some(ADMIN),
        trusted,
        ..Administrator::default()
    }
}

#[test]
fn the_bits_of_an_exchange() {
    let mut machine = Machine::new();
    assert_eq!(machine.r(V2PMAILBOX), 0);
    machine.w(V2PMAILBOX, V2P_VFU);
    assert_eq!(machine.r(V2PMAILBOX), V2P_VFU);
    assert_eq!(machine.r(V2PMAILBOX), V2P_VFU);
    machine.w(VMBMEM, 1);
    let effect = machine.w(V2PMAILBOX, V2P_REQ);
    assert!(effect.mailbox && effect.filters && !effect.reset);
    assert_eq!(machine.r(V2PMAILBOX), V2P_PFACK | V2P_PFSTS);
    assert_eq!(machine.r(V2PMAILBOX), 0);
    // Bits of the PF are not the guest's to write.
    machine.w(V2PMAILBOX, 0xffff_fff8);
    assert_eq!(machine.r(V2PMAILBOX), 0);
}

#[test]
fn reset_without_an_address() {
    let mut machine = Machine::new();
    let answer = machine.reset_hw();
    assert_eq!(answer[..3], [1 | NACK, 0, 0]);
    assert!(machine.device.control.filters().enabled());
    assert_eq!(machine.device.control.filters().mac(), None);
}

#[test]
fn reset_with_the_address_of_the_host() {
    let mut machine = Machine::with(fixed(false));
    let answer = machine.reset_hw();
    assert_eq!(answer[..3], [1 | ACK, 0x0000_0002, 0x0900]);
    assert_eq!(machine.device.control.filters().mac(), Some(ADMIN));
}

#[test]
fn reset_keeps_the_guests_address_only_if_it_is_served() {
    let mut machine = Machine::new();
    machine.reset_hw();
    assert!(machine.set_mac(0, OWN));
    // A second VF_RESET without a reset of the function: the PF knows the address.
    let answer = machine.ask(&[1]);
    assert_eq!(answer[..3], [1 | ACK, 0x3322_1102, 0x5544]);
    let answer = machine.reset_hw();
    assert_eq!(answer[..3], [1 | NACK, 0, 0]);
}

#[test]
fn an_answer_overwrites_only_its_words() {
    let mut machine = Machine::new();
    machine.reset_hw();
    let message: Vec<u32> = (0..16).map(|at| 0x0100_0100 + at).collect();
    let mut message = message;
    message[0] = 5;
    message[1] = 1522;
    let answer = machine.ask(&message);
    assert_eq!(answer[0], 5 | ACK | CTS);
    assert_eq!(answer[1..], message[1..]);
}

#[test]
fn nothing_is_agreed_before_a_reset() {
    let mut machine = Machine::new();
    for message in [2u32, 3, 4, 5, 6, 7] {
        assert_eq!(machine.ask(&[message, 0x100])[0], message | NACK);
        // Nor is a guest told that it is served because it says so.
        assert_eq!(machine.ask(&[message | CTS, 0x100])[0], message | NACK);
    }
    let filters = machine.device.control.save_state().filters;
    assert_eq!(filters, Default::default());
}

#[test]
fn unknown_messages_are_refused() {
    let mut machine = Machine::new();
    machine.reset_hw();
    for message in [0, 7, 0x100, 0xffff, 0x0001_0001] {
        assert_eq!(machine.ask(&[message])[0], message | NACK | CTS);
    }
}

#[test]
fn an_answer_that_comes_back_is_not_a_request() {
    let mut machine = Machine::new();
    machine.reset_hw();
    for message in [5 | ACK, 5 | NACK] {
        machine.post(&[message, 100]);
        assert_eq!(machine.r(V2PMAILBOX), V2P_PFACK);
        assert_eq!(machine.r(VMBMEM), message);
    }
    assert_eq!(machine.device.control.filters().max_frame(), 1522);
}

#[test]
fn a_request_waits_while_the_guest_holds_the_buffer() {
    let mut machine = Machine::new();
    machine.w(VMBMEM, 1);
    machine.w(V2PMAILBOX, V2P_REQ | V2P_VFU);
    assert_eq!(machine.r(V2PMAILBOX), V2P_VFU);
    machine.w(V2PMAILBOX, 0);
    assert_eq!(machine.r(V2PMAILBOX), V2P_PFACK | V2P_PFSTS);
}

#[test]
fn a_request_is_read_when_the_guest_lets_go() {
    let mut machine = Machine::up();
    machine.w(VMBMEM, 5);
    machine.w(VMBMEM + 4, 2000);
    machine.w(V2PMAILBOX, V2P_REQ | V2P_VFU);
    machine.w(VMBMEM + 4, 3000);
    let mailbox = machine.device.save().mailbox;
    assert_eq!(mailbox.request, mailbox.vmbmem);
    machine.w(V2PMAILBOX, V2P_VFU);
    assert_eq!(machine.device.control.filters().max_frame(), 1522);
    machine.w(V2PMAILBOX, 0);
    assert_eq!(machine.device.control.filters().max_frame(), 3000);
}

#[test]
fn a_reset_drops_a_request_and_keeps_the_rest() {
    let mut machine = Machine::new();
    machine.post(&[1]);
    machine.w(VMBMEM, 5);
    machine.w(V2PMAILBOX, V2P_REQ | V2P_VFU);
    machine.w(CTRL, CTRL_RST);
    let mailbox = machine.device.save().mailbox;
    assert_eq!(mailbox.request, [0; 16]);
    assert_eq!(mailbox.vmbmem[0], 5);
    assert_eq!(machine.r(V2PMAILBOX), V2P_VFU | V2P_PFACK | V2P_PFSTS);
    machine.w(V2PMAILBOX, 0);
    assert_eq!(machine.r(V2PMAILBOX), 0);
    assert_eq!(machine.r(VMBMEM), 5);
}

#[test]
fn addresses_are_those_of_stations() {
    let mut machine = Machine::new();
    machine.reset_hw();
    assert!(!machine.set_mac(0, [0; 6]));
    assert!(!machine.set_mac(0, [1, 0, 0, 0, 0, 1]));
    assert!(machine.set_mac(0, OWN));
    assert_eq!(machine.device.control.filters().mac(), Some(OWN));
    assert!(!machine.set_mac(2, [0; 6]));
    assert!(!machine.set_mac(2, BROADCAST));
    assert!(!machine.set_mac(3, OWN));
    assert!(!machine.set_mac(0x80, OWN));
    assert_eq!(machine.device.save().unicast.count, 0);
}

#[test]
fn the_host_decides_about_addresses() {
    for trusted in [false, true] {
        let mut machine = Machine::with(fixed(trusted));
        machine.reset_hw();
        assert_eq!(machine.set_mac(0, OWN), trusted);
        assert_eq!(machine.set_mac(2, PEER), trusted);
        assert_eq!(machine.set_mac(1, [0; 6]), trusted);
        let mac = if trusted { OWN } else { ADMIN };
        assert_eq!(machine.device.control.filters().mac(), Some(mac));
    }
    // A change counts at once, and taking it away leaves it.
    let mut machine = Machine::up();
    assert!(
        machine
            .device
            .control
            .set_administrator(fixed(false))
            .filters
    );
    assert_eq!(machine.device.control.filters().mac(), Some(ADMIN));
    let _ = machine
        .device
        .control
        .set_administrator(Administrator::default());
    assert_eq!(machine.device.control.filters().mac(), Some(ADMIN));
    assert!(machine.set_mac(0, OWN));
    // No address of a station is none.
    let group = Administrator {
        mac: Some(BROADCAST),
        ..Administrator::default()
    };
    let _ = machine.device.control.set_administrator(group);
    assert_eq!(machine.device.control.filters().mac(), Some(OWN));
}

#[test]
fn further_addresses_are_a_set_of_24() {
    let mut machine = Machine::up();
    let mac = |n: u8| [2, 0, 0, 0, 1, n];
    for n in 0..24 {
        assert!(machine.set_mac(2, mac(n)));
        assert!(machine.set_mac(2, mac(n)));
        assert_eq!(machine.device.save().unicast.count, u32::from(n) + 1);
    }
    assert!(!machine.set_mac(2, mac(24)));
    assert!(machine.set_mac(2, mac(7)));
    let filters = *machine.device.control.filters();
    for n in 0..24 {
        assert!(filters.receives(&plain(mac(n), 60)).is_ok());
    }
    assert_eq!(
        filters.receives(&plain(mac(24), 60)),
        Err(Rejected::Address)
    );
    // They outlive a reset, and go when the guest says so, who sends no address with it.
    machine.reset_hw();
    assert_eq!(machine.device.save().unicast.count, 24);
    assert!(machine.set_mac(1, [0; 6]));
    assert_eq!(machine.device.save().unicast, Default::default());
}

#[test]
fn frame_sizes_are_clamped_and_outlive_a_reset() {
    let mut machine = Machine::new();
    machine.reset_hw();
    for (asked, got) in [
        (1522, 1522),
        (0x2600, 0x2600),
        (0x2601, 0x2600),
        (!0, 0x2600),
        (0, 0),
    ] {
        assert!(machine.agreed(&[5, asked]));
        assert_eq!(machine.device.control.filters().max_frame(), got);
    }
    machine.agreed(&[5, 9000]);
    machine.reset_hw();
    assert_eq!(machine.device.control.filters().max_frame(), 9000);
}

#[test]
fn vlans_are_a_set_of_31() {
    let mut machine = Machine::up();
    // Removing what is not there is no error, and VLAN 0 is always there.
    assert!(machine.set_vlan(5, false));
    assert!(machine.set_vlan(0, false));
    assert!(machine.set_vlan(0, true));
    for vlan in 1..=31 {
        assert!(machine.set_vlan(vlan * 100, true));
    }
    assert!(!machine.set_vlan(4000, true));
    assert!(machine.set_vlan(100, true));
    assert!(machine.set_vlan(100, false));
    assert!(machine.set_vlan(4000, true));
    // Only 12 bits are a VLAN.
    assert!(machine.set_vlan(0xf000 | 4000, false));
    assert!(machine.set_vlan(4095, true));
    let vlans = machine.device.save().filters.vlans;
    assert_eq!(vlans[4095 / 8], 1 << 7);
    assert_eq!(vlans[4000 / 8], 0);
    assert_eq!(vlans[0], 0);
    machine.reset_hw();
    assert_eq!(machine.device.save().filters.vlans, [0; 512]);
}

#[test]
fn stripping_goes_by_the_last_vlan_message() {
    let mut machine = Machine::up();
    let strips = |machine: &Machine| machine.device.save().filters.flags & 2 != 0;
    assert!(!strips(&machine));
    machine.set_vlan(7, true);
    assert!(strips(&machine));
    machine.set_vlan(0, true);
    assert!(!strips(&machine));
    machine.set_vlan(7, false);
    assert!(strips(&machine));
    machine.set_vlan(0, false);
    assert!(strips(&machine));
    machine.reset_hw();
    assert!(!strips(&machine));
}

#[test]
fn multicast_hashes_are_kept_as_the_profile_has_them() {
    let mut machine = Machine::up();
    let hashes: Vec<u16> = (0..30).map(|n| 0xf000 | n * 3 + 1).collect();
    for count in [30, 3, 0, 31, 255] {
        assert!(machine.set_multicast(count, &hashes));
        let filters = machine.device.save().filters;
        assert_eq!(u32::from(filters.multicast_count), count);
        for (at, hash) in filters.multicast.into_iter().enumerate() {
            let want = if at < count as usize {
                at as u16 * 3 + 1
            } else {
                0
            };
            assert_eq!(hash, want);
        }
    }
    machine.reset_hw();
    assert_eq!(machine.device.save().filters.multicast_count, 0);
}

#[test]
fn promiscuous_mode_is_for_multicast_only() {
    let mut machine = Machine::up();
    let promisc = |machine: &Machine| machine.device.save().filters.flags & 4 != 0;
    assert_eq!(machine.ask(&[6 | 2 << 16])[0], 6 | ACK | CTS);
    assert!(promisc(&machine));
    // What is left of the request is refused.
    assert_eq!(machine.ask(&[6 | 1 << 16])[0], 6 | 1 << 16 | NACK | CTS);
    assert!(!promisc(&machine));
    assert_eq!(machine.ask(&[6 | 3 << 16])[0], 6 | 1 << 16 | NACK | CTS);
    assert!(promisc(&machine));
    assert_eq!(machine.ask(&[6])[0], 6 | ACK | CTS);
    assert!(!promisc(&machine));
}

#[test]
fn a_guest_that_has_missed_a_reset_is_told() {
    let mut machine = Machine::up();
    machine.w(CTRL, CTRL_RST);
    // Not within two seconds of the reset.
    machine.w(V2PMAILBOX, V2P_ACK);
    assert_eq!(machine.r(V2PMAILBOX), 0);
    machine.now += 2_000_000_000;
    let word = machine.r(VMBMEM + 4);
    assert!(machine.w(V2PMAILBOX, V2P_ACK).mailbox);
    assert_eq!(machine.r(V2PMAILBOX), V2P_PFSTS);
    assert_eq!((machine.r(VMBMEM), machine.r(VMBMEM + 4)), (NACK, word));
    // Not more often than that.
    machine.now += 1_999_999_999;
    machine.w(V2PMAILBOX, V2P_ACK);
    assert_eq!(machine.r(V2PMAILBOX), 0);
    machine.now += 1;
    machine.w(V2PMAILBOX, V2P_ACK);
    assert_eq!(machine.r(V2PMAILBOX), V2P_PFSTS);
    // One that is served is not.
    machine.probe();
    machine.now += 10_000_000_000;
    machine.w(V2PMAILBOX, V2P_ACK);
    assert_eq!(machine.r(V2PMAILBOX), 0);
}

#[test]
fn the_link_tells_the_guest() {
    let mut machine = Machine::up();
    assert!(machine.device.control.set_link(false).mailbox);
    assert_eq!(machine.r(V2PMAILBOX), V2P_PFSTS);
    assert_eq!(machine.r(VMBMEM), 0x100 | CTS);
    assert_eq!(
        machine.device.control.filters().receives(&plain(OWN, 60)),
        Err(Rejected::Off)
    );
    // No message is overwritten that the guest has not read or is writing.
    machine.post(&[5, 1522]);
    let _ = machine.device.control.set_link(true);
    assert_eq!(machine.r(VMBMEM), 5 | ACK | CTS);
    machine.r(V2PMAILBOX);
    machine.w(V2PMAILBOX, V2P_VFU);
    let _ = machine.device.control.set_link(false);
    assert_eq!(machine.r(VMBMEM), 5 | ACK | CTS);
    assert_eq!(machine.r(V2PMAILBOX), V2P_VFU);
}

/// The state of the control part alone.
trait Save {
    fn save_state(&self) -> vmf::profile::igbvf_82576::State;
}

impl Save for igbvf_model::Control {
    fn save_state(&self) -> vmf::profile::igbvf_82576::State {
        let mut state = Default::default();
        self.save(&mut state);
        state
    }
}
