// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! extract: streams out of the channels of a multifd migration, whole and in part.

#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing
)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::cast_possible_truncation)]

mod common;
mod streams;

use common::*;
use serde_json::json;
use streams::{multifd::*, qemu::*};

const A: &str = "0000:00:03.0/vfio";
const B: &str = "0000:00:04.0/vfio";

/// The main channel: what each device has sent before the guest was stopped.
fn main_channel(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut main = Qemu::new();
    main.start(2, "ram");
    main.start(41, A);
    main.start(42, B);
    main.part(2, 41, &[a], INIT_DATA_SENT);
    main.part(2, 42, &[b], INIT_DATA_SENT);
    main.memory(1 << 20);
    main.part(3, 41, &[], END);
    main.part(3, 42, &[], END);
    main.put(&[0]);
    main.0
}

/// Three channels, that have the parts in the order in which a channel was free.
fn channels(a: &[u8], b: &[u8]) -> [Channel; 3] {
    let [mut first, mut second, mut third] = [0, 1, 2].map(Channel::new);
    first.sync().memory(3, 125).sync();
    second.sync().memory(0, 1).memory(128, 0).sync();
    third.sync().sync();
    first.part(A, 2, &a[1000..]);
    second.part(B, 0, b).part(A, 0, &a[440..900]).last(A, 3);
    third.part(A, 1, &a[900..1000]).last(B, 1);
    [first, second, third]
}

/// Both streams, and the names of the files with the main channel first.
fn of_two_devices(test: &str) -> (Vec<u8>, Vec<u8>, Vec<String>) {
    let (a, b) = (stream(), stream_of(1, &state()));
    let dir = dir(test);
    let mut files = vec![write(&dir, "main", main_channel(&a[..440], &b[..432]))];
    for (n, channel) in channels(&a, &b[432..]).into_iter().enumerate() {
        files.push(write(&dir, &format!("channel{n}"), channel.bytes));
    }
    (a, b, files)
}

/// Runs it on these files.
fn extract(files: &[&String], more: &[&str]) -> Said {
    let files = files.iter().map(|file| file.as_str());
    let args: Vec<_> = ["extract"]
        .into_iter()
        .chain(files)
        .chain(more.iter().copied())
        .collect();
    vmfctl(&args)
}

/// Requires that both are there as they were.
#[track_caller]
fn has_both(said: &Said, out: &str, a: &[u8], b: &[u8]) {
    assert_eq!(said.code, 0, "{}", said.err);
    said.has("0000:00:03.0/vfio: vf.net.igbvf-82576 version 2");
    assert!(!said.out.contains("damaged") && said.err.is_empty());
    assert!(std::fs::read(format!("{out}.0")).unwrap() == a);
    assert!(std::fs::read(format!("{out}.1")).unwrap() == b);
}

#[test]
fn in_any_order() {
    let (a, b, files) = of_two_devices("multifd-order");
    let out = dir("multifd-order-out").join("out");
    let out = out.to_str().unwrap();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let said = extract(&order.map(|n| &files[n]), &["-o", out]);
        has_both(&said, out, &a, &b);
        let verified = vmfctl(&["verify", &format!("{out}.0"), &format!("{out}.1")]);
        assert_eq!(verified.code, 0, "{}", verified.out);
    }
}

/// With pages of 64 KiB, and a state that is in the main channel although there are others.
#[test]
fn other_sizes_and_ways() {
    let (a, b) = (stream(), stream_of(1, &state()));
    let dir = dir("multifd-sizes");
    let main = write(&dir, "main", main_channel(&a, &b[..432]));
    let mut channel = Channel::new(0);
    channel.room = 8;
    channel.sync().memory(8, 0).memory(1, 7).sync();
    channel.part(B, 0, &b[432..]).last(B, 1);
    // Of another kind of device, whatever that may be.
    channel.device(DEVICE, b"other/state", 0, b"short");
    let out = dir.join("out").to_str().unwrap().to_string();
    let channel = write(&dir, "channel", channel.bytes);
    let said = extract(&[&main, &channel], &["-o", &out]);
    has_both(&said, &out, &a, &b);
}

/// Two devices of one name, which their instances tell apart.
#[test]
fn instances() {
    let (a, b) = (stream(), stream_of(1, &state()));
    let dir = dir("multifd-instances");
    let mut channel = Channel::new(0);
    for (instance, stream) in [(0, &a), (7, &b)] {
        let part = |index: u8, last: u8, data: &[u8]| {
            let mut part = vec![0, 0, 0, 0, 0, 0, 0, index, 0, 0, 0, last];
            part.extend(data);
            part
        };
        channel.device(DEVICE, A.as_bytes(), instance, &part(0, 0, stream));
        channel.device(DEVICE, A.as_bytes(), instance, &part(1, 1, CONFIG));
    }
    let channel = write(&dir, "channel", channel.bytes);
    let out = dir.join("out").to_str().unwrap().to_string();
    has_both(&extract(&[&channel], &["-o", &out]), &out, &a, &b);
}

#[test]
fn some_of_them() {
    let (_, b, files) = of_two_devices("multifd-some");
    let out = dir("multifd-some-out").join("out");
    let output = ["-o", out.to_str().unwrap()];
    // Of B all is there, and alone it is written.
    let said = extract(&[&files[0], &files[2], &files[3]], &output);
    assert_eq!(said.code, 1);
    said.has("not given: channel 0\n");
    said.has("0000:00:03.0/vfio: not all there: 2 parts, 560 bytes; missing: part 2\n");
    said.has("0000:00:04.0/vfio: vf.net.igbvf-82576 version 1");
    assert!(std::fs::read(&out).unwrap() == b);

    // Without the main channel there is no start.
    std::fs::remove_file(&out).unwrap();
    let said = extract(&[&files[1]], &output);
    assert_eq!(said.code, 1);
    said.has("not all there: 1 part, ");
    said.has(
        "missing: parts 0 to 1, all from part 3 on, what was sent before the guest was stopped",
    );
    let said = extract(&[&files[3], &files[2]], &["--json", output[0], output[1]]);
    assert_eq!(said.code, 1);
    let main = "what was sent before the guest was stopped: it is in the main channel";
    let document = said.json();
    assert_eq!(document["streams"], json!([]));
    assert_eq!(document["incomplete"][0]["name"], A);
    assert_eq!(document["incomplete"][0]["parts"], 2);
    assert_eq!(document["incomplete"][0]["length"], 560);
    assert_eq!(
        document["incomplete"][0]["missing"],
        json!(["part 2", main])
    );
    assert_eq!(document["incomplete"][1]["missing"], json!([main]));
    assert!(!out.exists());

    // The main channel alone has the start.
    let said = extract(&[&files[0]], &[]);
    said.has("damaged: ENODATA");
    said.has("with multifd the rest is in other channels: give them as well");
    let memory = write(
        &dir("multifd-memory"),
        "channel",
        Channel::new(0).memory(1, 1).bytes.clone(),
    );
    let said = extract(&[&memory], &[]);
    assert_eq!(said.code, 1);
    said.has("no VMF stream found");
}

/// A channel that was cut off anywhere: what is in it whole counts, and the rest is missed.
#[test]
fn cut_off() {
    let (a, _, files) = of_two_devices("multifd-cut");
    let dir = dir("multifd-cut-off");
    let whole = std::fs::read(&files[1]).unwrap();
    let last = whole.len() - 288 - (a.len() - 1000);
    for (len, words) in [
        (64, None),
        (70, Some("offset 0x40")),
        (64 + 320 + 900, Some("offset 0x40")),
        (64 + 1344, None),
        (last, None),
        (last + 11, Some("offset")),
        (last + 275, Some("offset")),
        (last + 280, Some("offset")),
        (whole.len() - 1, Some("offset")),
    ] {
        let channel = write(&dir, "channel", &whole[..len]);
        let said = extract(&[&files[0], &channel, &files[2], &files[3]], &[]);
        assert_eq!(said.code, 1, "{len}");
        said.has("not all there: 2 parts, 560 bytes; missing: part 2\n");
        match words {
            Some(words) => said.has(&format!("{channel}: ends in the packet at {words}")),
            None => assert!(!said.err.contains("ends in"), "{len}: {}", said.err),
        }
    }
    let channel = write(&dir, "channel", &whole[..63]);
    let said = extract(&[&channel], &[]);
    assert_eq!(said.code, 3);
    said.has("offset 0x0: no start of a channel");
}

/// One that has sent nothing before the guest was stopped, and whose parts are in none of them.
#[test]
fn announced_only() {
    let (_, _, files) = of_two_devices("multifd-announced");
    let mut main = Qemu(std::fs::read(&files[0]).unwrap());
    main.start(43, "0000:00:05.0/vfio");
    let main = write(&dir("multifd-announced-more"), "main", main.0);
    let said = extract(&[&main, &files[1], &files[2], &files[3]], &[]);
    assert_eq!(said.code, 1);
    said.has("the state of 0000:00:05.0/vfio is not here: with multifd it is in other channels");
}

#[test]
fn gaps() {
    let dir = dir("multifd-gaps");
    let mut channel = Channel::new(0);
    for index in (1..30).step_by(2).chain([u64::from(u32::MAX) - 1]) {
        channel.part(A, index, b"x");
    }
    let said = extract(&[&write(&dir, "channel", &channel.bytes)], &[]);
    assert_eq!(said.code, 1);
    said.has("16 parts, 16 bytes; missing: part 0, part 2, part 4,");
    said.has("part 14, more between them, all from part 4294967295 on, what");
}

/// Files that do not belong together.
#[test]
fn strangers() {
    let (_, _, files) = of_two_devices("multifd-strangers");
    let dir = dir("multifd-strangers-more");
    let other = Channel::of(&[0x83; 16], 7).bytes;
    let fourth = Channel::new(3)
        .part("0000:00:09.0/vfio", 0, b"")
        .bytes
        .clone();
    let (other, fourth) = (write(&dir, "other", other), write(&dir, "fourth", fourth));
    let json = write(&dir, "state.json", b"{}");
    let (main, first) = (&files[0], &files[1]);
    for (given, words) in [
        (
            [main, first, &other],
            "82828282-8282-8282-8282-828282828282",
        ),
        ([main, first, first], ": channel 0, as "),
        (
            [main, first, main],
            "no channel of multifd, of which alone several can be given",
        ),
        (
            [first, &files[2], &json],
            "neither a channel of multifd nor the main one",
        ),
        (
            [main, first, &fourth],
            "nothing of 0000:00:09.0/vfio, which is in the other",
        ),
    ] {
        let said = extract(&given, &[]);
        assert_eq!(said.code, 3, "{words}: {}", said.out);
        said.has(words);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    }
    assert_eq!(vmfctl(&["extract"]).code, 2);
}

/// Bytes that are changed at random: it always ends, in the same three ways.
#[test]
fn changed_anywhere() {
    let (_, _, files) = of_two_devices("multifd-changed");
    let dir = dir("multifd-changed-now");
    let whole = std::fs::read(&files[2]).unwrap();
    let mut random = 0x8257_6001_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % below
    };
    // Where the heads are: at the front, and behind the memory.
    let (front, back) = (64 + 2 * 1344, whole.len() - 4000);
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = whole.clone();
        let at = match next(2) {
            0 => next(front),
            _ => back + next(4000),
        };
        bytes[at] = next(256) as u8;
        let file = write(&dir, "channel", bytes);
        let said = extract(&[&files[0], &files[1], &file, &files[3]], &[]);
        assert!([0, 1, 3].contains(&said.code), "{at:#x}: {}", said.err);
        assert!(said.code == 0 || !said.err.is_empty());
        refused += i32::from(said.code == 3);
    }
    assert!(refused > 0);
}
