// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl describe`: a descriptor in a few lines.

use std::io::Write;

use serde_json::json;

use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    generations,
    key::Key,
    layout::Layout,
    print,
    registry::Registry,
    source::Source,
    tree::uuid_text,
    verdict,
};

/// Describes `source`.
pub(crate) fn run(io: &Io, registry: &Registry, source: &Source) -> Result {
    let start = source.start(&io.sysfs)?;
    let bytes = generations::in_force(&start);
    let descriptor = verdict::descriptor(&bytes).map_err(|error| {
        let label = source.label();
        Failure::Input(format!(
            "{label}: no VMF descriptor: {error}; \"vmfctl decode\" shows the bytes"
        ))
    })?;
    let profile = registry.profile_of(descriptor.profile_uuid());
    let layout = Layout { registry, profile };
    // Of a device, what it takes as well.
    let key = match source {
        Source::Device(_) => Key::of(&io.sysfs, registry, source)?,
        _ => Key::of_start(registry, source, &start)?,
    };
    let mut out = io.out();
    if io.json {
        let payload = layout.content("attributes", "", descriptor.payload(), 0);
        let id = descriptor.presented();
        let limits = descriptor.limits().map(|limit| {
            let known = limit_name(&layout, limit.id);
            json!({"id": limit.id, "name": known.0, "rule": rule_name(limit.rule), "value": limit.value})
        });
        let manifest = descriptor.manifest().map(|entry| {
            let known = registry.section(entry.kind, profile);
            json!({
                "type": entry.kind,
                "name": known.map(|known| &known.name),
                "schema": entry.schema,
                "min_reader": entry.min_reader,
                "critical": entry.flags & vmf::FLAG_CRITICAL != 0,
                "verify_only": entry.flags & vmf::FLAG_VERIFY_ONLY != 0,
                "count_max": entry.count_max,
                "len_max": entry.len_max,
            })
        });
        let words = |words: &mut dyn Iterator<Item = u64>| {
            let words: Vec<_> = words.collect();
            json!({"words": words, "names": layout.features(&words)})
        };
        let document = json!({
            "document": "vmf-descriptor/1",
            "source": source.label(),
            "presented": {
                "vendor": id.vendor, "device": id.device, "subvendor": id.subvendor,
                "subdevice": id.subdevice, "revision": id.revision,
                "class": class(&id), "is_vf": id.is_vf(),
            },
            "tuple": registry.tuple(&id).map(|tuple| json!({"name": tuple.name, "status": tuple.status})),
            "profile": descriptor.profile_name(),
            "profile_uuid": uuid_text(descriptor.profile_uuid()),
            "profile_version": descriptor.version(),
            "key": key.to_string(),
            "min_reader": descriptor.min_reader(),
            "features_required": words(&mut descriptor.features_required()),
            "features_optional": words(&mut descriptor.features_optional()),
            "limits": limits.collect::<Vec<_>>(),
            "manifest": manifest.collect::<Vec<_>>(),
            "stream_max": descriptor.stream_max(),
            "length": bytes.len(),
            "attributes": payload.json(),
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
    } else {
        let head = (source.label(), bytes.len());
        text(&mut out, &layout, &descriptor, &key, &head)?;
    }
    out.flush()?;
    Ok(Outcome::Good)
}

/// The class code as it is usually written.
fn class(id: &vmf::Presented) -> String {
    let [interface, subclass, base] = id.class;
    format!("{base:02x}{subclass:02x}{interface:02x}")
}

fn rule_name(rule: u8) -> String {
    vmf::Rule::from_byte(rule).map_or(format!("rule {rule}"), |rule| rule.name().into())
}

/// Name and unit of a limit.
fn limit_name(layout: &Layout<'_>, id: u16) -> (String, String) {
    let mut limits = layout.profile.into_iter().flat_map(|known| &known.limits);
    let known = limits.find(|limit| limit.id == u64::from(id));
    known.map_or((format!("limit {id}"), String::new()), |known| {
        (known.name.clone(), known.unit.clone())
    })
}

/// What VMMs compare, by what is remarkable about it.
fn configuration(descriptor: &vmf::Descriptor<'_>) -> String {
    let specs = vmf::profile::find(descriptor.profile_name()).map_or(&[][..], |known| known.config);
    let words: Vec<_> = descriptor.config().collect();
    let others: Vec<_> = words
        .iter()
        .filter_map(|word| {
            let spec = specs.iter().find(|spec| spec.offset == word.offset)?;
            let name = spec.name.rsplit(", ").next().unwrap_or(spec.name);
            (word.value != spec.value).then(|| format!("{name} {:#010x}", word.value))
        })
        .collect();
    match (words.len(), others.join(", ")) {
        (0, _) => "not stated".into(),
        (len, others) if others.is_empty() => format!("{len} words, as in the registry"),
        (len, others) => format!("{len} words; not as in the registry: {others}"),
    }
}

fn text(
    out: &mut dyn Write,
    layout: &Layout<'_>,
    descriptor: &vmf::Descriptor<'_>,
    key: &Key,
    (label, len): &(String, usize),
) -> Result<()> {
    let registry = layout.registry;
    let id = descriptor.presented();
    let kind = if id.is_vf() {
        "virtual function"
    } else {
        "physical function"
    };
    let tuple = match registry.tuple(&id) {
        Some(tuple) => format!("{} ({})", tuple.name, tuple.status),
        None => "not in the registry".into(),
    };
    let profile = match layout.profile {
        Some(profile) => profile.title.clone(),
        None => "not in the registry".into(),
    };
    let features = |words: &mut dyn Iterator<Item = u64>| {
        let words: Vec<_> = words.collect();
        let numbers: Vec<_> = words.iter().map(|word| format!("{word:#x}")).collect();
        match (numbers.is_empty(), layout.features(&words).join(", ")) {
            (true, _) => "none".into(),
            (_, names) if names.is_empty() => numbers.join(" "),
            (_, names) => format!("{} ({names})", numbers.join(" ")),
        }
    };
    writeln!(out, "{}: {len} bytes", print::styled(print::BOLD, label))?;
    let rows = [
        (
            "identity",
            format!(
                "{:04x}:{:04x}, subsystem {:04x}:{:04x}, revision {:02x}, class {}, {kind}",
                id.vendor,
                id.device,
                id.subvendor,
                id.subdevice,
                id.revision,
                class(&id)
            ),
        ),
        ("device", tuple),
        ("key", key.to_string()),
        (
            "profile",
            format!("{}: {profile}", descriptor.profile_name()),
        ),
        ("UUID", uuid_text(descriptor.profile_uuid())),
        (
            "version",
            format!(
                "{}, for readers from {}",
                descriptor.version(),
                descriptor.min_reader()
            ),
        ),
        (
            "required features",
            features(&mut descriptor.features_required()),
        ),
        (
            "optional features",
            features(&mut descriptor.features_optional()),
        ),
        ("configuration space", configuration(descriptor)),
        ("stream_max", format!("{} bytes", descriptor.stream_max())),
    ];
    print::table(
        out,
        &rows.map(|(name, value)| vec![format!("  {name}"), value]),
    )?;

    let limits: Vec<_> = descriptor
        .limits()
        .map(|limit| {
            let (name, unit) = limit_name(layout, limit.id);
            let rule = rule_name(limit.rule);
            vec![format!("    {name}"), rule, limit.value.to_string(), unit]
        })
        .collect();
    writeln!(out, "  limits")?;
    print::table(out, &limits)?;
    let sections: Vec<_> = descriptor
        .manifest()
        .map(|entry| {
            let known = registry.section(entry.kind, layout.profile);
            let critical = entry.flags & vmf::FLAG_CRITICAL != 0;
            vec![
                format!("    {}", known.map_or("unknown", |known| &known.name)),
                format!("type {:#x}", entry.kind),
                format!("schema {} (from {})", entry.schema, entry.min_reader),
                format!("up to {}", entry.count_max),
                format!("{} bytes", entry.len_max),
                if critical { "critical" } else { "" }.into(),
            ]
        })
        .collect();
    writeln!(out, "  sections")?;
    Ok(print::table(out, &sections)?)
}
