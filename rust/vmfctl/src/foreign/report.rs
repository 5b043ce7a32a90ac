// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `vmfctl decode` of streams of others.

use std::io::Write;

use serde_json::{json, Map, Value as Json};

use super::{Certainty, Damage, Identity, Stream, Walked};
use crate::{
    cli::Io,
    failure::{Failure, Outcome, Result},
    print,
    registry::Registry,
    tree::members,
};

/// The name of the JSON document, with the version of its layout.
const DOCUMENT: &str = "foreign-stream/1";

/// Shows every byte of a stream.
pub(crate) fn decode(io: &Io, registry: &Registry, stream: &Stream<'_>, label: &str) -> Result {
    let walked = stream.walk(label)?;
    let mut out = io.out();
    if io.json {
        serde_json::to_writer(&mut out, &document(registry, &stream.identity, &walked))?;
        writeln!(out)?;
    } else {
        text(&mut out, &stream.identity, &walked)?;
    }
    out.flush()?;
    match walked.damage.first() {
        None => Ok(Outcome::Good),
        Some(damage) => Err(Failure::Input(format!("damaged stream: {damage}"))),
    }
}

fn document(registry: &Registry, identity: &Identity<'_>, walked: &Walked) -> Json {
    let head = &registry.registry;
    let mut map = Map::new();
    map.insert("document".into(), DOCUMENT.into());
    let revision = json!({"name": head.name, "revision": head.revision});
    map.insert("registry".into(), revision);
    map.extend(identity_json(identity));
    map.insert("stream".into(), members(&walked.nodes).into());
    map.insert("length".into(), walked.len.into());
    map.insert("documented".into(), walked.tally.documented.into());
    map.insert("opaque".into(), walked.tally.opaque.into());
    map.insert("unknown".into(), walked.tally.unknown.into());
    map.insert("damage".into(), damage_json(&walked.damage));
    map.into()
}

/// What all documents say of a stream.
pub(super) fn identity_json(identity: &Identity<'_>) -> Map<String, Json> {
    let Identity { entry, format, .. } = identity;
    let mut map = Map::new();
    map.insert("driver".into(), entry.driver.clone().into());
    map.insert("entry".into(), entry.name.clone().into());
    map.insert("format".into(), format.name.clone().into());
    map.insert("certainty".into(), identity.certainty.name().into());
    let order = if identity.big { "big" } else { "little" };
    map.insert("native_order".into(), order.into());
    map
}

/// What is not as documented.
pub(super) fn damage_json(damage: &[Damage]) -> Json {
    let list = damage.iter();
    list.map(|damage| {
        json!({
            "offset": damage.offset,
            "in": damage.path,
            "ended": damage.cut,
            "what": damage.what,
        })
    })
    .collect()
}

fn text(out: &mut dyn Write, identity: &Identity<'_>, walked: &Walked) -> Result<()> {
    let title = format!("{}: {}", identity.words(), identity.entry.title);
    writeln!(out, "{}", print::styled(print::BOLD, &title))?;
    if identity.certainty == Certainty::Likely {
        let doc = &identity.format.recognise.doc;
        writeln!(out, "{:10}{}", "", print::styled(print::DIM, doc))?;
    }
    print::nodes(out, &walked.nodes, 0)?;
    let tally = &walked.tally;
    let (documented, opaque) = (tally.documented, tally.opaque);
    write!(
        out,
        "{} bytes: {documented} documented, {opaque} opaque",
        walked.len
    )?;
    match tally.unknown {
        0 => writeln!(out)?,
        unknown => writeln!(out, ", {unknown} not known")?,
    }
    for damage in &walked.damage {
        writeln!(out, "{}", print::styled(print::RED, &damage.to_string()))?;
    }
    Ok(())
}
