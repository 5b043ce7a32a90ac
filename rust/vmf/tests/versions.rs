// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Versions: newer readers take older streams, and older readers newer ones that use nothing new.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{
    caps_of, edited_as, entry, fields, payload_also, raw, read_as, refused_as, state, state_v2,
    stream, stream_as, written, written_as, Raw, Stream, CRC, END, QUEUE,
};
use vmf::profile::igbvf_82576::{State, Statistics, Unicast, PROFILE};
use vmf::{preflight, Code, Refusal, Writer, DESCRIPTOR_MAX, FLAG_CRITICAL};

/// With statistics, and without a feature in use.
fn counting() -> State {
    State {
        unicast: Unicast::default(),
        ..state_v2()
    }
}

/// The offset of the first state section behind a descriptor with this many sections more.
fn state_at(more: u64) -> u64 {
    common::STATE + 24 * more
}

#[test]
fn writer_agrees_with_the_assembler() {
    assert_eq!(written_as(1, &state(), &[]), stream().bytes());
    assert_eq!(written_as(2, &state_v2(), &[]), stream_as(2).bytes());
}

#[test]
fn litmus_1_old_stream_to_the_newest_reader() {
    for state in [State::default(), state()] {
        let outcome = read_as(caps_of(2), &written_as(1, &state, &[]));
        assert_eq!(outcome.result, Ok(()));
        let loaded = outcome.log.loader.state().unwrap();
        assert_eq!(loaded, &state);
        assert_eq!(loaded.statistics, Statistics::default());
        assert_eq!(loaded.unicast, Unicast::default());
    }
}

#[test]
fn litmus_2_new_stream_without_a_new_feature_to_an_old_reader() {
    let bytes = written_as(2, &counting(), &[]);
    let seen = |version| {
        let outcome = read_as(caps_of(version), &bytes);
        assert_eq!(outcome.result, Ok(()));
        let events = outcome.log.events.len();
        (*outcome.log.loader.state().unwrap(), events)
    };
    assert_eq!(seen(2), (counting(), 2 + 8));
    // The statistics are dropped, and nothing else.
    assert_eq!(seen(1), (state(), 2 + 7));
}

#[test]
fn litmus_3_new_stream_with_a_new_feature_to_an_old_reader() {
    let bytes = written_as(2, &state_v2(), &[]);
    assert_eq!(read_as(caps_of(2), &bytes).result, Ok(()));
    let error = refused_as(caps_of(1), &bytes);
    let got = (error.code, error.reason, error.offset);
    assert_eq!(got, (Code::OpNotSupp, "required features", 32));
    assert_eq!((error.got, error.want), (1, 0));
    assert_eq!(error.section.unwrap().kind, 1);
    // Already before the migration.
    let preamble = &bytes[..state_at(2) as usize];
    let mut buf = [0; DESCRIPTOR_MAX];
    assert_eq!(preflight(preamble, &caps_of(2), CRC, &mut buf), Ok(()));
    assert_eq!(preflight(preamble, &caps_of(1), CRC, &mut buf), Err(error));
}

#[test]
fn litmus_4_old_target() {
    // What version 1 has no word for, but may be lost, is left out.
    assert_eq!(written_as(1, &counting(), &[]), written());
    assert_eq!(written(), stream().bytes());
    // What may not be lost is refused, before anything is written.
    let mut buf = [0; 4096];
    let caps = caps_of(1);
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    writer.descriptor(&fields(&caps, &state())).unwrap();
    let len = writer.len();
    let refusal = state_v2().write(1, &mut writer).unwrap_err();
    let want = Refusal::new(Code::OpNotSupp, "unicast-filters", 1, 2);
    assert_eq!((refusal, writer.len()), (want, len));
    let used = state_v2().features();
    assert_eq!(PROFILE.expressible(1, &used), Err(want));
    assert_eq!(PROFILE.expressible(1, &counting().features()), Ok(()));
    assert_eq!(PROFILE.expressible(2, &used), Ok(()));
    for version in [0, 3, u32::MAX] {
        let refusal = state().write(version, &mut writer).unwrap_err();
        let got = (refusal.code, refusal.reason, refusal.got, refusal.want);
        let want = (
            Code::OpNotSupp,
            "no such profile version",
            version.into(),
            2,
        );
        assert_eq!((got, writer.len()), (want, len));
        assert!(PROFILE.capabilities(version, common::presented()).is_none());
    }
}

#[test]
fn litmus_7_superset_and_subset() {
    let old = caps_of(1);
    let new = caps_of(2);
    let (plain, using) = (
        written_as(2, &counting(), &[]),
        written_as(2, &state_v2(), &[]),
    );
    for (caps, bytes, want) in [
        (new, &plain, None),
        (new, &using, None),
        (old, &plain, None),
        (old, &using, Some((Code::OpNotSupp, "required features"))),
    ] {
        let error = read_as(caps, bytes).result.err();
        assert_eq!(error.map(|error| (error.code, error.reason)), want);
    }
    // A version 2 device whose PF has no room for filters lacks the feature only.
    let mut without = new;
    without.features.set(0, false);
    assert_eq!(read_as(without, &plain).result, Ok(()));
    let error = refused_as(without, &using);
    assert_eq!((error.code, error.offset), (Code::OpNotSupp, 32));
    // Fewer queues.
    for (id, name) in [(1, "rx-queues"), (2, "tx-queues")] {
        let mut fewer = new;
        assert!(fewer.limits.set(id, 1));
        let error = refused_as(fewer, &using);
        assert_eq!((error.code, error.reason), (Code::Dom, name));
        let mut more = new;
        assert!(more.limits.set(id, 3));
        assert_eq!(read_as(more, &using).result, Ok(()));
    }
    for vectors in [2, 4] {
        let mut other = new;
        assert!(other.limits.set(3, vectors));
        let error = refused_as(other, &using);
        assert_eq!((error.code, error.reason), (Code::Dom, "msix-vectors"));
    }
}

#[test]
fn presence_goes_by_the_version_of_the_stream() {
    for version in [1, 2] {
        let count = stream_as(version).sections.len();
        for at in 1..count - 1 {
            let bytes = edited_as(version, |s| drop(s.sections.remove(at)));
            for reader in [1, 2] {
                let result = read_as(caps_of(reader), &bytes).result;
                if at > common::LENS.len() && reader == 2 {
                    // Statistics and unicast filters.
                    assert_eq!(result, Ok(()), "{version} {at}");
                } else if reader >= version {
                    let error = result.unwrap_err();
                    let got = (error.code, error.reason);
                    assert_eq!(got, (Code::IlSeq, "section missing"), "{version} {at}");
                }
            }
        }
    }
}

#[test]
fn version_1_has_no_section_of_version_2() {
    for kind in [Statistics::KIND, Unicast::KIND] {
        let bytes = edited_as(1, |s| s.add(raw(kind, 0, &[1])));
        for version in [1, 2] {
            let error = refused_as(caps_of(version), &bytes);
            let got = (error.code, error.reason, error.offset);
            assert_eq!(got, (Code::IlSeq, "section not in the manifest", END));
        }
    }
    // As in the manifest of a later version: by its flags.
    let also = |flags| payload_also(&[entry(Unicast::KIND, [1, 1], flags, 1, 152)]);
    let with = |flags: u16| {
        move |s: &mut Stream| {
            s.sections[0].payload = also(flags);
            s.add(Raw {
                flags,
                ..raw(Unicast::KIND, 0, &state_v2().unicast.encode())
            });
        }
    };
    let error = refused_as(caps_of(1), &edited_as(1, with(FLAG_CRITICAL)));
    assert_eq!(error.reason, "unknown critical section");
    assert_eq!(read_as(caps_of(1), &edited_as(1, with(0))).result, Ok(()));
}

#[test]
fn zeros_are_left_out() {
    // By the writer.
    let len = |state: &State| written_as(2, state, &[]).len();
    let base = len(&state());
    assert_eq!(len(&counting()), base + 72);
    assert_eq!(len(&state_v2()), base + 72 + 24 + 184);
    let one = |edit: fn(&mut Statistics)| {
        let mut state = state();
        edit(&mut state.statistics);
        len(&state)
    };
    assert_eq!(one(|s| s.gprc = 1), base + 72);
    assert_eq!(one(|s| s.gotlbc = 1), base + 72);
    // And required to be by the reader.
    let zero = |at: usize, len: usize| edited_as(2, move |s| s.sections[at].payload = vec![0; len]);
    let reason = "section that is to be left out if it is 0";
    let statistics = state_at(2) + (END - common::STATE);
    for (at, len, offset) in [(8, 40, statistics), (9, 152, statistics + QUEUE)] {
        let error = refused_as(caps_of(2), &zero(at, len));
        let got = (error.code, error.reason, error.offset);
        assert_eq!(got, (Code::Range, reason, offset));
    }
    // Sections that are not optional are written although they are 0.
    let reset = written_as(2, &State::default(), &[]);
    assert_eq!(reset.len(), base);
    let outcome = read_as(caps_of(2), &reset);
    assert_eq!(outcome.log.loader.state(), Some(&State::default()));
}

#[test]
fn put_goes_by_the_profile() {
    let mut buf = [0; 4096];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    writer.descriptor(&caps_of(2).fields()).unwrap();
    let len = writer.len();
    let statistics = state_v2().statistics.encode();
    let mut put = |version, kind, payload: &[u8]| {
        let before = writer.len();
        let result = PROFILE.put(&mut writer, version, kind, 0, payload);
        result.map(|()| writer.len() - before)
    };
    // Not of the version; 0; of it.
    assert_eq!(put(1, Statistics::KIND, &statistics), Ok(0));
    assert_eq!(put(2, Statistics::KIND, &[0; 40]), Ok(0));
    assert_eq!(put(2, Statistics::KIND, &statistics), Ok(72));
    // Others are written whatever they hold, and with the flags of the profile.
    let refusal = put(2, 0x10005, &[0; 592]).unwrap_err();
    assert_eq!(refusal.reason, "sections not ascending");
    let unknown = put(2, 0x10008, &[1]).unwrap_err();
    let want = Refusal::new(Code::IlSeq, "not of this profile", 0x10008, 0);
    assert_eq!((unknown, writer.len()), (want, len + 72));
    writer.end().unwrap();
    let flags = u16::from_le_bytes([buf[len + 6], buf[len + 7]]);
    assert_eq!((buf[len], flags), (6, 0));
}

/// A writer has one way to say a thing: what does not belong into a stream is refused, not ignored.
#[test]
fn sections_that_do_not_belong_are_refused() {
    let late = edited_as(1, |s| {
        s.sections[0].payload = payload_also(&[entry(Statistics::KIND, [1, 1], 0, 1, 40)]);
        s.add(Raw {
            flags: 0,
            ..raw(Statistics::KIND, 0, &state_v2().statistics.encode())
        });
    });
    let error = refused_as(caps_of(2), &late);
    assert_eq!(error.code, Code::IlSeq);
    assert_eq!(error.reason, "section of a later version");
    assert_eq!((error.got, error.want), (1, 2));

    let unannounced = edited_as(2, |s| {
        let mut list = common::attributes_of(&s.sections[0].payload);
        list.iter_mut().find(|attr| attr.0 == 5).unwrap().2 = vec![0; 8];
        let attrs = list.iter();
        s.sections[0].payload = attrs
            .flat_map(|(k, f, v)| common::attr(*k, *f, v))
            .collect();
    });
    let error = refused_as(caps_of(2), &unannounced);
    assert_eq!(error.code, Code::IlSeq);
    assert_eq!(error.reason, "section of a feature not announced");
    // Announced and not there: the guest has stopped to use it meanwhile.
    let unused = edited_as(2, |s| {
        let at = s.find(Unicast::KIND);
        s.sections.remove(at);
    });
    assert_eq!(read_as(caps_of(2), &unused).result, Ok(()));
}
