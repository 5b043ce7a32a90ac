// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! matrix: that every pair is judged, and what is said if there is none.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]
#![allow(clippy::panic)]

mod common;

use common::*;

/// The inventory of a host with a device of `queues` queues, or without any.
fn inventory(test: &str, name: &str, host: &str, queues: Option<u32>) -> String {
    let dir = dir(&format!("{test}-{name}"));
    let root = dir.join("sys");
    write(&dir, "proc/sys/kernel/hostname", format!("{host}\n"));
    write(&root, "bus/pci/drivers/igb/uevent", "");
    std::fs::create_dir_all(root.join("bus/pci/devices")).unwrap();
    if let Some(queues) = queues {
        let own = descriptor(|caps| {
            caps.limits.set(1, queues.into());
            caps.limits.set(2, queues.into());
        });
        sysfs(&root, "0000:01:10.0", &own, queues);
    }
    let said = vmfctl(&["inventory", "--json", "--sysfs", root.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
    write(&dir, name, said.out)
}

/// Hosts of one image have one name, and their devices the same addresses.
#[test]
fn hosts_of_one_name() {
    let small = inventory("one-name", "small", "localhost", Some(1));
    let large = inventory("one-name", "large", "localhost", Some(2));
    let said = vmfctl(&["matrix", &small, &large]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    said.has("refused 0000:01:10.0 on localhost -> 0000:01:10.0 on localhost: EDOM");
    said.has("1 of 1");
    said.has("0 of 1");
    said.has(&format!(
        "{small} and {large} are both of a host \"localhost\": if it is one host, leave one out"
    ));
    let json = vmfctl(&["matrix", "--json", &small, &large]).json();
    assert_eq!(json["pairs"].as_array().unwrap().len(), 2);
    assert_eq!(json["accepted"], false);
    // Those that fit are accepted, and it is said all the same.
    let same = inventory("one-name", "same", "localhost", Some(1));
    let said = vmfctl(&["matrix", &small, &same]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    said.has("are both of a host \"localhost\"");
}

#[test]
fn nothing_to_judge() {
    let empty = inventory("no-pair", "empty", "empty", None);
    let other = inventory("no-pair", "other", "other", None);
    let one = inventory("no-pair", "one", "one", Some(2));
    for files in [&[&empty, &other][..], &[&empty, &one], &[&empty]] {
        let mut args = vec!["matrix"];
        args.extend(files.iter().map(|file| file.as_str()));
        let said = vmfctl(&args);
        assert_eq!(said.code, 1, "{args:?}: {}", said.out);
        said.has("no pair of devices: nothing was judged");
        args.push("--json");
        let json = vmfctl(&args).json();
        assert_eq!(json["accepted"], false, "{args:?}");
    }
    // One of several is told from those that were judged.
    let two = inventory("no-pair", "two", "two", Some(2));
    let said = vmfctl(&["matrix", &one, &two, &empty]);
    assert_eq!(said.code, 0, "{}", said.err);
    said.has(&format!("{empty}: no devices, so nothing was judged of it"));
    // One device has none to be judged against.
    let said = vmfctl(&["matrix", &one]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}
