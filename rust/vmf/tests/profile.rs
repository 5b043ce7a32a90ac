// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The profile `vf.net.igbvf-82576`: layouts.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::samples::unicast;
use common::{state, state_v2};
use vmf::profile::igbvf_82576::{
    Filters, Interrupts, Mailbox, RxQueue, Statistics, TxQueue, Unicast, PROFILE, STATE_LEN_MAX,
};
use vmf::Code;

#[test]
fn layouts() {
    let rx = RxQueue {
        rdba: 0x0807_0605_0403_0220,
        rdlen: 0x1180,
        srrctl: 0x13,
        rdh: 0x14,
        rdt: 0x15,
        rxdctl: 0x16,
        rxctl: 0x17,
        psrtype: 0x18,
    };
    let mut want = [0; 40];
    want[..8].copy_from_slice(&[0x20, 2, 3, 4, 5, 6, 7, 8]);
    want[8..10].copy_from_slice(&[0x80, 0x11]);
    for (at, byte) in [
        (12, 0x13),
        (16, 0x14),
        (20, 0x15),
        (24, 0x16),
        (28, 0x17),
        (32, 0x18),
    ] {
        want[at] = byte;
    }
    assert_eq!(rx.encode(), want);

    let tx = TxQueue {
        tdba: 0x20,
        tdwba: 0x5,
        tdlen: 0x80,
        tdh: 0x14,
        tdt: 0x15,
        txdctl: 0x16,
        txctl: 0x17,
    };
    let mut want = [0; 40];
    for (at, byte) in [
        (0, 0x20),
        (8, 5),
        (16, 0x80),
        (20, 0x14),
        (24, 0x15),
        (28, 0x16),
        (32, 0x17),
    ] {
        want[at] = byte;
    }
    assert_eq!(tx.encode(), want);

    let interrupts = Interrupts {
        eims: 1,
        eiac: 2,
        eiam: 3,
        eitr: [4, 5, 6],
        ivar: 0x80,
        ivar_misc: 0x82,
    };
    let bytes = interrupts.encode();
    let words: Vec<u8> = bytes.chunks(4).map(|word| word[0]).collect();
    assert_eq!(words, [1, 2, 3, 4, 5, 6, 0x80, 0x82]);

    let mailbox = Mailbox {
        vmbmem: core::array::from_fn(|n| 1 + n as u32),
        request: core::array::from_fn(|n| 0x21 + n as u32),
        r2c: 0x20,
        flags: 6,
    };
    let bytes = mailbox.encode();
    let words: Vec<u8> = bytes[..128].chunks(4).map(|word| word[0]).collect();
    assert!(words.into_iter().eq((1..=0x10).chain(0x21..=0x30)));
    assert_eq!(bytes[128..], [0x20, 6, 0, 0, 0, 0, 0, 0]);

    let mut filters = Filters {
        multicast_count: 0x102,
        ..state().filters
    };
    filters.vlans[1] = 2;
    let bytes = filters.encode();
    let head = [
        15, 0, 0, 0, 2, 0, 0, 0x11, 0x22, 0x33, 2, 1, 0xf2, 5, 0, 0, 0xff, 0x0f, 0xf8, 0x0f,
    ];
    assert_eq!(bytes[..20], head);
    assert_eq!(bytes[76..83], [0, 0, 0, 0, 6, 2, 0]);
    assert_eq!(bytes[591], 0x80);
}

#[test]
fn layouts_of_version_2() {
    let statistics = Statistics {
        gprc: 1,
        gptc: 2,
        gorc: 3,
        gotc: 4,
        mprc: 5,
        gprlbc: 6,
        gptlbc: 7,
        gorlbc: 8,
        gotlbc: 9,
    };
    let words: Vec<u8> = statistics.encode().chunks(4).map(|word| word[0]).collect();
    assert_eq!(words, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]);
    let bytes = unicast(2).encode();
    let mut want = [0; 152];
    want[0] = 2;
    want[8..14].copy_from_slice(&[2, 0, 0, 0xaa, 0xbb, 0]);
    want[14..20].copy_from_slice(&[2, 0, 0, 0xaa, 0xbb, 1]);
    assert_eq!(bytes, want);
}

/// Type, payload and reserved bytes of each section.
fn payloads() -> Vec<(u32, Vec<u8>, std::ops::Range<usize>)> {
    let state = state_v2();
    vec![
        (RxQueue::KIND, state.rx_queue[0].encode().to_vec(), 36..40),
        (TxQueue::KIND, state.tx_queue[0].encode().to_vec(), 36..40),
        (Interrupts::KIND, state.interrupts.encode().to_vec(), 0..0),
        (Mailbox::KIND, state.mailbox.encode().to_vec(), 130..136),
        (Filters::KIND, state.filters.encode().to_vec(), 76..80),
        (Statistics::KIND, state.statistics.encode().to_vec(), 36..40),
        (Unicast::KIND, state.unicast.encode().to_vec(), 4..8),
    ]
}

#[test]
fn lengths_are_exact() {
    let verify = |kind, payload: &[u8]| (PROFILE.verify)(kind, 0, payload);
    let mut total = 0;
    for ((kind, bytes, reserved), spec) in payloads().into_iter().zip(PROFILE.sections) {
        assert_eq!((kind, bytes.len()), (spec.kind, spec.len_max as usize));
        assert_eq!(verify(kind, &bytes), Ok(()));
        total += spec.instances as usize * vmf::section_len(bytes.len());
        let longer = [&bytes[..], &[0; 9]].concat();
        for len in (0..longer.len()).filter(|&len| len != bytes.len()) {
            let refusal = verify(kind, &longer[..len]).unwrap_err();
            assert_eq!(refusal.code, Code::MsgSize);
            assert_eq!(
                (refusal.got, refusal.want),
                (len as u64, bytes.len() as u64)
            );
        }
        for at in reserved {
            let mut bytes = bytes.clone();
            bytes[at] = 1;
            let refusal = verify(kind, &bytes).unwrap_err();
            assert_eq!(refusal.code, Code::BadMsg, "{kind:#x} {at}");
        }
    }
    assert_eq!(total, STATE_LEN_MAX);
    assert_eq!(verify(0x10008, &[1]).unwrap_err().code, Code::IlSeq);
}

#[test]
fn decoding_inverts_encoding() {
    let state = state_v2();
    for (rx, tx) in state.rx_queue.iter().zip(&state.tx_queue) {
        assert_eq!(RxQueue::decode(&rx.encode()), Ok(*rx));
        assert_eq!(TxQueue::decode(&tx.encode()), Ok(*tx));
    }
    let interrupts = state.interrupts;
    assert_eq!(Interrupts::decode(&interrupts.encode()), Ok(interrupts));
    assert_eq!(Mailbox::decode(&state.mailbox.encode()), Ok(state.mailbox));
    assert_eq!(Filters::decode(&state.filters.encode()), Ok(state.filters));
    let statistics = state.statistics;
    assert_eq!(Statistics::decode(&statistics.encode()), Ok(statistics));
    assert_eq!(Unicast::decode(&state.unicast.encode()), Ok(state.unicast));
}
