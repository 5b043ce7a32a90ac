// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Which frames reach the function, and which it may send.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::*;
use igbvf_model::{Accepted, Administrator, Rejected};

fn judge(machine: &Machine, frame: &[u8]) -> Result<Accepted, Rejected> {
    machine.device.control.filters().receives(frame)
}

const UNICAST: Accepted = Accepted {
    multicast: false,
    strip: false,
};
const MULTICAST: Accepted = Accepted {
    multicast: true,
    strip: false,
};

#[test]
fn addresses() {
    let machine = Machine::up();
    assert_eq!(judge(&machine, &plain(OWN, 60)), Ok(UNICAST));
    assert_eq!(judge(&machine, &plain(BROADCAST, 60)), Ok(UNICAST));
    assert_eq!(judge(&machine, &plain(PEER, 60)), Err(Rejected::Address));
    assert_eq!(judge(&machine, &plain([0; 6], 60)), Err(Rejected::Address));
    assert_eq!(
        judge(&machine, &plain([1, 0, 0x5e, 0, 0, 1], 60)),
        Err(Rejected::Address)
    );
}

#[test]
fn nothing_before_the_pf_serves() {
    let mut machine = Machine::new();
    assert_eq!(judge(&machine, &plain(BROADCAST, 60)), Err(Rejected::Off));
    machine.reset_hw();
    assert_eq!(judge(&machine, &plain(BROADCAST, 60)), Ok(UNICAST));
    // Without an address none is the function's own, not even that of zeros.
    assert_eq!(judge(&machine, &plain([0; 6], 60)), Err(Rejected::Address));
    assert_eq!(judge(&machine, &plain(OWN, 60)), Err(Rejected::Address));
}

#[test]
fn short_frames() {
    let machine = Machine::up();
    let frame = plain(OWN, 60);
    for len in 0..14 {
        assert_eq!(judge(&machine, &frame[..len]), Err(Rejected::Short));
    }
    assert_eq!(judge(&machine, &frame[..14]), Ok(UNICAST));
    let frame = tagged(&frame, 0);
    for len in 14..18 {
        assert_eq!(judge(&machine, &frame[..len]), Err(Rejected::Short));
    }
    assert_eq!(judge(&machine, &frame[..18]), Ok(UNICAST));
}

#[test]
fn long_frames_count_their_check_sequence() {
    let mut machine = Machine::up();
    for max in [1522, 64, 0x2600] {
        assert!(machine.agreed(&[5, max]));
        let len = max as usize - 4;
        assert_eq!(judge(&machine, &plain(OWN, len)), Ok(UNICAST));
        assert_eq!(judge(&machine, &plain(OWN, len + 1)), Err(Rejected::Long));
        assert_eq!(
            judge(&machine, &tagged(&plain(OWN, len - 4), 0)),
            Ok(UNICAST)
        );
        assert_eq!(
            judge(&machine, &tagged(&plain(OWN, len - 3), 0)),
            Err(Rejected::Long)
        );
    }
    let mut machine = Machine::new();
    machine.probe();
    assert_eq!(judge(&machine, &plain(OWN, 1518)), Ok(UNICAST));
    assert_eq!(judge(&machine, &plain(OWN, 1519)), Err(Rejected::Long));
}

#[test]
fn multicast_by_hash() {
    let mut machine = Machine::up();
    // The driver's hash of 01:00:5e:7f:ab:cd is 0xcda.
    let group = [1, 0, 0x5e, 0x7f, 0xab, 0xcd];
    machine.set_multicast(2, &[0x123, 0xcda]);
    assert_eq!(judge(&machine, &plain(group, 60)), Ok(MULTICAST));
    // Another one with the same hash, and one with another hash.
    assert_eq!(
        judge(&machine, &plain([0x33, 0x33, 9, 9, 0xa0, 0xcd], 60)),
        Ok(MULTICAST)
    );
    assert_eq!(
        judge(&machine, &plain([1, 0, 0x5e, 0x7f, 0xbb, 0xcd], 60)),
        Err(Rejected::Address)
    );
    assert_eq!(
        judge(&machine, &plain([1, 0, 0x5e, 0x7f, 0xab, 0xcc], 60)),
        Err(Rejected::Address)
    );
    // Those that are announced count, not those that are there.
    machine.set_multicast(1, &[0x123, 0xcda]);
    assert_eq!(judge(&machine, &plain(group, 60)), Err(Rejected::Address));
    // Hash 0 is not there because the list ends in zeros.
    assert_eq!(
        judge(&machine, &plain([1, 0, 0, 0, 0, 0], 60)),
        Err(Rejected::Address)
    );
    machine.set_multicast(1, &[0]);
    assert_eq!(
        judge(&machine, &plain([1, 0, 0, 0, 0, 0], 60)),
        Ok(MULTICAST)
    );
}

#[test]
fn all_multicast() {
    let group = plain([1, 0, 0x5e, 0x7f, 0xab, 0xcd], 60);
    let mut machine = Machine::up();
    machine.set_multicast(30, &[0; 30]);
    assert_eq!(judge(&machine, &group), Err(Rejected::Address));
    machine.set_multicast(31, &[0; 30]);
    assert_eq!(judge(&machine, &group), Ok(MULTICAST));
    machine.set_multicast(0, &[]);
    assert_eq!(judge(&machine, &group), Err(Rejected::Address));
    machine.ask(&[6 | 2 << 16]);
    assert_eq!(judge(&machine, &group), Ok(MULTICAST));
    assert_eq!(judge(&machine, &plain(PEER, 60)), Err(Rejected::Address));
}

#[test]
fn vlans() {
    let mut machine = Machine::up();
    let frame = |tag| tagged(&plain(OWN, 60), tag);
    let strip = Accepted {
        strip: true,
        ..UNICAST
    };
    // That of untagged frames is always there, with any priority.
    assert_eq!(judge(&machine, &frame(0xe000)), Ok(UNICAST));
    assert_eq!(judge(&machine, &frame(100)), Err(Rejected::Vlan));
    machine.set_vlan(100, true);
    assert_eq!(judge(&machine, &frame(100)), Ok(strip));
    assert_eq!(judge(&machine, &frame(0x7000 | 100)), Ok(strip));
    assert_eq!(judge(&machine, &frame(101)), Err(Rejected::Vlan));
    assert_eq!(judge(&machine, &plain(OWN, 60)), Ok(UNICAST));
    machine.set_vlan(0, true);
    assert_eq!(judge(&machine, &frame(100)), Ok(UNICAST));
    machine.set_vlan(100, false);
    assert_eq!(judge(&machine, &frame(100)), Err(Rejected::Vlan));
}

#[test]
fn spoof_check() {
    let from = |mac| ethernet(PEER, mac, 0x88b5, &[0; 46]);
    let mut machine = Machine::up();
    machine.set_mac(2, [2, 0, 0, 0, 0, 7]);
    let sends = |machine: &Machine, frame: &[u8]| machine.device.control.filters().sends(frame);
    assert!(sends(&machine, &from(OWN)));
    assert!(sends(&machine, &from([2, 0, 0, 0, 0, 7])));
    assert!(!sends(&machine, &from(PEER)));
    assert!(!sends(&machine, &from(BROADCAST)));
    assert!(!sends(&machine, &tagged(&from(OWN), 100)));
    assert!(sends(&machine, &tagged(&from(OWN), 0)));
    machine.set_vlan(100, true);
    assert!(sends(&machine, &tagged(&from(OWN), 0x2000 | 100)));
    let off = Administrator {
        spoofchk: false,
        ..Administrator::default()
    };
    let _ = machine.device.control.set_administrator(off);
    assert!(sends(&machine, &from(PEER)));
    assert!(sends(&machine, &tagged(&from(PEER), 9)));
}
