// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The ranges of the fields: every check that the generated code names is provoked, and its edge.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::samples::{set_vlan, unicast};
use common::state_v2;
use std::cell::RefCell;
use std::collections::BTreeSet;
use vmf::profile::igbvf_82576::{Filters, Mailbox, RxQueue, State, TxQueue, PROFILE};
use vmf::{Code, Refusal, Section};

/// The reasons that were provoked.
#[derive(Default)]
struct Seen(RefCell<BTreeSet<&'static str>>);

impl Seen {
    /// Judges a state, as the source does before it writes.
    fn judge(&self, edit: impl FnOnce(&mut State)) -> Result<(), Refusal> {
        let mut state = state_v2();
        edit(&mut state);
        let valid = state.validate();
        // The destination comes to the same verdict on the payload.
        let verify = |kind, instance, payload: &[u8]| (PROFILE.verify)(kind, instance, payload);
        let mut verdict = Ok(());
        for n in 0..2 {
            let (rx, tx) = (&state.rx_queue[n], &state.tx_queue[n]);
            verdict = verdict
                .and(verify(0x10001, n as u32, &rx.encode()))
                .and(verify(0x10002, n as u32, &tx.encode()));
        }
        let verdict = verdict
            .and(verify(0x10003, 0, &state.interrupts.encode()))
            .and(verify(0x10004, 0, &state.mailbox.encode()))
            .and(verify(0x10005, 0, &state.filters.encode()))
            .and(verify(0x10006, 0, &state.statistics.encode()))
            .and(verify(0x10007, 0, &state.unicast.encode()));
        assert_eq!(valid, verdict);
        if let Err(refusal) = valid {
            self.0.borrow_mut().insert(refusal.reason);
        }
        valid
    }

    fn good(&self, edit: impl FnOnce(&mut State)) {
        assert_eq!(self.judge(edit), Ok(()));
    }

    fn bad(&self, reason: &str, edit: impl FnOnce(&mut State)) {
        let refusal = self.judge(edit).unwrap_err();
        assert_eq!((refusal.code, refusal.reason), (Code::Range, reason));
    }
}

fn rx_queues(seen: &Seen) {
    let rx = |edit: fn(&mut RxQueue)| move |s: &mut State| edit(&mut s.rx_queue[0]);
    let off = |edit: fn(&mut RxQueue)| {
        move |s: &mut State| {
            s.rx_queue[0].rxdctl &= !RxQueue::RXDCTL_ENABLE;
            edit(&mut s.rx_queue[0]);
        }
    };
    seen.bad("rdba: not a multiple", rx(|q| q.rdba = 0x10));
    seen.good(rx(|q| q.rdba = !0x1f));
    seen.bad("rdlen: not a multiple", rx(|q| q.rdlen = 4096 + 8));
    seen.bad("rdlen: too large", rx(|q| q.rdlen = 0x100000));
    seen.good(rx(|q| q.rdlen = 0xffff0));
    let reason = "rxdctl: bits outside of the mask";
    seen.bad(reason, rx(|q| q.rxdctl |= 1 << 26));
    seen.good(rx(|q| q.rxdctl = !(1 << 26)));
    let reason = "rdlen: 0 although rxdctl.enable is set";
    seen.bad(reason, rx(|q| q.rdlen = 0));
    seen.good(rx(|q| q.rdh = 255));
    seen.bad("rdh: beyond the ring", rx(|q| q.rdh = 256));
    seen.bad("rdt: beyond the ring", rx(|q| q.rdt = 256));
    // Without ENABLE: whatever the device can hold.
    seen.good(off(|q| (q.rdlen, q.rdh, q.rdt) = (0, 0xffff, 0)));
    seen.good(off(|q| (q.rdlen, q.rdh, q.rdt) = (128, 0, 0xffff)));
    seen.bad("rdh: beyond the ring", off(|q| q.rdh = 0x10000));
    seen.bad("rdt: beyond the ring", off(|q| q.rdt = 0x10000));
    let reason = "psrtype: not 0 in another instance than 0";
    seen.bad(reason, |s| s.rx_queue[1].psrtype = 1);
    seen.good(rx(|q| q.psrtype = u32::MAX));
}

fn tx_queues(seen: &Seen) {
    let tx = |edit: fn(&mut TxQueue)| move |s: &mut State| edit(&mut s.tx_queue[1]);
    let off = |edit: fn(&mut TxQueue)| {
        move |s: &mut State| {
            s.tx_queue[1].txdctl &= !TxQueue::TXDCTL_ENABLE;
            edit(&mut s.tx_queue[1]);
        }
    };
    seen.bad("tdba: not a multiple", tx(|q| q.tdba = 1));
    seen.bad("tdlen: not a multiple", tx(|q| q.tdlen = 8));
    seen.bad("tdlen: too large", tx(|q| q.tdlen = 0x100000));
    seen.good(tx(|q| q.tdlen = 0xffff0));
    let reason = "txdctl: bits outside of the mask";
    seen.bad(reason, tx(|q| q.txdctl |= 1 << 26));
    let reason = "tdlen: 0 although txdctl.enable is set";
    seen.bad(reason, tx(|q| q.tdlen = 0));
    seen.good(tx(|q| q.tdt = 127));
    seen.bad("tdh: beyond the ring", tx(|q| q.tdh = 128));
    seen.bad("tdt: beyond the ring", tx(|q| q.tdt = u32::MAX));
    seen.good(off(|q| (q.tdlen, q.tdh, q.tdt) = (0, 0xffff, 0xffff)));
    seen.bad("tdh: beyond the ring", off(|q| q.tdh = 0x10000));
}

fn function(seen: &Seen) {
    seen.bad("eims: bits outside of the mask", |s| s.interrupts.eims = 8);
    seen.bad("eiac: bits outside of the mask", |s| s.interrupts.eiac = 8);
    seen.bad("eiam: bits outside of the mask", |s| s.interrupts.eiam = 8);
    for n in 0..3 {
        let reason = "eitr: bits outside of the mask";
        seen.bad(reason, |s| s.interrupts.eitr[n] = 1 << 16);
    }
    seen.good(|s| s.interrupts.ivar = 0x8381_8000);
    seen.bad("ivar: bits outside of the mask", |s| s.interrupts.ivar = 4);
    let reason = "ivar_misc: bits outside of the mask";
    seen.bad(reason, |s| s.interrupts.ivar_misc = 0x40);

    seen.good(|s| s.mailbox.r2c = 0xb0);
    for bit in [0, 1, 2, 3, 6] {
        let reason = "r2c: bits outside of the mask";
        seen.bad(reason, |s| s.mailbox.r2c = 1 << bit);
    }
    seen.good(|s| s.mailbox.flags = 7);
    for n in [0, 1, 15] {
        let reason = "request: not 0 without flags.request_pending";
        seen.bad(reason, |s| {
            s.mailbox.request = [0; 16];
            s.mailbox.request[n] = 1;
            s.mailbox.flags = !Mailbox::FLAGS_REQUEST_PENDING & 7;
        });
    }
    seen.good(|s| (s.mailbox.request, s.mailbox.flags) = ([0; 16], 0));
}

fn filters(seen: &Seen) {
    let reason = "mac: no unicast address";
    seen.bad(reason, |s| s.filters.mac = [0; 6]);
    seen.bad(reason, |s| s.filters.mac[0] = 1);
    seen.good(|s| s.filters.mac = [0, 0, 0, 0, 0, 1]);
    let reason = "mac: not 0 without flags.mac_valid";
    seen.bad(reason, |s| s.filters.flags &= !Filters::FLAGS_MAC_VALID);
    seen.good(|s| {
        s.filters.flags &= !Filters::FLAGS_MAC_VALID;
        s.filters.mac = [0; 6];
    });

    let reason = "multicast_count: too large";
    seen.bad(reason, |s| s.filters.multicast_count = 256);
    let reason = "multicast: too large";
    seen.bad(reason, |s| s.filters.multicast[29] = 0x1000);
    let reason = "multicast: not 0 beyond multicast_count";
    seen.good(|s| s.filters.multicast_count = 30);
    seen.bad(reason, |s| s.filters.multicast_count = 29);
    seen.bad(reason, |s| s.filters.multicast_count = 0);
    seen.good(|s| (s.filters.multicast_count, s.filters.multicast) = (0, [0; 30]));

    seen.good(|s| s.filters.max_frame = 0);
    let reason = "max_frame: not 0 without flags.max_frame_valid";
    seen.bad(reason, |s| {
        s.filters.flags &= !Filters::FLAGS_MAX_FRAME_VALID
    });
    seen.good(|s| s.filters.max_frame = 0x2600);
    seen.bad("max_frame: too large", |s| s.filters.max_frame = 0x2601);

    seen.bad("vlans: bit 0 set", |s| set_vlan(&mut s.filters, 0));
    let vlans = |count: usize| {
        move |s: &mut State| {
            s.filters.vlans = Filters::default().vlans;
            (0..count).for_each(|n| set_vlan(&mut s.filters, 4095 - 9 * n));
        }
    };
    seen.good(vlans(31));
    seen.bad("vlans: too many bits set", vlans(32));
}

fn addresses(seen: &Seen) {
    seen.good(|s| s.unicast = unicast(24));
    seen.bad("count: too large", |s| {
        s.unicast = unicast(24);
        s.unicast.count = 25;
    });
    seen.bad("count: too large", |s| s.unicast.count = u32::MAX);
    let reason = "addresses: no unicast address, or not 0 beyond count";
    seen.bad(reason, |s| s.unicast.count = 4);
    seen.bad(reason, |s| s.unicast.count = 2);
    seen.bad(reason, |s| s.unicast.addresses[6] |= 1);
    seen.bad(reason, |s| s.unicast.addresses[143] = 1);
}

/// The reasons in the generated code: string literals that start with the name of a field.
fn reasons() -> BTreeSet<String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/profile/igbvf_82576");
    let mut reasons = BTreeSet::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let code: Vec<_> = text.lines().filter(|line| !line.contains("//")).collect();
        let code = code.join("\n");
        let literals = code.split('"').skip(1).step_by(2);
        reasons.extend(literals.filter(|s| s.contains(": ")).map(str::to_string));
    }
    reasons
}

#[test]
fn every_range_is_checked() {
    let seen = Seen::default();
    seen.good(|_| {});
    rx_queues(&seen);
    tx_queues(&seen);
    function(&seen);
    filters(&seen);
    addresses(&seen);
    let seen: BTreeSet<_> = seen.0.take().into_iter().map(String::from).collect();
    assert_eq!(seen, reasons());
    assert_eq!(State::default().validate(), Ok(()));
}

#[test]
fn unknown_flags_are_damage() {
    let bad = |kind, payload: &[u8]| {
        let refusal = (PROFILE.verify)(kind, 0, payload).unwrap_err();
        assert_eq!(refusal.code, Code::BadMsg);
        assert!(refusal.reason.starts_with("unknown flag of "), "{refusal}");
    };
    let state = state_v2();
    // A source finds them before it writes.
    let mut unwritable = state;
    unwritable.mailbox.flags = 8;
    assert_eq!(unwritable.validate().unwrap_err().code, Code::BadMsg);
    for bit in 3..8 {
        let mut payload = state.mailbox.encode();
        payload[129] |= 1 << bit;
        bad(Mailbox::KIND, &payload);
    }
    for bit in 4..32 {
        let mut payload = state.filters.encode();
        payload[bit / 8] |= 1 << (bit % 8);
        bad(Filters::KIND, &payload);
    }
}

#[test]
fn all_zero_is_left_out() {
    let reason = "section that is to be left out if it is 0";
    for (kind, payload) in [(0x10006, &[0; 40][..]), (0x10007, &[0; 152])] {
        let section = Section {
            kind,
            schema: 1,
            flags: 0,
            instance: 0,
            seq: 1,
            more: false,
            payload,
        };
        let refusal = PROFILE.judge(&section).unwrap_err();
        assert_eq!((refusal.code, refusal.reason), (Code::Range, reason));
        // Of a later schema this is only the beginning.
        let later = Section {
            schema: 2,
            ..section
        };
        assert_eq!(PROFILE.judge(&later), Ok(()));
    }
}
