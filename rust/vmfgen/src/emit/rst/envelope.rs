// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The envelope: its numbers.

use super::{fragment, grid::Table, literal, paragraph, plain};
use crate::{
    emit::{text::sentence, File},
    model::Envelope,
};

pub(super) fn file(envelope: &Envelope) -> File {
    let section = &envelope.section;
    let mut table = Table::new(&["what", "value"]);
    let bytes = |bytes: u32| format!("{bytes} bytes");
    table
        .row(["name".into(), literal(&format!("{}.FORMAT", envelope.name))])
        .row(["UUID".into(), literal(&envelope.uuid)])
        .row(["longest stream".into(), bytes(envelope.stream_max)])
        .row([
            format!("section {}", literal(&section.name)),
            format!(
                "type {}, schema {}, {}, one instance",
                literal(&format!("{:#x}", section.kind)),
                section.schema,
                literal("CRITICAL")
            ),
        ])
        .row([
            "its payload".into(),
            format!("1 to {}", bytes(section.length_max)),
        ]);
    let doc = [&envelope.doc, &section.doc].map(|doc| sentence(doc));
    let blocks = [paragraph(&plain(&doc.join(" "))), table.text()];
    fragment("envelope", &blocks)
}
