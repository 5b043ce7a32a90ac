// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What hosts have decided about functions, against what guests have.

#![allow(missing_docs, clippy::arithmetic_side_effects)]
#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::panic)]

mod common;

use common::*;
use igbvf_model::Administrator;
use serde_json::{json, Value as Json};
use vmf::profile::igbvf_82576::{Filters, Mailbox, State};

const BDF: &str = "0000:01:10.0";
const UUID: &str = "82576000-0000-4000-8000-00000000000a";
const MAC: [u8; 6] = [2, 0x76, 0x6d, 0x66, 0, 0x0a];
const OTHER: [u8; 6] = [2, 0x76, 0x6d, 0x66, 0, 0xaa];

fn text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// A guest that is up.
fn guest() -> State {
    let mut state = state();
    state.mailbox.flags = Mailbox::FLAGS_VF_RESET_DONE;
    state.filters.flags = Filters::FLAGS_MAC_VALID;
    state.filters.mac = MAC;
    state
}

fn with_unicast(mut state: State) -> State {
    state.unicast.count = 1;
    state.unicast.addresses[..6].copy_from_slice(&[2, 0, 0, 0, 0, 1]);
    state
}

/// The document of a check with --json, and its exit status.
fn check(args: &[&str]) -> (Json, i32) {
    let said = vmfctl(&[&["check", "--json"], args].concat());
    (said.json()["destinations"][0].clone(), said.code)
}

/// The names of the rules with a property.
fn named(answer: &Json, has: impl Fn(&Json) -> bool) -> Vec<String> {
    let rules = answer["rules"].as_array().unwrap().iter();
    let found = rules.filter(|rule| has(rule));
    found
        .map(|rule| rule["rule"].as_str().unwrap().into())
        .collect()
}

/// All guests and administrators, judged by the function in software itself.
#[test]
fn as_the_function_in_software_decides() {
    let dir = dir("policy-software");
    let root = dir.join("sys");
    sysfs(&root, UUID, &descriptor(|_| {}), 2);
    let network = format!("bus/mdev/devices/{UUID}/network");
    let mut refused = 0;
    for number in 0..8 {
        let mut state = if number & 1 == 0 {
            guest()
        } else {
            with_unicast(guest())
        };
        if number & 2 != 0 {
            state.mailbox.flags = 0;
        }
        if number & 4 != 0 {
            state.filters.flags = 0;
            state.filters.mac = [0; 6];
        }
        let stream = write(&dir, "stream", stream_of(2, &state));
        for mac in [None, Some(MAC), Some(OTHER)] {
            for trusted in [false, true] {
                let administrator = Administrator {
                    mac,
                    trusted,
                    ..Administrator::default()
                };
                write(
                    &root,
                    &format!("{network}/mac"),
                    text(mac.unwrap_or_default()) + "\n",
                );
                write(
                    &root,
                    &format!("{network}/trusted"),
                    u8::from(trusted).to_string(),
                );
                let (answer, code) = check(&[&stream, UUID, "--sysfs", root.to_str().unwrap()]);
                let good = igbvf_model::check(&state, &administrator).is_ok();
                assert_eq!(code == 0, good, "{number} {administrator:?}: {answer:#}");
                if !good {
                    assert_eq!(answer["error"]["error"], "EIO");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 5, "{refused}");
}

/// A destination behind a physical function with a policy, as its inventory has it.
fn inventory(dir: &std::path::Path, policy: Json) -> String {
    let root = dir.join("sys");
    sysfs(&root, BDF, &descriptor(|_| {}), 2);
    let said = vmfctl(&["inventory", "--json", "--sysfs", root.to_str().unwrap()]);
    let mut document = said.json();
    let mut whole = json!({
        "provider": "physical-function", "interface": "eth0", "vf": 0, "up": true,
        "carrier": true, "trusted": false, "spoof_check": true,
    });
    for (name, value) in policy.as_object().unwrap() {
        whole[name] = value.clone();
    }
    document["hostname"] = policy.to_string().into();
    document["devices"][0]["policy"] = whole;
    write(
        dir,
        &format!("{policy}.json").replace('/', "-"),
        document.to_string(),
    )
}

#[test]
fn behind_a_physical_function() {
    let dir = dir("policy-pf");
    let mut tagged = guest();
    tagged.filters.vlans[2] = 1;
    let streams = [
        ("up", guest()),
        ("addresses", with_unicast(guest())),
        ("vlans", tagged),
        ("down", state()),
    ];
    let streams = streams.map(|(name, state)| write(&dir, name, stream_of(2, &state)));
    let [up, addresses, vlans, down] = &streams;
    let plain = write(&dir, "descriptor", descriptor(|_| {}));
    let mac = |mac: [u8; 6]| json!({"mac": text(mac)});
    let trusted = json!({"mac": text(OTHER), "trusted": true});
    let (address, further) = ("address of the guest", "further addresses");
    let (port, interface) = ("VLANs of the guest", "interface of the physical function");
    for (policy, stream, refusal, warning) in [
        (json!({}), up, None, None),
        (json!({}), addresses, None, None),
        (json!({}), vlans, None, None),
        (json!({}), &plain, None, None),
        (mac(MAC), up, None, None),
        (mac(MAC), addresses, Some(further), None),
        (mac(OTHER), up, Some(address), None),
        (mac(OTHER), down, None, None),
        (mac(OTHER), &plain, None, Some(address)),
        (trusted.clone(), up, None, Some(address)),
        (trusted, addresses, None, Some(address)),
        (json!({"vlan": 7}), up, None, None),
        (json!({"vlan": 7}), vlans, Some(port), None),
        (json!({"vlan": 7}), &plain, None, Some(port)),
        (json!({"up": false}), up, Some(interface), None),
        (json!({"up": false}), &plain, Some(interface), None),
        (json!({"up": false}), down, None, None),
        (
            json!({"carrier": false}),
            up,
            None,
            Some("carrier of the physical function"),
        ),
    ] {
        let file = inventory(&dir, policy.clone());
        let (answer, code) = check(&[stream, &file]);
        let what = format!("{policy} {stream}: {answer:#}");
        let refused = named(&answer, |rule| rule["holds"] == false);
        assert_eq!(refused, Vec::from_iter(refusal), "{what}");
        assert_eq!(
            named(&answer, |rule| rule["warning"] == true),
            Vec::from_iter(warning),
            "{what}"
        );
        assert_eq!(code, i32::from(refusal.is_some()), "{what}");
        let said = vmfctl(&["check", stream, &file]);
        match (refusal, warning) {
            (Some(rule), _) => said.has(&format!("refused: EIO: {rule}: ")),
            (None, Some(_)) => said.has("accepted, with 1 warning"),
            (None, None) => assert!(said.out.ends_with("accepted\n"), "{}", said.out),
        }
    }
    // Nothing is known of a host that says nothing.
    let file = inventory(&dir, json!({}));
    let mut document: Json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    document["devices"][0]
        .as_object_mut()
        .unwrap()
        .remove("policy");
    let file = write(&dir, "silent.json", document.to_string());
    let said = vmfctl(&["check", up, &file]);
    assert_eq!(said.code, 0);
    said.has("policy of the host");
    said.has("not known");
}

/// Of the source of a guest that runs, its physical function knows the address.
#[test]
fn both_ends_in_a_matrix() {
    let dir = dir("policy-matrix");
    let policy = |more: Json| {
        let mut policy = json!({"mac": text(MAC)});
        for (name, value) in more.as_object().unwrap() {
            policy[name] = value.clone();
        }
        inventory(&dir, policy)
    };
    let source = policy(json!({}));
    for (more, warnings, refused) in [
        (json!({"vf": 1}), 0, false),
        (json!({"mac": text(OTHER)}), 0, true),
        (json!({"trusted": true}), 1, false),
        (json!({"spoof_check": false}), 1, false),
        (json!({"max_tx_rate": 100}), 0, false),
        (json!({"vlan": 7}), 2, false),
    ] {
        let said = vmfctl(&["matrix", "--json", &source, &policy(more.clone())]);
        let pairs = said.json()["pairs"].clone();
        let there = &pairs[0];
        assert_eq!(there["warnings"], warnings, "{more} {pairs:#}");
        assert_eq!(there["accepted"], !refused, "{more} {pairs:#}");
        if refused {
            let said = vmfctl(&["matrix", &source, &policy(more)]);
            said.has(": EIO: address of the guest: 02:76:6d:66:00:0a, and there 02:76:6d:66:00:aa");
        }
    }
}

#[test]
fn software_with_and_without_files() {
    let dir = dir("policy-files");
    let root = dir.join("sys");
    sysfs(&root, UUID, &descriptor(|_| {}), 2);
    let sys = root.to_str().unwrap();
    let stream = write(&dir, "stream", stream_of(2, &guest()));
    vmfctl(&["check", &stream, UUID, "--sysfs", sys]).has("policy of the host");
    let network = format!("bus/mdev/devices/{UUID}/network");
    for (name, value) in [
        ("mac", text(OTHER).to_uppercase()),
        ("trusted", "0\n".into()),
    ] {
        write(&root, &format!("{network}/{name}"), value);
    }
    let said = vmfctl(&["check", &stream, UUID, "--sysfs", sys]);
    assert_eq!(said.code, 1);
    said.has("refused: EIO: address of the guest: 02:76:6d:66:00:0a, and there 02:76:6d:66:00:aa");
    vmfctl(&["inventory", "--sysfs", sys]).has("not trusted, address 02:76:6d:66:00:aa");
    // From a device: its address is that of the administrator, unless the guest may have another.
    let said = vmfctl(&["check", UUID, UUID, "--sysfs", sys]);
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains("\naccepted\n"), "{}", said.out);
    write(&root, &format!("{network}/trusted"), "1\n");
    vmfctl(&["check", UUID, UUID, "--sysfs", sys]).has("accepted, with 1 warning");
}
