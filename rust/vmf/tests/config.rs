// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Configuration space in a descriptor, and what becomes of words that differ.

#![allow(missing_docs, clippy::indexing_slicing)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

mod common;

use common::{attr, attributes, caps, edited, expect_descriptor, payload, read, CRC, PAYLOAD};
use vmf::profile::igbvf_82576::PROFILE;
use vmf::{
    check_config, check_config_each, Code, Config, ConfigWord, Descriptor, DescriptorFields,
    Writer, ATTR_MUST, CONFIG_MAX,
};

const KEY: u16 = vmf::registry::KEY_PRESENTED_CONFIG;
const DEVCAP: usize = 0xa4;

/// What a function shows that has `value` at `offset`, and else what the registry has.
fn shown(offset: u16, value: u32) -> Config {
    Config::new(PROFILE.config, |_, spec| {
        if spec.offset == offset {
            value
        } else {
            spec.value
        }
    })
}

fn of_registry() -> Config {
    shown(0, 0)
}

/// File header and DESCRIPTOR of a function that shows `config`.
fn preamble(config: &Config) -> Vec<u8> {
    let caps = caps();
    let mut buf = vec![0; 4096];
    let mut writer = Writer::new(&mut buf, CRC).unwrap();
    let fields = DescriptorFields {
        config: config.as_slice(),
        ..caps.fields()
    };
    writer.descriptor(&fields).unwrap();
    let len = writer.len();
    buf.truncate(len);
    buf
}

/// The verdict on a function that shows one, on behalf of one that shows the other.
fn verdict(source: &Config, destination: &Config) -> Result<(), vmf::Refusal> {
    let bytes = preamble(source);
    let descriptor = Descriptor::of_stream(&bytes, CRC).unwrap();
    check_config(&descriptor, &PROFILE, destination.as_slice())
}

#[test]
fn all_words_are_written_and_read() {
    assert!(PROFILE.config.len() <= CONFIG_MAX);
    let config = shown(DEVCAP as u16, 0x1234_5678);
    let bytes = preamble(&config);
    let descriptor = Descriptor::of_stream(&bytes, CRC).unwrap();
    let words: Vec<_> = descriptor.config().collect();
    assert_eq!(words, config.as_slice());
    assert_eq!(words.len(), PROFILE.config.len());
    // It is for preflight only; a migration goes on, and it is up to the VMM.
    let mut buf = [0; vmf::DESCRIPTOR_MAX];
    assert_eq!(vmf::preflight(&bytes, &caps(), CRC, &mut buf), Ok(()));
}

#[test]
fn each_word_that_differs_is_refused() {
    for (n, spec) in PROFILE.config.iter().enumerate() {
        let differs = shown(
            spec.offset,
            spec.value ^ (spec.mask & spec.mask.wrapping_neg()),
        );
        for (source, destination) in [(&differs, &of_registry()), (&of_registry(), &differs)] {
            let refusal = verdict(source, destination).expect_err(spec.name);
            assert_eq!((refusal.code, refusal.reason), (Code::XDev, spec.name));
            let word = |config: &Config| u64::from(config.as_slice()[n].value);
            assert_eq!(
                (refusal.got, refusal.want),
                (word(source), word(destination))
            );
        }
        assert_eq!(verdict(&differs, &differs), Ok(()));
        // What is not compared is not even in a descriptor.
        let same = shown(spec.offset, spec.value | !spec.mask);
        assert_eq!(same, of_registry());
    }
}

#[test]
fn what_one_side_does_not_state_does_not_differ() {
    let differs = shown(DEVCAP as u16, 0);
    assert_eq!(verdict(&Config::default(), &differs), Ok(()));
    assert_eq!(verdict(&differs, &Config::default()), Ok(()));
    // A word that the profile does not have, of a source that is newer.
    let word = ConfigWord {
        offset: 0xffc,
        flags: 0,
        value: 1,
    };
    let mut payload = payload(&attributes());
    payload.extend(attr(KEY, 0, &word.encode()));
    let descriptor = Descriptor::parse(&payload).unwrap();
    let own = [ConfigWord { value: 2, ..word }];
    let mut found = 0;
    check_config_each(&descriptor, &PROFILE, &own, &mut |_| found += 1);
    assert_eq!(found, 0);
    assert_eq!(check_config(&descriptor, &PROFILE, &own), Ok(()));
}

#[test]
fn bits_behind_a_port_say_so() {
    let words = of_registry();
    let behind = words.as_slice().iter().filter(|word| word.flags != 0);
    let offsets: Vec<_> = behind.map(|word| word.offset).collect();
    assert_eq!(offsets, [0xac, 0xb0, 0xcc, 0xd0]);
}

#[test]
fn what_a_former_owner_has_left_is_cleared() {
    let spec = |offset: u16| {
        PROFILE
            .config
            .iter()
            .find(|spec| spec.offset == offset)
            .unwrap()
    };
    // DEVSTA by ones, and DEVCTL beside it as it is.
    assert_eq!(spec(0xa8).clearing(0x0009_0020), Some(0x0009_0020));
    assert_eq!(spec(0xa8).clearing(0x0000_0020), None);
    assert_eq!(spec(0xa8).kept(0x0009_0020), 0x20);
    // Free bytes by zeros.
    assert_eq!(spec(0xe0).clearing(0x5555_0000), Some(0));
    assert_eq!(spec(0xe0).clearing(0), None);
    assert_eq!(spec(0x104).clearing(1 << 20), Some(1 << 20));
    for spec in PROFILE.config {
        assert_eq!(spec.clearing(spec.value), None, "{:#x}", spec.offset);
    }
}

#[test]
fn lists_that_are_no_configuration_space() {
    let word = |offset, flags| {
        let word = ConfigWord {
            offset,
            flags,
            value: 0,
        };
        word.encode()
    };
    let at = PAYLOAD + payload(&attributes()).len() as u64;
    let cases = [
        (word(0x70, 0)[..7].to_vec(), "list length"),
        (word(0x71, 0).to_vec(), "offset of a configuration word"),
        (word(0x1000, 0).to_vec(), "offset of a configuration word"),
        (word(0x70, 2).to_vec(), "unknown flag of config-word"),
        (
            [word(0x74, 0), word(0x74, 0)].concat(),
            "configuration words not ascending",
        ),
        (
            [word(0x74, 0), word(0x70, 0)].concat(),
            "configuration words not ascending",
        ),
    ];
    for (value, reason) in cases {
        let mut bad = payload(&attributes());
        bad.extend(attr(KEY, 0, &value));
        expect_descriptor(bad, Code::BadMsg, reason, at);
    }
    // An empty one is one, and whether readers must know it is up to the writer.
    for flags in [0, ATTR_MUST] {
        let more = attr(KEY, flags, &[]);
        let bytes = edited(|s| s.sections[0].payload.extend(more));
        assert_eq!(read(&bytes).result, Ok(()));
    }
}
