// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The register map: what is where, what of it is there, and what nobody owns.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::*;
use igbvf_model::registers::*;
use igbvf_model::{Administrator, Register};
use vmf::profile::igbvf_82576::State;

/// Every offset of the BAR that is some register, from the driver's `regs.h` and the profile.
fn map() -> Vec<u32> {
    let mut map = vec![0, 4, 8, 0xc40, 0xf0c, 0xf10, 0xf14, 0xf18, 0xf34, 0xf3c];
    map.extend([0xf40, 0xf44, 0xf48, 0xf50]);
    map.extend((0..16).map(|at| 0x800 + 4 * at));
    map.extend([0x1520, 0x1524, 0x1528, 0x152c, 0x1530, 0x1580]);
    map.extend([0x1680, 0x1684, 0x1688, 0x1700, 0x1740]);
    for queue in [0x2800, 0x2900] {
        map.extend([0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x28].map(|at| queue + at));
    }
    for queue in [0x3800, 0x3900] {
        map.extend([0, 4, 8, 0x10, 0x14, 0x18, 0x28, 0x38, 0x3c].map(|at| queue + at));
    }
    map
}

#[test]
fn only_the_map_is_there() {
    let map = map();
    for offset in (0..BAR_LEN + 0x1000).chain([u32::MAX - 3, u32::MAX]) {
        let found = Register::at(offset);
        assert_eq!(
            found != Register::None,
            map.contains(&offset),
            "{offset:#x}"
        );
    }
}

#[test]
fn no_register_is_twice() {
    // CTRL is at 0x0004, too.
    assert_eq!(Register::at(4), Register::at(0));
    let map: Vec<_> = map().into_iter().filter(|&offset| offset != 4).collect();
    for (at, one) in map.iter().enumerate() {
        for other in &map[at + 1..] {
            assert_ne!(
                Register::at(*one),
                Register::at(*other),
                "{one:#x} {other:#x}"
            );
        }
    }
}

#[test]
fn elsewhere_reads_as_zero_and_ignores_writes() {
    let mut machine = Machine::new();
    let before = machine.device;
    for offset in (0..BAR_LEN + 0x100).filter(|at| !map().contains(at)) {
        let effect = machine.w(offset, !0);
        assert_eq!(effect, Default::default());
        assert_eq!(machine.r(offset), 0);
    }
    assert_eq!(machine.device, before);
}

/// Offset, and the bits that keep what is written to them while the queues are off.
fn kept() -> Vec<(u32, u32)> {
    let mut kept = vec![(EIAC, 7), (EIAM, 7), (IVAR0, 0x8383_8383)];
    kept.extend([(IVAR_MISC, 0x8383_8383), (PSRTYPE, !0)]);
    kept.extend([0, 4, 8].map(|at| (EITR + at, 0xffff)));
    kept.extend((0..16).map(|at| (VMBMEM + 4 * at, !0)));
    for queue in [RX, RX + 0x100, TX, TX + 0x100] {
        kept.extend(
            [(BAL, !0x1f), (BAH, !0), (LEN, 0xffff0), (HEAD, 0xffff)]
                .map(|(at, bits)| (queue + at, bits)),
        );
        kept.extend(
            [(TAIL, 0xffff), (DCA, !0), (DCTL, !(1 << 26))].map(|(at, bits)| (queue + at, bits)),
        );
    }
    for queue in [0, 0x100] {
        kept.push((RX + queue + SRRCTL, !0));
        kept.extend([(TX + queue + WBAL, !0), (TX + queue + WBAH, !0)]);
    }
    kept
}

#[test]
fn registers_keep_what_is_theirs() {
    let mut machine = Machine::new();
    for pattern in [!0, 0, 0x5555_5555, 0xaaaa_aaaa, 0x1234_5678] {
        for (offset, bits) in kept() {
            // The enable bits come last, as a queue that is on keeps its ring.
            if offset & 0xff != DCTL || offset < RX {
                machine.w(offset, pattern);
                assert_eq!(machine.r(offset), pattern & bits, "{offset:#x}");
            }
        }
        for (offset, bits) in kept() {
            if offset & 0xff == DCTL && offset >= RX {
                machine.w(offset, pattern & !DCTL_ENABLE);
                assert_eq!(
                    machine.r(offset),
                    pattern & bits & !DCTL_ENABLE,
                    "{offset:#x}"
                );
            }
        }
    }
    // None has changed another one.
    for (number, (offset, _)) in (1..).zip(kept()) {
        if offset & 0xff != DCTL || offset < RX {
            machine.w(offset, number << 8);
        }
    }
    for (number, (offset, bits)) in (1u32..).zip(kept()) {
        if offset & 0xff != DCTL || offset < RX {
            assert_eq!(machine.r(offset), (number << 8) & bits, "{offset:#x}");
        }
    }
}

#[test]
fn after_power_on_all_is_zero_but_the_link() {
    let mut machine = Machine::new();
    for offset in map() {
        let want = if offset == STATUS { 0x83 } else { 0 };
        assert_eq!(machine.r(offset), want, "{offset:#x}");
    }
}

#[test]
fn link_is_in_the_status() {
    let mut machine = Machine::new();
    let effect = machine.device.control.set_link(false);
    assert!(effect.mailbox && effect.filters);
    assert_eq!(machine.r(STATUS), 0x81);
    machine.w(STATUS, !0);
    assert_eq!(machine.r(STATUS), 0x81);
    assert_eq!(machine.device.control.set_link(false), Default::default());
    assert!(machine.device.control.set_link(true).mailbox);
    assert_eq!(machine.r(STATUS), 0x83);
}

#[test]
fn a_queue_that_is_on_keeps_its_ring() {
    for queue in [RX, RX + 0x100, TX, TX + 0x100] {
        let mut machine = Machine::new();
        // Not without a ring.
        machine.w(queue + DCTL, DCTL_ENABLE);
        assert_eq!(machine.r(queue + DCTL), 0);
        machine.w(queue + LEN, 0x400);
        machine.w(queue + HEAD, 63);
        assert!(
            machine
                .w(queue + DCTL, DCTL_ENABLE | DCTL_FLUSH | 0x10)
                .kick
        );
        assert_eq!(machine.r(queue + DCTL), DCTL_ENABLE | 0x10);
        for offset in [BAL, BAH, LEN, HEAD] {
            let before = machine.r(queue + offset);
            machine.w(queue + offset, 0x20);
            assert_eq!(machine.r(queue + offset), before);
        }
        // On already.
        assert!(!machine.w(queue + DCTL, DCTL_ENABLE).kick);
        machine.w(queue + DCTL, 0);
        machine.w(queue + HEAD, 64);
        assert_eq!(machine.r(queue + HEAD), 64);
        // A head beyond the ring starts from 0.
        machine.w(queue + DCTL, DCTL_ENABLE);
        assert_eq!(machine.r(queue + HEAD), 0);
    }
}

#[test]
fn reset_switches_queues_off_and_keeps_registers() {
    for ctrl in [CTRL, 0x0004] {
        let mut machine = Machine::up();
        machine.w(RX + 0x100 + LEN, 0x100);
        machine.w(RX + 0x100 + DCTL, DCTL_ENABLE);
        machine.w(TX + 0x100 + LEN, 0x100);
        machine.w(TX + 0x100 + DCTL, DCTL_ENABLE | 3);
        machine.w(EITR, 0x1e8);
        let offsets = map()
            .into_iter()
            .filter(|&at| at != EICR && at != V2PMAILBOX);
        let before: Vec<_> = offsets.map(|at| (at, machine.r(at))).collect();
        let effect = machine.w(ctrl, CTRL_RST);
        assert!(effect.reset && effect.filters);
        for (offset, value) in before {
            let enable = if offset & 0xff == DCTL && offset >= RX {
                DCTL_ENABLE
            } else {
                0
            };
            assert_eq!(machine.r(offset), value & !enable, "{offset:#x}");
        }
        assert!(!machine.device.control.filters().enabled());
    }
    // Another bit does not reset.
    let mut machine = Machine::up();
    assert_eq!(machine.w(CTRL, !CTRL_RST), Default::default());
    assert!(machine.device.control.filters().enabled());
}

#[test]
fn a_function_level_reset_leaves_a_function_that_nobody_has_used() {
    let administrator = Administrator {
        mac: Some(OWN),
        spoofchk: false,
        trusted: true,
    };
    let mut machine = Machine::with(administrator);
    machine.probe();
    machine.open(SRRCTL_ONE);
    machine.set_vlan(100, true);
    assert!(machine.set_mac(2, PEER) && machine.agreed(&[5, 9000]));
    machine.receive(&plain(OWN, 60));
    machine.w(EITR, 0x1e8);
    machine.w(EICS, 7);
    for offset in [DCA, WBAL] {
        machine.w(TX + offset, 0x1235);
    }
    let _ = machine.device.control.set_link(false);
    let state = machine.device.save();
    assert!(state.unicast.count != 0 && state.statistics.gprc != 0);
    assert!(machine.device.power_on().filters);
    assert_eq!(machine.device.save(), State::default());
    // What the host has set and the link are the host's.
    let mut fresh = Machine::with(administrator).device;
    let _ = fresh.control.set_link(false);
    fresh.control.load(&State::default()).unwrap();
    assert_eq!(machine.device, fresh);
    assert_eq!(machine.r(STATUS), 0x81);
    let _ = machine.device.control.set_link(true);
    machine.r(V2PMAILBOX);
    machine.probe();
    machine.open(SRRCTL_ONE);
    machine.receive(&plain(OWN, 1518));
    assert_eq!(machine.r(VFGPRC), 1);
}
