// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl check` of a stream of others against a host: has it a device whose driver takes the stream?
//!
//! What a driver compares with its device is not known beforehand. That there is a device of that
//! driver is, and what the driver compares with numbers of its own, and which kernels read the format.

use std::io::Write;

use serde_json::{json, Map, Value as Json};

use super::{
    rules::judge,
    verdict::{conclusion, outcome, rows, verdict_json},
    Stream,
};
use crate::{
    cli::Io,
    failure::{Outcome, Result},
    inventory::Other,
    print,
};

/// A destination, or one device of it.
pub(super) struct Host<'a> {
    /// What the user calls it.
    pub(super) label: String,
    /// The release of its kernel.
    pub(super) kernel: Option<&'a str>,
    pub(super) others: &'a [Other],
}

/// Checks the stream `source` against `host`; accepted if one of its devices may take it.
pub(super) fn check(io: &Io, (source, label): (&Stream<'_>, &str), host: &Host<'_>) -> Result {
    let identity = &source.identity;
    let walked = source.walk(label)?;
    let judged = judge(identity, &walked, None);
    let name = &identity.entry.name;
    let own = host.others.iter();
    let own = own.filter(|one| one.foreign.as_ref() == Some(name));
    let (takers, idle): (Vec<_>, Vec<_>) = own.partition(|one| one.migrates());
    let reads = reads(source, host.kernel);
    let possible = !takers.is_empty() && reads != Some(false);
    let mut out = io.out();
    if io.json {
        let addresses =
            |list: &[&Other]| list.iter().map(|one| one.bdf.clone()).collect::<Vec<_>>();
        let mut map = Map::new();
        map.insert("document".into(), "foreign-check/1".into());
        map.insert("source".into(), label.into());
        map.insert("destination".into(), host.label.clone().into());
        map.extend(verdict_json(identity, &walked, &judged));
        if !possible {
            map.insert("accepted".into(), false.into());
        }
        map.insert("devices".into(), json!(addresses(&takers)));
        map.insert(
            "devices_that_do_not_migrate".into(),
            json!(addresses(&idle)),
        );
        map.insert("kernel".into(), json!(host.kernel));
        map.insert("kernel_reads".into(), json!(reads));
        serde_json::to_writer_pretty(&mut out, &Json::from(map))?;
        writeln!(out)?;
    } else {
        let title = format!("{label}: {}, to {}", identity.words(), host.label);
        writeln!(out, "{}", print::styled(print::BOLD, &title))?;
        rows(&mut out, &judged)?;
        let refused = print::styled(print::RED, "refused:");
        match (reads, host.kernel) {
            (Some(false), Some(kernel)) => {
                writeln!(
                    out,
                    "{refused} {name} of Linux {kernel} does not read this format"
                )?;
            }
            (None, Some(kernel)) => {
                writeln!(
                    out,
                    "whether {name} of Linux {kernel} reads this format was not looked at"
                )?;
            }
            _ => {}
        }
        for one in &takers {
            writeln!(
                out,
                "  {}: has the driver, and compares with itself what it can",
                one.bdf
            )?;
        }
        if takers.is_empty() {
            writeln!(
                out,
                "{refused} no device with {}, or none that migrates",
                identity.entry.driver
            )?;
        }
        for one in &idle {
            writeln!(
                out,
                "  {}: is of that kind, and does not migrate as it is",
                one.bdf
            )?;
        }
        if possible {
            conclusion(&mut out, identity, &walked, &judged)?;
        }
    }
    out.flush()?;
    match possible {
        true => outcome(&walked, &judged),
        false => Ok(Outcome::Bad),
    }
}

/// Whether the driver of this kernel reads the format, if one of its series was looked at.
fn reads(source: &Stream<'_>, kernel: Option<&str>) -> Option<bool> {
    let wanted = series(kernel?)?;
    let format = &source.identity.format.name;
    let releases = source.identity.entry.releases.iter();
    let known = releases.filter(|one| series(&one.release) == Some(wanted));
    known
        .map(|one| one.reads.contains(format))
        .reduce(|a, b| a || b)
}

/// The series of a release: 7.3 of 7.3.4-amd64.
fn series(release: &str) -> Option<&str> {
    let (major, rest) = release.split_once('.')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    release.get(..major.len().checked_add(1)?.checked_add(digits)?)
}
