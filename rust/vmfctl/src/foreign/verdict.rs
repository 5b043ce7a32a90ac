// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl verify` of streams of others: what the load of the driver would say.

use std::io::Write;

use serde_json::{json, Map, Value as Json};
use vmf_registry::foreign::PropertyName;

use super::{
    report::{damage_json, identity_json},
    rules::{judge, Holding, Judged},
    Identity, Stream, Walked,
};
use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    print,
};

/// Judges a whole stream by all that can be told without the destination.
pub(crate) fn verify(io: &Io, stream: &Stream<'_>, label: &str) -> Result {
    let walked = stream.walk(label)?;
    let identity = &stream.identity;
    let judged = judge(identity, &walked, None);
    let mut out = io.out();
    if io.json {
        let mut map = Map::new();
        map.insert("document".into(), "foreign-verify/1".into());
        map.insert("file".into(), label.into());
        map.extend(verdict_json(identity, &walked, &judged));
        serde_json::to_writer_pretty(&mut out, &Json::from(map))?;
        writeln!(out)?;
    } else {
        let title = format!("{label}: {}, {} bytes", identity.words(), walked.len);
        writeln!(out, "{}", print::styled(print::BOLD, &title))?;
        rows(&mut out, &judged)?;
        conclusion(&mut out, identity, &walked, &judged)?;
    }
    out.flush()?;
    outcome(&walked, &judged)
}

/// A stream that is damaged in a way that the driver does not see is no good for all that.
pub(super) fn outcome(walked: &Walked, judged: &[Judged<'_>]) -> Result {
    match (refusal(judged), walked.damage.first()) {
        (Some(_), _) => Ok(Outcome::Bad),
        (None, Some(damage)) => Err(Failure::Input(format!(
            "damaged stream, which the driver would not notice: {damage}"
        ))),
        (None, None) => Ok(Outcome::Good),
    }
}

/// The check that refuses the stream first.
pub(super) fn refusal<'a, 'r>(judged: &'a [Judged<'r>]) -> Option<&'a Judged<'r>> {
    judged.iter().find(|one| one.holding() == Holding::Fails)
}

/// What both verify and check say in JSON.
pub(super) fn verdict_json(
    identity: &Identity<'_>,
    walked: &Walked,
    judged: &[Judged<'_>],
) -> Map<String, Json> {
    let refusal = refusal(judged);
    let (writes, reads) = releases(identity);
    let checks = judged.iter().map(|one| {
        let findings = one.findings.iter().map(|finding| {
            json!({
                "of": finding.of,
                "source": finding.got,
                "destination": finding.want,
                "result": finding.holding.name(),
            })
        });
        json!({
            "check": one.check.name,
            "errno": one.check.errno,
            "at": one.check.at.text(),
            "then": one.check.then.text(),
            "meaning": one.check.doc,
            "result": one.holding().name(),
            "rules": findings.collect::<Vec<_>>(),
        })
    });
    let mut map = identity_json(identity);
    map.insert("release".into(), identity.entry.release.clone().into());
    map.insert("length".into(), walked.len.into());
    map.insert("accepted".into(), refusal.is_none().into());
    let error = refusal.map(|one| one.check.errno.clone());
    map.insert("error".into(), json!(error));
    map.insert("checks".into(), checks.collect());
    map.insert("damage".into(), damage_json(&walked.damage));
    map.insert("written_by".into(), json!(writes));
    map.insert("read_by".into(), json!(reads));
    map
}

/// Every check with all that it compares.
pub(super) fn rows(out: &mut dyn Write, judged: &[Judged<'_>]) -> Result<()> {
    let mut table = Vec::new();
    for one in judged {
        let name = one.check.name.clone();
        let word = |holding| match holding {
            Holding::Holds => "ok".to_string(),
            Holding::Depends => "depends".into(),
            Holding::Fails => one.check.errno.clone(),
        };
        if one.findings.is_empty() {
            let why = match one.check.rules.is_empty() {
                true => "for the device or its host to say",
                false => "not asked of this format",
            };
            let cells = [word(one.holding()), name.clone(), why.into()];
            table.push(cells.to_vec());
        }
        for finding in &one.findings {
            table.push(vec![
                word(finding.holding),
                name.clone(),
                finding.of.clone(),
                finding.got.clone(),
                finding.want.clone(),
            ]);
        }
    }
    let heads = ["", "check", "of", "source", "destination"];
    table.insert(0, heads.map(String::from).to_vec());
    for row in &mut table {
        if let Some(first) = row.first_mut() {
            first.insert_str(0, "  ");
        }
    }
    print::table(out, &table)?;
    Ok(())
}

/// The verdict in words, and what it rests on.
pub(super) fn conclusion(
    out: &mut dyn Write,
    identity: &Identity<'_>,
    walked: &Walked,
    judged: &[Judged<'_>],
) -> Result<()> {
    let entry = identity.entry;
    let by = format!("{} of {}", entry.driver, entry.release);
    match refusal(judged) {
        None => {
            let word = print::styled(print::GREEN, "accepted");
            writeln!(out, "{word} by {by}, as far as the stream tells")?;
        }
        Some(one) => {
            let word = print::styled(print::RED, "refused");
            let errno = match one.check.errno.as_str() {
                "any" => "an error of the device",
                errno => errno,
            };
            let at = one.check.at.text();
            writeln!(out, "{word} by {by} {at}: {errno}, {}", one.check.name)?;
            writeln!(out, "  {}", one.check.doc)?;
            writeln!(out, "  then: {}", one.check.then.text())?;
        }
    }
    for damage in &walked.damage {
        writeln!(out, "{}", print::styled(print::RED, &damage.to_string()))?;
    }
    let short = entry.property(PropertyName::ShortStream);
    if let Some(short) = short.filter(|_| walked.damage.iter().any(|damage| damage.cut)) {
        writeln!(out, "  a short stream: {}; {}", short.value, short.doc)?;
    }
    let (writes, reads) = releases(identity);
    let list = |releases: &[&str]| match releases {
        [] => "none that was looked at".to_string(),
        releases => releases.join(", "),
    };
    writeln!(
        out,
        "this format is written by {}, and read by {}",
        list(&writes),
        list(&reads)
    )?;
    Ok(())
}

/// The releases that write this format, and those that read it.
pub(super) fn releases<'r>(identity: &Identity<'r>) -> (Vec<&'r str>, Vec<&'r str>) {
    let name = &identity.format.name;
    let all = identity.entry.releases.iter();
    let writes = all.clone().filter(|one| one.writes.as_ref() == Some(name));
    let reads = all.filter(|one| one.reads.contains(name));
    (
        writes.map(|one| one.release.as_str()).collect(),
        reads.map(|one| one.release.as_str()).collect(),
    )
}
