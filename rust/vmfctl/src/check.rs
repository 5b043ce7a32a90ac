// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl check`: will a destination take a stream, and why not?

use std::io::Write;

use serde_json::{json, Value as Json};

use crate::{
    cli::Io,
    failure::{errno_name, Failure, Outcome, Result},
    generations,
    key::Key,
    policy::{self, Guest, Policy},
    print,
    registry::Registry,
    source::Source,
    sysfs::{Address, Asked, Device},
    verdict::{self, Rule, Verdict},
};

/// What sends a stream.
struct Sender {
    /// A descriptor, or all of a stream.
    start: Vec<u8>,
    guest: Guest,
    policy: Option<Policy>,
}

/// What one destination says.
struct Answer {
    destination: String,
    verdict: Verdict,
    /// What its driver says, if it has one here.
    driver: Option<Asked>,
}

impl Answer {
    /// Neither this tool nor the driver may refuse.
    fn accepted(&self) -> bool {
        match self.errno() {
            Some(errno) => errno == 0 && !self.verdict.refused(),
            None => self.verdict.accepted(),
        }
    }

    /// The errno of its driver, 0 if it accepts.
    fn errno(&self) -> Option<i32> {
        match self.driver {
            Some(Asked::Said(errno)) => Some(errno),
            _ => None,
        }
    }

    /// Whether the driver says the same as this tool; none if one of them does not judge, or not
    /// all that the other one does: a driver judges the descriptor, and not the policy of its host.
    fn agrees(&self) -> Option<bool> {
        let error = self.verdict.error;
        let errno = error.map_or(0, |error| error.code.errno());
        let same = self.errno()? == errno;
        let by_policy = error.is_none() && self.verdict.refused();
        (self.verdict.unknown.is_none() && !(same && by_policy)).then_some(same)
    }
}

/// Checks `source` against a destination.
pub(crate) fn run(
    io: &Io,
    registry: &Registry,
    source: &Source,
    against: Option<&Source>,
    version: Option<u32>,
) -> Result {
    let is_key = |source: &Source| matches!(source, Source::Key(_));
    let answers = match against {
        Some(against) if is_key(source) || is_key(against) => {
            by_keys(io, registry, source, against)?
        }
        None if is_key(source) => {
            return Err(Failure::Usage(
                "a key is compared with another one: name a destination".into(),
            ))
        }
        against => by_sender(io, registry, &sender(io, source)?, against, version)?,
    };
    let accepted = answers.iter().any(Answer::accepted);
    let mut out = io.out();
    if io.json {
        let document = json!({
            "document": "vmf-check/1",
            "source": source.label(),
            "accepted": accepted,
            "destinations": answers.iter().map(answer_json).collect::<Vec<_>>(),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        if answers.is_empty() {
            writeln!(out, "the inventory has no devices")?;
        }
        for answer in &answers {
            text(&mut out, registry, answer)?;
        }
    }
    out.flush()?;
    Ok(Outcome::of(accepted))
}

/// What is known of a source.
fn sender(io: &Io, source: &Source) -> Result<Sender> {
    if let Source::Device(address) = source {
        let start = source.start(&io.sysfs)?;
        return Ok(Sender {
            guest: Guest::of_descriptor(&start),
            policy: Policy::read(&io.sysfs, address),
            start,
        });
    }
    let (start, whole) = source.with_head(source.open()?)?;
    Ok(Sender {
        guest: Guest::of_stream(&start, whole),
        policy: None,
        start,
    })
}

/// The verdicts of destinations that are no keys.
fn by_sender(
    io: &Io,
    registry: &Registry,
    sender: &Sender,
    against: Option<&Source>,
    version: Option<u32>,
) -> Result<Vec<Answer>> {
    Ok(match against {
        None => vec![by_registry(registry, &sender.start, version)?],
        Some(Source::Device(bdf)) => vec![by_device(io, registry, sender, bdf)?],
        Some(other) => match other.inventory_or_start()? {
            Ok(inventory) => {
                let judge = |device: &Device| Answer {
                    destination: format!("{} on {}", device.bdf, inventory.hostname),
                    verdict: judge(registry, sender, device),
                    driver: None,
                };
                inventory.devices.iter().map(judge).collect()
            }
            Err(own) => {
                let label = other.label();
                let in_force = generations::in_force(&own);
                let descriptor = verdict::descriptor(&in_force)
                    .map_err(|error| Failure::Input(format!("{label}: {error}")))?;
                let caps = verdict::of_start(&own)?;
                let config: Vec<_> = descriptor.config().collect();
                vec![answer(registry, &sender.start, label, &caps, &config)]
            }
        },
    })
}

/// The verdicts of keys alone.
fn by_keys(io: &Io, registry: &Registry, source: &Source, against: &Source) -> Result<Vec<Answer>> {
    let from = Key::of(&io.sysfs, registry, source)?;
    let answer = |destination: String, to: core::result::Result<Key, String>| Answer {
        destination,
        verdict: match to {
            Ok(to) => from.judge(&to),
            Err(why) => Verdict {
                unknown: Some(why),
                ..Verdict::default()
            },
        },
        driver: None,
    };
    let to = match against {
        Source::Device(_) | Source::Key(_) => Key::of(&io.sysfs, registry, against)?,
        Source::File(_) | Source::Stdin => match against.inventory_or_start()? {
            Ok(inventory) => {
                let host = &inventory.hostname;
                let devices = inventory.devices.iter().map(|device| {
                    let destination = format!("{} on {host}", device.bdf);
                    answer(destination, Key::of_device(registry, device))
                });
                return Ok(devices.collect());
            }
            Err(start) => Key::of_start(registry, against, &start)?,
        },
    };
    Ok(vec![answer(against.label(), Ok(to))])
}

fn answer(
    registry: &Registry,
    start: &[u8],
    destination: String,
    caps: &vmf::Capabilities,
    config: &[vmf::ConfigWord],
) -> Answer {
    Answer {
        destination,
        verdict: verdict::judge(registry, start, caps, config),
        driver: None,
    }
}

/// Judges on behalf of a device in an inventory or in sysfs, and of its host.
fn judge(registry: &Registry, sender: &Sender, device: &Device) -> Verdict {
    let mut verdict = verdict::judge_for(registry, &sender.start, device);
    let (from, to) = (sender.policy.as_ref(), device.policy.as_ref());
    policy::judge(&mut verdict, &sender.guest, from, to);
    verdict
}

fn by_registry(registry: &Registry, start: &[u8], version: Option<u32>) -> Result<Answer> {
    let caps = verdict::of_registry(registry, start, version)?;
    let destination = format!(
        "{} version {}, as in revision {} of the registry",
        caps.profile_name, caps.version, registry.registry.revision
    );
    // What its configuration space is, depends on the host.
    Ok(answer(registry, start, destination, &caps, &[]))
}

fn by_device(io: &Io, registry: &Registry, sender: &Sender, bdf: &Address) -> Result<Answer> {
    Ok(Answer {
        destination: bdf.to_string(),
        verdict: judge(registry, sender, &io.sysfs.device(bdf)?),
        driver: Some(ask(io, bdf, &sender.start)?),
    })
}

/// Shows the driver one descriptor after the other, as it takes one at a time.
fn ask(io: &Io, bdf: &Address, start: &[u8]) -> Result<Asked> {
    if !generations::in_order(start) {
        let why = "the descriptors of the stream are too many, or not in their order";
        return Ok(Asked::Not(why.into()));
    }
    for preamble in generations::each(start) {
        let asked = io.sysfs.check(bdf, &preamble)?;
        if asked != Asked::Said(0) {
            return Ok(asked);
        }
    }
    Ok(Asked::Said(0))
}

fn answer_json(answer: &Answer) -> Json {
    let rules = answer.verdict.rules.iter().map(|rule| {
        json!({
            "rule": rule.name,
            "source": rule.got,
            "destination": rule.want,
            "compared": rule.compared,
            "holds": rule.code.is_none(),
            "warning": rule.warning,
            "error": rule.code.map(vmf::Code::name),
        })
    });
    let driver = answer.errno().map(
        |errno| json!({"errno": errno, "error": errno_name(errno), "agrees": answer.agrees()}),
    );
    let not_asked = match &answer.driver {
        Some(Asked::Not(why)) => Some(why),
        _ => None,
    };
    json!({
        "destination": answer.destination,
        "accepted": answer.accepted(),
        "error": answer.verdict.error_json(),
        "no_verdict": answer.verdict.unknown,
        "rules": rules.collect::<Vec<_>>(),
        "driver": driver,
        "driver_not_asked": not_asked,
    })
}

fn text(out: &mut dyn Write, registry: &Registry, answer: &Answer) -> Result<()> {
    let heading = format!("destination {}", answer.destination);
    writeln!(out, "{}", print::styled(print::BOLD, &heading))?;
    let rules = &answer.verdict.rules;
    let width = |text: fn(&Rule) -> &str| {
        let widths = rules.iter().map(|rule| text(rule).chars().count());
        widths.max().unwrap_or(0)
    };
    let (names, values) = (width(|rule| &rule.name), width(|rule| &rule.got));
    if !rules.is_empty() {
        writeln!(
            out,
            "  {:12} {:names$}  {:values$}  destination",
            "", "rule", "source"
        )?;
    }
    for rule in rules {
        let (style, word) = match (rule.code, rule.compared) {
            (Some(code), _) => (print::RED, code.name()),
            (None, _) if rule.warning => (print::YELLOW, "warning"),
            (None, true) => (print::GREEN, "ok"),
            (None, false) => (print::DIM, "not compared"),
        };
        let (name, got, want) = (&rule.name, &rule.got, &rule.want);
        let word = print::styled(style, &format!("{word:12}"));
        writeln!(out, "  {word} {name:names$}  {got:values$}  {want}")?;
    }
    let verdict = &answer.verdict;
    match (&verdict.unknown, verdict.reason()) {
        (Some(why), _) => writeln!(out, "{} {why}", print::styled(print::RED, "no verdict:"))?,
        (None, None) => {
            let accepted = print::styled(print::GREEN, "accepted");
            match verdict.warnings() {
                0 => writeln!(out, "{accepted}")?,
                1 => writeln!(out, "{accepted}, with 1 warning")?,
                more => writeln!(out, "{accepted}, with {more} warnings")?,
            }
        }
        (None, Some((code, why))) => {
            writeln!(out, "{} {why}", print::styled(print::RED, "refused:"))?;
            if let Some(meaning) = registry.error(code.errno()) {
                writeln!(out, "  {}: {meaning}", code.name())?;
            }
        }
    }
    match (&answer.driver, answer.agrees()) {
        (None, _) => {}
        (Some(Asked::Not(why)), _) => writeln!(out, "the driver was not asked: {why}")?,
        (Some(Asked::Said(errno)), Some(false)) => {
            let warning = format!(
                "the driver of this device says: {}; its code or registry is another than that of \
                 this tool",
                name_of(*errno)
            );
            writeln!(out, "{}", print::styled(print::RED, &warning))?;
        }
        (Some(Asked::Said(errno)), None) if answer.verdict.unknown.is_some() => {
            writeln!(out, "the driver of this device says: {}", name_of(*errno))?;
        }
        (Some(_), None) => writeln!(
            out,
            "the driver of this device accepts the descriptor; it does not look at host policy"
        )?,
        (Some(_), Some(true)) => writeln!(out, "the driver of this device says the same")?,
    }
    Ok(())
}

/// What an errno of the driver says.
fn name_of(errno: i32) -> String {
    match errno_name(errno) {
        Some(name) => format!("refused: {name}"),
        None if errno == 0 => "accepted".into(),
        None => format!("refused: errno {errno}"),
    }
}
