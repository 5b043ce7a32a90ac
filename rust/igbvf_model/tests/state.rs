// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! State in and out: what is loaded is what is saved, and what starts afterwards.

#![allow(missing_docs, unused_must_use, clippy::panic, clippy::precedence)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::*;
use igbvf_model::registers::*;
use igbvf_model::{Administrator, Conflict, Device, LoadError};
use std::fs;
use std::path::PathBuf;
use vmf::profile::igbvf_82576::{Filters, Loader, Mailbox, State, Unicast, PROFILE};
use vmf::{Crc32c, Reader};

const CRC: Crc32c = Crc32c::new(crc32c::crc32c_append);

/// The golden streams, with the versions that they are of.
fn vectors() -> Vec<(String, u32, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let directory = root.join("../../selftests/vectors/vf.net.igbvf-82576");
    let files = fs::read_dir(directory).unwrap();
    let mut vectors: Vec<_> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "vmf"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let version = name.get(1..2).unwrap().parse().unwrap();
            (name, version, fs::read(path).unwrap())
        })
        .collect();
    vectors.sort();
    vectors
}

fn read(bytes: &[u8]) -> State {
    let presented = PROFILE.presented(0x1af4, 0x1100, 1);
    let caps = PROFILE.capabilities(2, presented).unwrap();
    let mut memory = vec![0; caps.buffer_len()];
    let mut reader = Reader::new(caps, CRC, &mut memory[..]);
    let mut loader = Loader::default();
    reader.feed(bytes, &mut loader).unwrap();
    *loader.state().unwrap()
}

#[test]
fn the_golden_streams_load_and_are_saved_as_they_were() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 7);
    for (name, version, bytes) in vectors {
        let state = read(&bytes);
        let saved = Machine::loaded(&state).device.save();
        assert_eq!(saved, state, "{name}");
        // To the byte, by the name of the driver that wrote them.
        let presented = PROFILE.presented(0x1af4, 0x1100, 1);
        let caps = PROFILE.capabilities(version, presented).unwrap();
        let mut fields = caps.fields();
        fields.required = saved.features();
        fields.provider = &[(65, b"igbvf_vfio_pci")];
        let mut buffer = vec![0; 8192];
        let mut writer = vmf::Writer::new(&mut buffer, CRC).unwrap();
        writer.descriptor(&fields).unwrap();
        saved.write(version, &mut writer).unwrap();
        let len = writer.end().unwrap();
        assert!(buffer[..len] == bytes, "{name}");
    }
}

#[test]
fn a_device_after_power_on_is_the_default() {
    let state = Device::new(Administrator::default()).save();
    assert_eq!(state, State::default());
    // Also if the host has set an address: nobody has asked for it yet.
    let administrator = Administrator {
        mac: Some(OWN),
        ..Administrator::default()
    };
    assert_eq!(Device::new(administrator).save(), State::default());
}

#[test]
fn every_field_is_a_register_that_the_guest_reads() {
    let mut state = State::default();
    for (n, queue) in (1u32..).zip(&mut state.rx_queue) {
        queue.rdba = 0x1234_5678_9abc_de00 + u64::from(n << 5);
        queue.rdlen = 0x1000 * n;
        queue.srrctl = 0x8200_0000 + n;
        (queue.rdh, queue.rdt) = (10 + n, 20 + n);
        queue.rxdctl = 0x0201_0810 + n;
        queue.rxctl = 0xabcd_0000 + n;
    }
    state.rx_queue[0].psrtype = 0x1111_2222;
    for (n, queue) in (1u32..).zip(&mut state.tx_queue) {
        queue.tdba = 0x8765_4321_9abc_de00 + u64::from(n << 5);
        queue.tdwba = 0x0123_4567_89ab_cdec + u64::from(n);
        queue.tdlen = 0x2000 * n;
        (queue.tdh, queue.tdt) = (30 + n, 40 + n);
        queue.txdctl = 0x0200_0000 + n;
        queue.txctl = 0xdcba_0000 + n;
    }
    state.interrupts.eims = 5;
    state.interrupts.eiac = 6;
    state.interrupts.eiam = 3;
    state.interrupts.eitr = [0x11, 0x22, 0xffff];
    state.interrupts.ivar = 0x8381_8280;
    state.interrupts.ivar_misc = 0x0000_0082;
    state.mailbox.vmbmem = [7; 16];
    state.mailbox.vmbmem[15] = 9;
    state.mailbox.r2c = 0xb0;
    state.mailbox.flags = Mailbox::FLAGS_VFU;
    let numbers = [1u32, 2, 3, 4, 5, 6, 7, 8, 9].map(|n| n * 0x0101_0101);
    let s = &mut state.statistics;
    [
        s.gprc, s.gptc, s.gorc, s.gotc, s.mprc, s.gprlbc, s.gptlbc, s.gorlbc, s.gotlbc,
    ] = numbers;
    let mut m = Machine::loaded(&state);
    assert_eq!(m.device.save(), state);
    for (n, queue) in (0..).zip(&state.rx_queue) {
        let at = RX + n * 0x100;
        let base = u64::from(m.r(at + BAH)) << 32 | u64::from(m.r(at + BAL));
        assert_eq!(base, queue.rdba);
        assert_eq!(
            (m.r(at + LEN), m.r(at + SRRCTL)),
            (queue.rdlen, queue.srrctl)
        );
        assert_eq!((m.r(at + HEAD), m.r(at + TAIL)), (queue.rdh, queue.rdt));
        assert_eq!((m.r(at + DCTL), m.r(at + DCA)), (queue.rxdctl, queue.rxctl));
    }
    assert_eq!(m.r(PSRTYPE), 0x1111_2222);
    for (n, queue) in (0..).zip(&state.tx_queue) {
        let at = TX + n * 0x100;
        let base = u64::from(m.r(at + BAH)) << 32 | u64::from(m.r(at + BAL));
        let back = u64::from(m.r(at + WBAH)) << 32 | u64::from(m.r(at + WBAL));
        assert_eq!((base, back), (queue.tdba, queue.tdwba));
        assert_eq!((m.r(at + LEN), m.r(at + DCA)), (queue.tdlen, queue.txctl));
        assert_eq!((m.r(at + HEAD), m.r(at + TAIL)), (queue.tdh, queue.tdt));
        assert_eq!(m.r(at + DCTL), queue.txdctl);
    }
    assert_eq!((m.r(EIMS), m.r(EIAC), m.r(EIAM)), (5, 6, 3));
    assert_eq!(
        (m.r(EITR), m.r(EITR + 4), m.r(EITR + 8)),
        (0x11, 0x22, 0xffff)
    );
    assert_eq!((m.r(IVAR0), m.r(IVAR_MISC)), (0x8381_8280, 0x82));
    assert_eq!((m.r(VMBMEM), m.r(VMBMEM + 60)), (7, 9));
    assert_eq!(m.r(V2PMAILBOX), 0xb0 | V2P_VFU);
    assert_eq!(m.r(V2PMAILBOX), V2P_VFU);
    let counters = [
        VFGPRC, VFGPTC, VFGORC, VFGOTC, VFMPRC, VFGPRLBC, VFGPTLBC, VFGORLBC, VFGOTLBC,
    ];
    assert_eq!(counters.map(|at| m.r(at)), numbers);
}

#[test]
fn a_request_that_came_with_the_state_is_answered_at_the_start() {
    let mut state = Machine::up().device.save();
    let mut request = [0xee; 16];
    request[..2].copy_from_slice(&[0x0001_0004, 100]);
    state.mailbox.request = request;
    state.mailbox.vmbmem = [0x77; 16];
    state.mailbox.r2c = 0x20;
    state.mailbox.flags |= Mailbox::FLAGS_REQUEST_PENDING;
    let mut machine = Machine::loaded(&state);
    assert_eq!(machine.device.save(), state);
    machine.device.start(machine.now);
    // The answer, and behind it what was in the buffer.
    assert_eq!(machine.r(VMBMEM), 0x0001_0004 | ACK | CTS);
    assert_eq!(machine.r(VMBMEM + 4), 0x77);
    assert_eq!(machine.r(V2PMAILBOX), V2P_PFACK | V2P_PFSTS);
    let saved = machine.device.save();
    assert_eq!(saved.mailbox.flags, Mailbox::FLAGS_VF_RESET_DONE);
    assert_eq!(saved.filters.vlans[12], 1 << 4);
    // Not while the guest holds the buffer.
    state.mailbox.flags |= Mailbox::FLAGS_VFU;
    let mut machine = Machine::loaded(&state);
    machine.device.start(machine.now);
    machine.w(EIMS, state.interrupts.eims);
    assert_eq!(machine.device.save(), state);
    assert_eq!(machine.r(VMBMEM), 0x77);
    machine.w(V2PMAILBOX, V2P_ACK);
    assert_eq!(machine.r(VMBMEM), 0x0001_0004 | ACK | CTS);
}

#[test]
fn of_a_function_that_is_not_served_only_frame_size_and_further_addresses_count() {
    let mut machine = Machine::up();
    machine.set_vlan(100, true);
    machine.set_multicast(1, &[5]);
    assert!(machine.set_mac(2, PEER) && machine.agreed(&[5, 3000]));
    let mut state = machine.device.save();
    state.mailbox.flags = 0;
    let mut machine = Machine::loaded(&state);
    let saved = machine.device.save();
    let left = Filters {
        flags: Filters::FLAGS_MAX_FRAME_VALID,
        max_frame: 3000,
        ..Filters::default()
    };
    assert_eq!((saved.filters, saved.unicast), (left, state.unicast));
    machine.device.start(machine.now);
    assert!(!machine.device.control.filters().enabled());
    // VF_RESET does not take its address from there.
    assert_eq!(machine.ask(&[1])[0], 1 | NACK);
    // A guest that believes to be served is told by the second message that it reads.
    let mut machine = Machine::loaded(&state);
    machine.device.start(machine.now);
    machine.fetch(1);
    assert_eq!(machine.r(VMBMEM), NACK);
}

#[test]
fn the_host_may_refuse_addresses() {
    let admin = |mac, trusted| {
        Device::new(Administrator {
            mac: Some(mac),
            trusted,
            ..Administrator::default()
        })
    };
    let state = Machine::up().device.save();
    assert_eq!(admin(OWN, false).load(&state), Ok(()));
    assert_eq!(admin(PEER, true).load(&state), Ok(()));
    let mut device = admin(PEER, false);
    let before = device;
    assert_eq!(
        device.load(&state),
        Err(LoadError::Host(Conflict::Mac {
            got: OWN,
            want: PEER
        }))
    );
    assert_eq!(device, before);
    let mut more = state;
    more.unicast.count = 1;
    more.unicast.addresses[..6].copy_from_slice(&PEER);
    assert_eq!(
        admin(OWN, false).load(&more),
        Err(LoadError::Host(Conflict::Unicast { count: 1 }))
    );
    assert_eq!(admin(OWN, true).load(&more), Ok(()));
    // One that is not served has asked for nothing.
    let mut off = state;
    off.mailbox.flags = 0;
    assert_eq!(admin(PEER, false).load(&off), Ok(()));
    // One that is served and has no address does not conflict.
    let mut none = state;
    none.filters.flags &= !Filters::FLAGS_MAC_VALID;
    none.filters.mac = [0; 6];
    assert_eq!(admin(PEER, false).load(&none), Ok(()));
}

#[test]
fn what_is_not_of_the_profile_is_refused_and_changes_nothing() {
    let good = Machine::up().device.save();
    let edits: [fn(&mut State); 6] = [
        |state| state.rx_queue[0].rdh = COUNT,
        |state| state.tx_queue[0].tdba |= 1,
        |state| state.interrupts.eims = 8,
        |state| state.mailbox.r2c = 1,
        |state| state.filters.vlans[0] = 1,
        |state| {
            state.unicast = Unicast {
                count: 25,
                ..Unicast::default()
            }
        },
    ];
    for edit in edits {
        let mut state = good;
        edit(&mut state);
        let mut machine = Machine::new();
        let before = machine.device;
        assert!(matches!(
            machine.device.load(&state),
            Err(LoadError::Profile(_))
        ));
        assert_eq!(machine.device, before);
    }
}

#[test]
fn a_load_replaces_everything() {
    let mut machine = Machine::up();
    machine.set_vlan(100, true);
    machine.receive(&plain(OWN, 60));
    machine.w(EICS, 7);
    machine.device.load(&State::default()).unwrap();
    assert_eq!(machine.device, Machine::loaded(&State::default()).device);
}
