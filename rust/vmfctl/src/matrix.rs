// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl matrix`: which device can be migrated to which.

use std::{collections::BTreeMap, io::Write};

use serde_json::{json, Value as Json};

use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    inventory::Inventory,
    policy::{self, Guest},
    print,
    registry::Registry,
    source::Source,
    sysfs::Device,
    tree::unhex,
    verdict::{self, Verdict},
};

/// A device of a host.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// Which of the inventories it is in.
    inventory: usize,
    host: &'a str,
    device: &'a Device,
}

/// The verdict on one pair.
struct Pair<'a> {
    from: Place<'a>,
    to: Place<'a>,
    verdict: Verdict,
}

/// Judges all pairs of devices in `files`.
pub(crate) fn run(io: &Io, registry: &Registry, files: &[String]) -> Result {
    let inventories: Vec<_> = files
        .iter()
        .map(|file| Inventory::read(&Source::new(file)))
        .collect::<Result<_>>()?;
    let all: Vec<Place<'_>> = inventories.iter().enumerate().flat_map(places_of).collect();
    let mut pairs = Vec::new();
    for (source, from) in all.iter().enumerate() {
        let device = &from.device;
        let preamble = unhex(&device.descriptor).ok_or_else(|| {
            Failure::Input(format!(
                "{} on {}: descriptor is not hexadecimal",
                device.bdf, from.host
            ))
        })?;
        let guest = Guest::of_descriptor(&preamble);
        for (destination, to) in all.iter().enumerate() {
            // Names and addresses do not tell devices apart: hosts of one image share them.
            if source == destination {
                continue;
            }
            let mut verdict = verdict::judge_for(registry, &preamble, to.device);
            let (there, here) = (device.policy.as_ref(), to.device.policy.as_ref());
            policy::judge(&mut verdict, &guest, there, here);
            pairs.push(Pair {
                from: *from,
                to: *to,
                verdict,
            });
        }
    }
    // One device alone has nothing to be judged against, and that is no refusal.
    let judged = !pairs.is_empty() || (files.len(), all.len()) == (1, 1);
    let accepted = judged && pairs.iter().all(|pair| pair.verdict.accepted());
    let mut notes = doubts(files, &inventories);
    if !judged {
        notes.push("no pair of devices: nothing was judged".into());
    }
    for note in &notes {
        // The verdict does not depend on who reads this.
        let _ = writeln!(anstream::stderr(), "vmfctl: {note}");
    }
    let mut out = io.out();
    if io.json {
        let list = pairs.iter().map(|pair| {
            json!({
                "source": {"host": pair.from.host, "bdf": pair.from.device.bdf},
                "destination": {"host": pair.to.host, "bdf": pair.to.device.bdf},
                "accepted": pair.verdict.accepted(),
                "warnings": pair.verdict.warnings(),
                "error": pair.verdict.error_json(),
                "no_verdict": pair.verdict.unknown,
            })
        });
        let document = json!({
            "document": "vmf-matrix/1",
            "accepted": accepted,
            "pairs": list.collect::<Vec<Json>>(),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        text(&mut out, &inventories, &pairs)?;
    }
    out.flush()?;
    Ok(Outcome::of(accepted))
}

fn places_of((index, inventory): (usize, &Inventory)) -> impl Iterator<Item = Place<'_>> {
    inventory.devices.iter().map(move |device| Place {
        inventory: index,
        host: &inventory.hostname,
        device,
    })
}

/// What makes inventories doubtful: two of one name, and those that have nothing to judge.
fn doubts(files: &[String], inventories: &[Inventory]) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut hosts: BTreeMap<&str, &str> = BTreeMap::new();
    for (file, inventory) in files.iter().zip(inventories) {
        let host = inventory.hostname.as_str();
        match hosts.get(host) {
            Some(other) => doubts.push(format!(
                "{other} and {file} are both of a host {host:?}: if it is one host, leave one out"
            )),
            None => {
                hosts.insert(host, file);
            }
        }
        if inventory.devices.is_empty() {
            doubts.push(format!("{file}: no devices, so nothing was judged of it"));
        }
    }
    doubts
}

/// A table of hosts, then every refusal.
fn text(out: &mut dyn Write, inventories: &[Inventory], pairs: &[Pair<'_>]) -> Result<()> {
    let mut cells: BTreeMap<(usize, usize), (u32, u32)> = BTreeMap::new();
    for pair in pairs {
        let place = (pair.from.inventory, pair.to.inventory);
        let (good, all) = cells.entry(place).or_default();
        *all = all.saturating_add(1);
        *good = good.saturating_add(u32::from(pair.verdict.accepted()));
    }
    let hosts: Vec<_> = inventories
        .iter()
        .map(|inventory| inventory.hostname.as_str())
        .collect();
    let mut rows = vec![vec!["from \\ to".to_string()]];
    if let Some(head) = rows.first_mut() {
        head.extend(hosts.iter().map(|host| (*host).to_string()));
    }
    for (from, host) in hosts.iter().enumerate() {
        let mut row = vec![(*host).to_string()];
        row.extend((0..hosts.len()).map(|to| match cells.get(&(from, to)) {
            None => "-".into(),
            Some((good, all)) => format!("{good} of {all}"),
        }));
        rows.push(row);
    }
    print::table(out, &rows)?;
    for pair in pairs {
        let verdict = &pair.verdict;
        let (word, why) = match (&verdict.unknown, &verdict.error, verdict.reason()) {
            (Some(why), ..) => ("no verdict", why.clone()),
            (None, Some(error), _) => ("refused", error.refusal().to_string()),
            (None, None, Some((_, why))) => ("refused", why),
            (None, None, None) => continue,
        };
        let word = print::styled(print::RED, word);
        let (from, to) = (pair.from, pair.to);
        let (source, destination) = (&from.device.bdf, &to.device.bdf);
        writeln!(
            out,
            "{word} {source} on {} -> {destination} on {}: {why}",
            from.host, to.host
        )?;
    }
    Ok(())
}
