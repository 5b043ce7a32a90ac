// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! States, and their streams: as the writer makes them, and assembled.

use super::{
    attributes, caps_of, entry, file_header, payload, raw, Stream, CRC, INITIAL_LEN, TOTAL_LEN,
};
use vmf::profile::igbvf_82576::{
    Filters, Interrupts, Mailbox, RxQueue, State, Statistics, TxQueue, Unicast, PROFILE,
};
use vmf::registry::{KIND_DESCRIPTOR, KIND_END};
use vmf::{Capabilities, DescriptorFields, Writer};

/// A state in which no field of version 1 is 0, and all others are.
pub fn state() -> State {
    State {
        statistics: Statistics::default(),
        unicast: Unicast::default(),
        ..state_v2()
    }
}

/// A state in which no field is 0.
pub fn state_v2() -> State {
    let rx = |n: u32| RxQueue {
        rdba: 0x1_2345_6000 + u64::from(n) * 0x1_0000,
        rdlen: 4096,
        srrctl: 0x0200_0002,
        rdh: 17 + n,
        rdt: 255 - n,
        rxdctl: 0x0201_0808,
        rxctl: 0x2a00,
        psrtype: if n == 0 { 0x10 } else { 0 },
    };
    let tx = |n: u32| TxQueue {
        tdba: 0x2_2345_6000 + u64::from(n) * 0x1_0000,
        tdwba: 0x3_0000_0001,
        tdlen: 2048,
        tdh: 100 + n,
        tdt: 101 + n,
        txdctl: 0x0200_0108,
        txctl: 0x2a00,
    };
    let interrupts = Interrupts {
        eims: 7,
        eiac: 5,
        eiam: 3,
        eitr: [488, 0x7ffc, 0xffff],
        ivar: 0x0000_8180,
        ivar_misc: 0x82,
    };
    // VF_RESET, then VF_SET_VLAN of VLAN 100, which is not answered.
    let mailbox = Mailbox {
        vmbmem: core::array::from_fn(|n| 0x8000_0001 + n as u32),
        request: core::array::from_fn(|n| [0x0001_0004, 100].get(n).copied().unwrap_or(0xa0)),
        r2c: 0x20,
        flags: Mailbox::FLAGS_VF_RESET_DONE | Mailbox::FLAGS_REQUEST_PENDING,
    };
    let mut filters = Filters {
        flags: Filters::FLAGS_MAC_VALID
            | Filters::FLAGS_VLAN_STRIP
            | Filters::FLAGS_MULTI_PROMISC
            | Filters::FLAGS_MAX_FRAME_VALID,
        mac: [2, 0, 0, 0x11, 0x22, 0x33],
        multicast_count: 255,
        max_frame: 1522,
        multicast: core::array::from_fn(|n| 0x0fff - 7 * n as u16),
        ..Filters::default()
    };
    for vlan in [1, 2, 100, 4095] {
        set_vlan(&mut filters, vlan);
    }
    let statistics = Statistics {
        gprc: 1000,
        gptc: 900,
        gorc: 1_500_000,
        gotc: u32::MAX,
        mprc: 12,
        gprlbc: 34,
        gptlbc: 35,
        gorlbc: 3400,
        gotlbc: 3500,
    };
    State {
        rx_queue: [rx(0), rx(1)],
        tx_queue: [tx(0), tx(1)],
        interrupts,
        mailbox,
        filters,
        statistics,
        unicast: unicast(3),
    }
}

pub fn set_vlan(filters: &mut Filters, vlan: usize) {
    filters.vlans[vlan / 8] |= 1 << (vlan % 8);
}

/// `count` unicast addresses.
pub fn unicast(count: u32) -> Unicast {
    let mut addresses = [0; 144];
    for (n, mac) in addresses.chunks_mut(6).take(count as usize).enumerate() {
        mac.copy_from_slice(&[2, 0, 0, 0xaa, 0xbb, n as u8]);
    }
    Unicast { count, addresses }
}

/// The descriptor of a source with `caps` that saves `state`.
pub fn fields<'a>(caps: &'a Capabilities, state: &State) -> DescriptorFields<'a> {
    let (required, optional) = PROFILE.split(PROFILE.newest(), &state.features());
    DescriptorFields {
        required,
        optional,
        ..caps.fields()
    }
}

/// The stream of `state`, for the target `version`, as the writer makes it.
pub fn written_as(version: u32, state: &State, provider: &[(u16, &[u8])]) -> Vec<u8> {
    let mut buf = vec![0xa5; 4096];
    let caps = caps_of(version);
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    let mut fields = fields(&caps, state);
    fields.provider = provider;
    writer.descriptor(&fields).unwrap();
    state.write(version, &mut writer).unwrap();
    let len = writer.end().unwrap();
    buf.truncate(len);
    buf
}

/// The stream of [`state`], of version 1, as the writer makes it.
pub fn written() -> Vec<u8> {
    let mut buf = vec![0xa5; TOTAL_LEN];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    writer.descriptor(&caps_of(1).fields()).unwrap();
    assert_eq!(writer.len(), INITIAL_LEN);
    state().write(1, &mut writer).unwrap();
    assert_eq!(writer.end(), Ok(TOTAL_LEN));
    buf
}

/// The raw sections of [`state`], of version 1, DESCRIPTOR and END included.
pub fn stream() -> Stream {
    let state = state();
    Stream {
        header: file_header(|_| {}),
        sections: vec![
            raw(KIND_DESCRIPTOR, 0, &payload(&attributes())),
            raw(RxQueue::KIND, 0, &state.rx_queue[0].encode()),
            raw(RxQueue::KIND, 1, &state.rx_queue[1].encode()),
            raw(TxQueue::KIND, 0, &state.tx_queue[0].encode()),
            raw(TxQueue::KIND, 1, &state.tx_queue[1].encode()),
            raw(Interrupts::KIND, 0, &state.interrupts.encode()),
            raw(Mailbox::KIND, 0, &state.mailbox.encode()),
            raw(Filters::KIND, 0, &state.filters.encode()),
            raw(KIND_END, 0, &[]),
        ],
        end: |_| {},
        tail: Vec::new(),
    }
}

/// The same for a version; 2 has all of [`state_v2`].
pub fn stream_as(version: u32) -> Stream {
    let mut stream = stream();
    if version == 1 {
        return stream;
    }
    let mut list = attributes();
    let mut set = |key, value: &[u8]| {
        let attr = list.iter_mut().find(|attr: &&mut (u16, _)| attr.0 == key);
        attr.unwrap().1 = value.to_vec();
    };
    set(4, &[2, 0, 0, 0, 1, 0, 0, 0]);
    set(5, &[1, 0, 0, 0, 0, 0, 0, 0]);
    let manifest = &mut list.iter_mut().find(|attr| attr.0 == 8).unwrap().1;
    manifest.extend(entry(Statistics::KIND, [1, 1], 0, 1, 40));
    manifest.extend(entry(Unicast::KIND, [1, 1], 1, 1, 152));
    stream.sections[0].payload = payload(&list);
    let state = state_v2();
    let mut statistics = raw(Statistics::KIND, 0, &state.statistics.encode());
    statistics.flags = 0;
    stream.add(statistics);
    stream.add(raw(Unicast::KIND, 0, &state.unicast.encode()));
    stream
}
