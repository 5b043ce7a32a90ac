// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Readers of the output that go away: the exit status is the verdict all the same.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod common;
mod streams;

use common::*;
use std::{
    os::{fd::OwnedFd, unix::net::UnixStream},
    process::{Command, Stdio},
};

/// The exit status of the tool if nobody reads what it says.
fn unread(args: &[&str]) -> i32 {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(ours);
    let status = Command::new(env!("CARGO_BIN_EXE_vmfctl"))
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::from(OwnedFd::from(theirs)))
        .status();
    status.unwrap().code().unwrap()
}

#[test]
fn a_verdict_does_not_need_a_reader() {
    let dir = dir("output-gone");
    let good = write(&dir, "good", stream());
    let mut damaged = stream();
    damaged[500] ^= 1;
    let bad = write(&dir, "bad", damaged);
    let other = write(&dir, "other", stream_of(1, &state()));
    let with = |queues: u32| {
        descriptor(|caps| {
            caps.limits.set(1, queues.into());
        })
    };
    let device = write(&dir, "device", with(1));
    let inventory = |name: &str, queues: u32| {
        let root = dir.join(name).join("sys");
        sysfs(&root, "0000:01:10.0", &with(queues), queues);
        let hostname = format!("{name}\n");
        write(&dir.join(name), "proc/sys/kernel/hostname", hostname);
        let said = vmfctl(&["inventory", "--json", "--sysfs", root.to_str().unwrap()]);
        write(&dir, &format!("{name}.json"), said.out)
    };
    let (small, large) = (inventory("small", 1), inventory("large", 2));
    let xe = write(&dir, "xe", streams::xe());
    let older = write(&dir, "mtty", streams::mtty(1));
    let newer = write(&dir, "mtty2", streams::mtty(2));
    let nothing = write(&dir, "nothing", b"nothing");
    for args in [
        &["verify", &bad][..],
        &["verify", &bad, &good],
        &["check", &good, "--against", &device],
        &["check", &xe, "--against", &small],
        &["check", &newer, "--against", &older],
        &["matrix", &small, &large],
        &["diff", &good, &other],
        &["extract", &nothing],
    ] {
        for json in [false, true] {
            let mut args = args.to_vec();
            args.extend(json.then_some("--json"));
            let code = vmfctl(&args).code;
            assert_eq!(code, 1, "{args:?}");
            assert_eq!(unread(&args), code, "{args:?}");
        }
    }
    assert_eq!(unread(&["verify", &good]), 0);
    assert_eq!(unread(&["decode", &good]), 0);
}
