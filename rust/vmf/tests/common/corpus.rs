// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The golden vectors: the streams of `selftests/vectors/vf.net.igbvf-82576` and what they mean.

use super::samples::{self, set_vlan, state, state_v2, unicast, written_as};
use super::{attr, attributes_of, entry, file_header, limit, raw, Raw, Stream};
use std::path::PathBuf;
use vmf::profile::igbvf_82576::{
    Filters, Interrupts, Mailbox, RxQueue, State, Statistics, TxQueue, Unicast,
};
use vmf::Code::{self, *};
use vmf::{FLAG_CONT, FLAG_CRITICAL};

/// What the driver says of itself.
pub const PROVIDER: &[(u16, &[u8])] = &[(65, b"igbvf_vfio_pci")];

/// A stream that every reader of its version, or a newer one, loads.
pub struct Good {
    pub name: &'static str,
    pub version: u32,
    pub state: State,
}

impl Good {
    pub fn bytes(&self) -> Vec<u8> {
        written_as(self.version, &self.state, PROVIDER)
    }
}

/// A stream that the newest reader refuses.
pub struct Refused {
    pub name: &'static str,
    pub code: Code,
    pub offset: u64,
    pub reason: &'static str,
    pub bytes: Vec<u8>,
}

pub fn directory() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../../selftests/vectors/vf.net.igbvf-82576")
}

/// The guest has sent VF_SET_VLAN and holds the buffer; the queues are not set up.
fn mailbox_pending() -> State {
    let mut request = [0; 16];
    request[..2].copy_from_slice(&[0x0001_0004, 100]);
    let mac = state().filters.mac;
    State {
        mailbox: Mailbox {
            vmbmem: request,
            request,
            r2c: 0,
            flags: Mailbox::FLAGS_VF_RESET_DONE | Mailbox::FLAGS_REQUEST_PENDING,
        },
        filters: Filters {
            flags: Filters::FLAGS_MAC_VALID,
            mac,
            ..Filters::default()
        },
        ..State::default()
    }
}

/// As much of everything as there can be.
fn full() -> State {
    let mut state = state_v2();
    state.unicast = unicast(24);
    (1..=31).for_each(|vlan| set_vlan(&mut state.filters, 128 * vlan));
    for vlan in [1, 2, 100, 4095] {
        state.filters.vlans[vlan / 8] &= !(1 << (vlan % 8));
    }
    state.filters.max_frame = 0x2600;
    for (n, queue) in state.rx_queue.iter_mut().enumerate() {
        queue.rdlen = 0xffff0;
        (queue.rdh, queue.rdt) = (0xfff8 - 1, 0xfff8 - 2 - n as u32);
    }
    state
}

pub fn good() -> Vec<Good> {
    let good = |name, version, state| Good {
        name,
        version,
        state,
    };
    let no_request = |mut state: State| {
        state.mailbox.request = [0; 16];
        state.mailbox.flags = Mailbox::FLAGS_VF_RESET_DONE | Mailbox::FLAGS_VFU;
        state
    };
    let statistics = State {
        unicast: Unicast::default(),
        ..no_request(state_v2())
    };
    vec![
        good("v1-mailbox-pending", 1, mailbox_pending()),
        good("v1-reset", 1, State::default()),
        good("v1-running", 1, state()),
        good("v2-full", 2, full()),
        good("v2-reset", 2, State::default()),
        good("v2-running", 2, statistics),
        good("v2-unicast", 2, no_request(state_v2())),
    ]
}

/// The offset of the first state section of `v2-reset`, on which all of the below are built.
const S: u64 = vmf::preamble_len(super::DESCRIPTOR_LEN + 24 + 24) as u64;
/// The offsets of the sections behind the queues, of END and of the end.
const INTERRUPTS: u64 = S + 4 * super::QUEUE;
const MAILBOX: u64 = INTERRUPTS + vmf::section_len(Interrupts::LEN) as u64;
const FILTERS: u64 = MAILBOX + vmf::section_len(Mailbox::LEN) as u64;
const END: u64 = FILTERS + vmf::section_len(Filters::LEN) as u64;
const TOTAL: u64 = END + super::END_LEN;
/// The offset of attribute 7.
const KEY_7: u64 = 64 + 24 + 24 + 32 + 16 + 16;

/// `v2-reset`, changed.
fn from(edit: impl FnOnce(&mut Stream)) -> Vec<u8> {
    let good = written_as(2, &State::default(), PROVIDER);
    assert_eq!(good.len() as u64, TOTAL);
    let mut stream = Stream::parse(&good);
    edit(&mut stream);
    stream.bytes()
}

/// The same with one byte changed, and no CRC made right.
fn damaged(at: u64) -> Vec<u8> {
    let mut bytes = from(|_| {});
    bytes[at as usize] ^= 0x10;
    bytes
}

/// With other attributes.
fn descriptor(edit: impl FnOnce(&mut Vec<(u16, u16, Vec<u8>)>)) -> Vec<u8> {
    from(|s| {
        let mut list = attributes_of(&s.sections[0].payload);
        edit(&mut list);
        let list = list.iter();
        s.sections[0].payload = list
            .flat_map(|(key, flags, value)| attr(*key, *flags, value))
            .collect();
    })
}

/// With the value of one attribute changed.
fn attribute(key: u16, edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    descriptor(|list| edit(&mut list.iter_mut().find(|attr| attr.0 == key).unwrap().2))
}

/// With a byte of the payload of a section changed.
fn payload(kind: u32, at: usize, value: u8) -> Vec<u8> {
    from(|s| s.get(kind).payload[at] = value)
}

/// With an optional section of 7 bytes that no reader knows.
fn unknown(edit: impl FnOnce(&mut Raw)) -> Vec<u8> {
    let mut other = Raw {
        flags: 0,
        ..raw(0x20000, 0, &[1; 7])
    };
    edit(&mut other);
    let bytes = attribute(8, |list| list.extend(entry(0x20000, [1, 1], 0, 1, 8)));
    let mut stream = Stream::parse(&bytes);
    stream.add(other);
    stream.bytes()
}

fn end(edit: fn(&mut Vec<u8>)) -> Vec<u8> {
    from(|s| s.end = edit)
}

fn flags(kind: u32, flags: u16) -> Vec<u8> {
    from(|s| s.get(kind).flags |= flags)
}

pub fn refused() -> Vec<Refused> {
    let mut list = container();
    list.extend(descriptors());
    list.extend(states());
    list.sort_by_key(|refused| refused.name);
    list
}

fn refuse(
    name: &'static str,
    code: Code,
    offset: u64,
    reason: &'static str,
    bytes: Vec<u8>,
) -> Refused {
    Refused {
        name,
        code,
        offset,
        reason,
        bytes,
    }
}

#[rustfmt::skip] // A table.
fn container() -> Vec<Refused> {
    let header = |edit: fn(&mut Vec<u8>)| from(|s| s.header = file_header(edit));
    let tiny = |n| Raw { flags: 0, ..raw(0x20000, n, &[1]) };
    let many = || {
        let bytes = attribute(8, |list| list.extend(entry(0x20000, [1, 1], 0, 99, 8)));
        let mut stream = Stream::parse(&bytes);
        (0..56).for_each(|n| stream.add(tiny(n)));
        stream.bytes()
    };
    // What is wrong with the length counts before what the manifest says of the schema.
    let fragments = || {
        let mut stream = Stream::parse(&unknown(|s| s.flags = FLAG_CONT));
        stream.add(Raw { flags: 0, schema: 2, length: Some(0), ..raw(0x20000, 0, &[1]) });
        stream.bytes()
    };
    let length = |at: usize, length| from(|s| s.sections[at].length = Some(length));
    let descriptor_late = from(|s| {
        let again = Raw { instance: 1, ..s.sections[0].clone() };
        s.sections.insert(2, again);
    });
    let cut = |len: u64| from(|_| {})[..len as usize].to_vec();
    let two = S + super::QUEUE;
    let flagged = FLAG_CRITICAL | FLAG_CONT;
    vec![
        refuse("header-magic", BadMsg, 0, "magic", header(|h| h[0] = 0x88)),
        refuse("header-endian", BadMsg, 0, "endian tag", header(|h| h[8..12].reverse())),
        refuse("header-length", BadMsg, 0, "file header length", header(|h| h[16] = 36)),
        refuse("header-crc", BadMsg, 0, "file header CRC", damaged(24)),
        refuse("header-major", ProtoNoSupport, 0, "container major version", header(|h| h[12] = 2)),
        refuse("header-incompat", ProtoNoSupport, 0, "incompatible-feature bits", header(|h| h[22] = 1)),
        refuse("section-header-crc", BadMsg, S, "section header CRC", damaged(S + 12)),
        refuse("section-payload-crc", BadMsg, S, "payload CRC", damaged(S + 33)),
        refuse("section-padding", BadMsg, END + 24, "section padding not zero", unknown(|s| s.padding = 1)),
        refuse("section-flag", BadMsg, S, "section flags", flags(RxQueue::KIND, 8)),
        refuse("section-type-0", BadMsg, S, "section type 0", from(|s| s.sections[1].kind = 0)),
        refuse("section-schema", OpNotSupp, 32, "schema of a container section too new", from(|s| s.sections[0].schema = 2)),
        refuse("order-seq", IlSeq, two, "section seq", from(|s| s.sections[2].seq = Some(3))),
        refuse("order-swapped", IlSeq, two, "sections not ascending", from(|s| s.sections.swap(1, 2))),
        refuse("order-duplicate", IlSeq, two, "duplicate section", from(|s| s.sections.insert(1, s.sections[1].clone()))),
        refuse("order-no-descriptor", IlSeq, 32, "first section not DESCRIPTOR", from(|s| drop(s.sections.remove(0)))),
        refuse("order-descriptor-late", IlSeq, two, "DESCRIPTOR after state", descriptor_late),
        refuse("order-not-in-manifest", IlSeq, END, "section not in the manifest", from(|s| s.add(tiny(0)))),
        refuse("order-schema", IlSeq, S, "schema not as in the manifest", from(|s| s.sections[1].schema = 2)),
        refuse("order-instance", IlSeq, END + 24, "instance not in the manifest", unknown(|s| s.instance = 1)),
        refuse("order-missing", IlSeq, END - 72, "section missing", from(|s| drop(s.sections.remove(1)))),
        refuse("order-two-ends", IlSeq, TOTAL, "bytes after END", from(|s| s.sections.push(s.sections[8].clone()))),
        refuse("order-tail", IlSeq, TOTAL, "bytes after END", from(|s| s.tail = vec![0])),
        refuse("order-fragment-due", IlSeq, END + 24 + 40, "END where a fragment is due", unknown(|s| s.flags = FLAG_CONT)),
        refuse("order-fragmented", IlSeq, FILTERS, "fragmented section", from(|s| s.get(Filters::KIND).flags = flagged)),
        refuse("order-fragment-schema", MsgSize, END + 24 + 40, "section length", fragments()),
        refuse("end-sections", IlSeq, END, "section count in END", end(|end| end[0] -= 1)),
        refuse("end-total", IlSeq, END, "length in END", end(|end| end[8] ^= 8)),
        refuse("end-crc", BadMsg, END, "stream CRC in END", end(|end| end[16] ^= 1)),
        refuse("end-reserved", BadMsg, END, "reserved field of end", end(|end| end[20] = 1)),
        refuse("length-huge", MsgSize, S, "section length", length(1, u64::MAX)),
        refuse("length-0", MsgSize, S, "section length", length(1, 0)),
        refuse("length-end", MsgSize, END, "section length", length(8, 32)),
        refuse("length-descriptor", MsgSize, 32, "section length", length(0, 4033)),
        refuse("length-short", MsgSize, S, "section length", from(|s| s.sections[1].payload.truncate(36))),
        refuse("total-own", FBig, END, "stream length", attribute(9, |v| *v = (TOTAL - 1).to_le_bytes().to_vec())),
        refuse("total-sections", FBig, END + 24 + 56 * 40, "too many sections", many()),
        refuse("end-missing", NoData, END, "stream ended before END", cut(END)),
        refuse("end-truncated", NoData, TOTAL - 1, "stream ended before END", cut(TOTAL - 1)),
        refuse("empty", NoData, 0, "stream ended before END", Vec::new()),
    ]
}

#[rustfmt::skip] // A table.
fn descriptors() -> Vec<Refused> {
    let unknown = |flags| descriptor(|list| list.push((200, flags, vec![1])));
    let twice = descriptor(|list| list.insert(1, list[0].clone()));
    let manifest = |entry: Vec<u8>| attribute(8, |list| list.extend(entry));
    vec![
        refuse("attribute-order", BadMsg, 64 + 24, "attribute keys not ascending", twice),
        refuse("attribute-flags", BadMsg, 64, "attribute flags", descriptor(|list| list[0].1 = 3)),
        refuse("attribute-missing", BadMsg, S - 16, "mandatory attribute missing", descriptor(|list| drop(list.remove(7)))),
        refuse("attribute-length", BadMsg, 64, "attribute value length", attribute(1, |v| v.truncate(15))),
        refuse("attribute-must", OpNotSupp, 32, "unknown mandatory attribute", unknown(1)),
        refuse("identity-reserved", BadMsg, 64, "reserved field of presented", attribute(1, |v| v[15] = 1)),
        refuse("identity-device", XDev, 32, "device id", attribute(1, |v| v[2..4].copy_from_slice(&[0x20, 0x15]))),
        refuse("identity-revision", XDev, 32, "revision id", attribute(1, |v| v[8] = 2)),
        refuse("profile-uuid", XDev, 32, "profile UUID", attribute(2, |v| v[0] ^= 1)),
        refuse("profile-name", XDev, 32, "profile name", attribute(3, |v| v[17] = b'5')),
        refuse("version-new", OpNotSupp, 32, "profile version too new", attribute(4, |v| (v[0], v[4]) = (3, 3))),
        refuse("version-min-reader", BadMsg, 64 + 80, "min_reader not within 1..=version", attribute(4, |v| v[4] = 3)),
        refuse("feature-unknown", OpNotSupp, 32, "required features", attribute(5, |v| v[0] = 2)),
        refuse("limit-exceeded", Dom, 32, "rx-queues", attribute(7, |v| v[8] = 3)),
        refuse("limit-rule", Dom, 32, "rule of a limit", attribute(7, |v| v[2] = 6)),
        refuse("limit-unknown", OpNotSupp, 32, "unknown limit", attribute(7, |v| v.extend(limit(9, 2, 1)))),
        refuse("limit-order", BadMsg, KEY_7, "limit ids not ascending", attribute(7, |v| v[16] = 1)),
        refuse("manifest-critical", OpNotSupp, 32, "unknown critical section", manifest(entry(0x20000, [1, 1], 1, 1, 8))),
        refuse("manifest-schema", OpNotSupp, 32, "schema of a critical section too new", attribute(8, |v| (v[4], v[6]) = (2, 2))),
        refuse("manifest-instances", Dom, 32, "number of section instances", attribute(8, |v| v[12] = 3)),
        refuse("total-too-long", FBig, 32, "stream_max", attribute(9, |v| v[0] = 1)),
    ]
}

#[rustfmt::skip] // A table.
fn states() -> Vec<Refused> {
    let statistics = |payload: [u8; 40]| from(|s| {
        s.add(Raw { flags: 0, ..raw(Statistics::KIND, 0, &payload) });
    });
    // Of a later schema all known fields can be 0: not the section is refused, but END.
    let later = || {
        let bytes = attribute(8, |v| (v[5 * 24 + 4], v[5 * 24 + 16]) = (2, 48));
        let mut stream = Stream::parse(&bytes);
        stream.add(Raw { flags: 0, schema: 2, ..raw(Statistics::KIND, 0, &[0; 48]) });
        stream.end = |end| end[0] -= 1;
        stream.bytes()
    };
    let mut reserved = [1; 40];
    reserved[39] = 1;
    let unicast = |unicast: Unicast| {
        let good = written_as(2, &State { unicast: samples::unicast(1), ..State::default() }, PROVIDER);
        let mut stream = Stream::parse(&good);
        stream.get(Unicast::KIND).payload = unicast.encode().to_vec();
        stream.bytes()
    };
    let mut group = samples::unicast(2);
    group.addresses[6] |= 1;
    let many = Unicast { count: 25, ..samples::unicast(24) };
    vec![
        refuse("state-reserved", BadMsg, S, "reserved field of rx-queue", payload(RxQueue::KIND, 36, 1)),
        refuse("state-mailbox-flag", BadMsg, MAILBOX, "unknown flag of mailbox", payload(Mailbox::KIND, 129, 8)),
        refuse("state-statistics-reserved", BadMsg, END, "reserved field of statistics", statistics(reserved)),
        refuse("state-rdba", Range, S, "rdba: not a multiple", payload(RxQueue::KIND, 0, 16)),
        refuse("state-rdlen", Range, S, "rdlen: too large", payload(RxQueue::KIND, 10, 0x10)),
        refuse("state-rxdctl", Range, S, "rxdctl: bits outside of the mask", payload(RxQueue::KIND, 27, 4)),
        refuse("state-tdlen", Range, S + 2 * super::QUEUE, "tdlen: 0 although txdctl.enable is set", payload(TxQueue::KIND, 31, 2)),
        refuse("state-tdh", Range, S + 2 * super::QUEUE, "tdh: beyond the ring", payload(TxQueue::KIND, 22, 1)),
        refuse("state-psrtype", Range, S + super::QUEUE, "psrtype: not 0 in another instance than 0", from(|s| s.sections[2].payload[32] = 1)),
        refuse("state-eims", Range, INTERRUPTS, "eims: bits outside of the mask", payload(Interrupts::KIND, 0, 8)),
        refuse("state-request", Range, MAILBOX, "request: not 0 without flags.request_pending", payload(Mailbox::KIND, 64, 1)),
        refuse("state-mac", Range, FILTERS, "mac: no unicast address", payload(Filters::KIND, 0, 1)),
        refuse("state-multicast", Range, FILTERS, "multicast: not 0 beyond multicast_count", payload(Filters::KIND, 16, 1)),
        refuse("state-vlan-0", Range, FILTERS, "vlans: bit 0 set", payload(Filters::KIND, 80, 1)),
        refuse("state-statistics-zero", Range, END, "section that is to be left out if it is 0", statistics([0; 40])),
        refuse("state-statistics-later", IlSeq, END + 80, "section count in END", later()),
        refuse("state-unicast-zero", Range, END + 24, "section that is to be left out if it is 0", unicast(Unicast::default())),
        refuse("state-unicast-many", Range, END + 24, "count: too large", unicast(many)),
        refuse("state-unicast-group", Range, END + 24, "addresses: no unicast address, or not 0 beyond count", unicast(group)),
    ]
}

/// `MANIFEST.json` of the streams that are refused.
pub fn manifest() -> String {
    let lines: Vec<_> = refused()
        .iter()
        .map(|refused| {
            let Refused {
                name,
                offset,
                reason,
                ..
            } = refused;
            let errno = refused.code.name();
            format!(
                "  \"{name}.vmf\": \
                 {{\"errno\": \"{errno}\", \"offset\": {offset}, \"reason\": \"{reason}\"}}"
            )
        })
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// All good vectors, for the tests to damage.
pub fn seeds() -> Vec<Vec<u8>> {
    good().iter().map(Good::bytes).collect()
}
