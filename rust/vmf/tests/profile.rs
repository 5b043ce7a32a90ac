// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The profile `vf.net.igbvf-82576`: layouts and ranges.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::state;
use vmf::profile::igbvf_82576::{Filters, Interrupts, Mailbox, RxQueue, State, TxQueue, SECTIONS};
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

    let bytes = state().mailbox.encode();
    assert_eq!(
        (bytes[0], bytes[60], bytes[64], bytes[65]),
        (1, 0x10, 0x20, 6)
    );
    let bytes = state().filters.encode();
    assert_eq!(
        bytes,
        [1, 0, 0, 0, 2, 0, 0, 0x11, 0x22, 0x33, 0, 0, 0xf2, 5, 0, 0]
    );
}

#[test]
fn lengths_are_exact() {
    let state = state();
    let payloads: [Vec<u8>; 5] = [
        state.rx[0].encode().to_vec(),
        state.tx[0].encode().to_vec(),
        state.interrupts.encode().to_vec(),
        state.mailbox.encode().to_vec(),
        state.filters.encode().to_vec(),
    ];
    let decode = |n: usize, bytes: &[u8]| match n {
        0 => RxQueue::decode(bytes).map(|_| ()),
        1 => TxQueue::decode(bytes).map(|_| ()),
        2 => Interrupts::decode(bytes).map(|_| ()),
        3 => Mailbox::decode(bytes).map(|_| ()),
        _ => Filters::decode(bytes).map(|_| ()),
    };
    for (n, bytes) in payloads.iter().enumerate() {
        assert_eq!(usize::try_from(SECTIONS[n].len_max), Ok(bytes.len()));
        assert_eq!(decode(n, bytes), Ok(()));
        let longer = [&bytes[..], &[0; 9]].concat();
        for len in (0..longer.len()).filter(|&len| len != bytes.len()) {
            assert_eq!(decode(n, &longer[..len]).unwrap_err().code, Code::MsgSize);
        }
        // Reserved bytes.
        let reserved = [36..40, 36..40, 0..0, 66..72, 10..12][n].clone();
        for at in reserved {
            let mut bytes = bytes.clone();
            bytes[at] = 1;
            assert_eq!(
                decode(n, &bytes).unwrap_err().code,
                Code::BadMsg,
                "{n} {at}"
            );
        }
    }
    assert_eq!(RxQueue::decode(&payloads[0]), Ok(state.rx[0]));
    assert_eq!(TxQueue::decode(&payloads[1]), Ok(state.tx[0]));
    assert_eq!(Interrupts::decode(&payloads[2]), Ok(state.interrupts));
    assert_eq!(Mailbox::decode(&payloads[3]), Ok(state.mailbox));
    assert_eq!(Filters::decode(&payloads[4]), Ok(state.filters));
}

/// Applies `edit` to the state; returns the error, which `encode` and `decode` agree on.
fn edited(edit: impl FnOnce(&mut State)) -> Result<(), (Code, &'static str)> {
    let mut state = state();
    edit(&mut state);
    let valid = state.validate();
    let rx = state
        .rx
        .iter()
        .try_for_each(|rx| RxQueue::decode(&rx.encode()).map(|_| ()));
    let tx = state
        .tx
        .iter()
        .try_for_each(|tx| TxQueue::decode(&tx.encode()).map(|_| ()));
    let decoded = rx
        .and(tx)
        .and(Interrupts::decode(&state.interrupts.encode()).map(|_| ()))
        .and(Mailbox::decode(&state.mailbox.encode()).map(|_| ()))
        .and(Filters::decode(&state.filters.encode()).map(|_| ()));
    if state.rx[1].psrtype == 0 {
        assert_eq!(valid, decoded);
    }
    valid.map_err(|refusal| (refusal.code, refusal.reason))
}

#[test]
fn queue_ranges() {
    let bad = |reason| Err((Code::Range, reason));
    const ENABLE: u32 = 1 << 25;
    assert_eq!(edited(|_| {}), Ok(()));
    assert_eq!(edited(|s| s.rx[1].rdba = 0x10), bad("rdba"));
    assert_eq!(edited(|s| s.rx[1].rdba = !0x1f), Ok(()));
    assert_eq!(edited(|s| s.tx[1].tdba = 1), bad("tdba"));
    assert_eq!(edited(|s| s.rx[0].rdlen = 0xfff80), Ok(()));
    assert_eq!(edited(|s| s.rx[0].rdlen = 0x100000), bad("rdlen"));
    assert_eq!(edited(|s| s.rx[0].rdlen = 4096 + 64), bad("rdlen"));
    assert_eq!(edited(|s| s.tx[0].tdlen = 0x100000), bad("tdlen"));
    assert_eq!(
        edited(|s| s.rx[0].rdlen = 0),
        bad("rdlen of an enabled queue")
    );
    assert_eq!(
        edited(|s| s.tx[0].tdlen = 0),
        bad("tdlen of an enabled queue")
    );
    assert_eq!(edited(|s| s.rx[0].rdh = 255), Ok(()));
    assert_eq!(edited(|s| s.rx[0].rdh = 256), bad("rdh"));
    assert_eq!(edited(|s| s.rx[0].rdt = 256), bad("rdt"));
    assert_eq!(edited(|s| s.tx[0].tdh = 128), bad("tdh"));
    assert_eq!(edited(|s| s.tx[0].tdt = u32::MAX), bad("tdt"));
    // Without ENABLE: whatever the device can hold.
    let idle = |len: u32, index: u32| {
        edited(move |s| {
            s.rx[0].rxdctl &= !ENABLE;
            s.tx[0].txdctl &= !ENABLE;
            (s.rx[0].rdlen, s.tx[0].tdlen) = (len, len);
            (s.rx[0].rdh, s.rx[0].rdt) = (index, 0);
            (s.tx[0].tdh, s.tx[0].tdt) = (0, index);
        })
    };
    assert_eq!(idle(0, 0xffff), Ok(()));
    assert_eq!(idle(128, 0xffff), Ok(()));
    assert_eq!(idle(0, 0x10000), bad("rdh"));
    assert_eq!(edited(|s| s.rx[0].rxdctl |= 1 << 26), bad("rxdctl"));
    assert_eq!(edited(|s| s.rx[1].psrtype = 1), bad("psrtype of queue 1"));
    assert_eq!(State::default().validate(), Ok(()));
}

#[test]
fn function_ranges() {
    let bad = |reason| Err((Code::Range, reason));
    let reserved = Err((Code::BadMsg, "reserved field"));
    assert_eq!(edited(|s| s.interrupts.eims = 8), bad("eims"));
    assert_eq!(edited(|s| s.interrupts.eiac = 8), bad("eiac"));
    assert_eq!(edited(|s| s.interrupts.eiam = 8), bad("eiam"));
    for n in 0..3 {
        assert_eq!(edited(|s| s.interrupts.eitr[n] = 1 << 31), bad("eitr"));
    }
    assert_eq!(edited(|s| s.interrupts.ivar = 0x8381_8000), Ok(()));
    assert_eq!(edited(|s| s.interrupts.ivar = 4), bad("ivar"));
    assert_eq!(edited(|s| s.interrupts.ivar_misc = 0x40), bad("ivar_misc"));
    assert_eq!(edited(|s| s.mailbox.r2c = 0xb0), Ok(()));
    for bit in [0, 1, 2, 3, 6] {
        assert_eq!(edited(|s| s.mailbox.r2c = 1 << bit), bad("r2c"));
    }
    assert_eq!(edited(|s| s.mailbox.flags = 7), Ok(()));
    assert_eq!(edited(|s| s.mailbox.flags = 8), reserved);
    assert_eq!(edited(|s| s.filters.flags = 3), reserved);
    assert_eq!(edited(|s| s.filters.mac = [0; 6]), bad("mac"));
    assert_eq!(edited(|s| s.filters.mac[0] = 1), bad("mac"));
    assert_eq!(edited(|s| s.filters.flags = 0), bad("mac without its flag"));
    assert_eq!(
        edited(|s| (s.filters.flags, s.filters.mac) = (0, [0; 6])),
        Ok(())
    );
    assert_eq!(edited(|s| s.filters.max_frame = 0), Ok(()));
    assert_eq!(edited(|s| s.filters.max_frame = 0x2600), Ok(()));
    assert_eq!(edited(|s| s.filters.max_frame = 0x2601), bad("max_frame"));
}
