// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a provider has to offer.

use super::{grid::Table, heading, literal, paragraph, plain, WIDTH};
use crate::{
    emit::text::{number, sentence, snake, upper, wrap},
    model::{Access, Clause, ConfigWords, Contract, Message, Profile, Register},
};

/// What there is to see before a driver does anything.
pub(super) fn overview(contract: &Contract) -> Table {
    let mut table = Table::new(&["part", "what"]);
    for bar in &contract.bars {
        let what = format!("{}, {} bytes: {}", bar.kind, number(bar.size), bar.doc);
        table.row([format!("BAR {}", bar.bar), plain(&sentence(&what))]);
    }
    let interrupts = &contract.interrupts;
    let vectors = format!(
        "{}, vectors: {}.",
        interrupts.kind.to_uppercase(),
        interrupts.vectors
    );
    table.row(["interrupts".into(), vectors]);
    let capabilities = contract.capabilities.join("; ");
    table.row(["capabilities".into(), plain(&sentence(&capabilities))]);
    table.row(["reset".into(), plain(&sentence(&contract.reset))]);
    table
}

/// Where the capabilities are.
pub(super) fn capabilities(contract: &Contract) -> Table {
    let mut table = Table::new(&["offset", "capability", "what"]);
    for capability in &contract.capability_list {
        table.row([
            literal(&format!("{:#04x}", capability.offset)),
            plain(&capability.name),
            plain(&sentence(&capability.doc)),
        ]);
    }
    table
}

/// The rest, with headings below that of a chapter.
pub(super) fn blocks(profile: &Profile) -> Vec<String> {
    let contract = &profile.contract;
    let mut blocks = Vec::new();
    if !contract.config.is_empty() {
        blocks.push(heading("Configuration space", '~'));
        blocks.push(paragraph(
            "What VMMs compare when all memory was sent, beyond the identity, as it was when each \
             end opened the device. The attribute presented-config has these words. Values are \
             those of a provider that has no device to take them from, and was told no others. \
             A provider clears what a former owner may have left in the bits of the column \
             \"cleared\" whenever the device is opened.",
        ));
        blocks.push(config(&contract.config).text());
    }
    if let (Some(bar), [_, ..]) = (contract.bars.first(), contract.registers.as_slice()) {
        blocks.push(heading("Registers", '~'));
        blocks.push(paragraph(&format!(
            "In BAR {}, each of 32 bits, with the section and field that hold it, if it is state. \
             RW is to be read and written, RO to be read and WO to be written only.",
            bar.bar
        )));
        blocks.push(registers(&contract.registers).text());
        blocks.extend(contract.registers.iter().flat_map(bits));
    }
    if !contract.messages.is_empty() {
        blocks.push(heading("Messages", '~'));
        blocks.push("What the guest may ask of the PF, and the field that holds it:".into());
        blocks.push(messages(&contract.messages).text());
    }
    if !contract.clauses.is_empty() {
        blocks.push(heading("Clauses", '~'));
        blocks.push("What else a guest, a source or a destination relies on:".into());
        blocks.extend(contract.clauses.iter().map(clause));
    }
    blocks
}

fn config(list: &[ConfigWords]) -> Table {
    let mut table = Table::new(&["offset", "name", "values", "compared", "cleared", "what"]);
    for words in list {
        let first = literal(&format!("{:#05x}", words.offset));
        let offset = match words.words().last() {
            Some((last, _)) if last != words.offset => {
                format!("{first} to {}", literal(&format!("{last:#05x}")))
            }
            _ => first,
        };
        let mut values: Vec<_> = words.values.iter().map(|v| format!("{v:#010x}")).collect();
        values.dedup();
        let bits = match words.mask {
            u32::MAX => "all bits".to_owned(),
            mask => literal(&format!("{mask:#010x}")),
        };
        let compared = match words.behind_port {
            true => format!("{bits}, behind a port"),
            false => bits,
        };
        let cleared = [
            (words.clear_by_ones, "by ones"),
            (words.clear_by_zeros, "by zeros"),
        ];
        let cleared = cleared.iter().filter(|(mask, _)| *mask != 0);
        let cleared =
            cleared.map(|(mask, how)| format!("{} {how}", literal(&format!("{mask:#010x}"))));
        table.row([
            offset,
            plain(&words.name),
            literal(&values.join(", ")),
            compared,
            cleared.collect::<Vec<_>>().join(", "),
            plain(&sentence(&words.doc)),
        ]);
    }
    table
}

fn registers(list: &[Register]) -> Table {
    let mut table = Table::new(&["offset", "name", "access", "field", "meaning"]);
    for register in list {
        table.row([
            places(register),
            plain(&register.name),
            access(register.access).into(),
            fields(&register.fields),
            plain(&sentence(&register.doc)),
        ]);
    }
    table
}

fn messages(list: &[Message]) -> Table {
    let mut table = Table::new(&["type", "content", "what the PF does, and answers", "field"]);
    for message in list {
        let parts = [("info: ", &message.info), ("words: ", &message.words)];
        let parts = parts
            .iter()
            .filter_map(|(what, part)| Some(sentence(&format!("{what}{}", part.as_ref()?))));
        let answer = format!("answer: {}", message.answer);
        let does = format!("{} {}", sentence(&message.doc), sentence(&answer));
        table.row([
            format!("{:#04x} {}", message.kind, plain(&message.name)),
            plain(&parts.collect::<Vec<_>>().join(" ")),
            plain(&does),
            fields(&message.fields),
        ]);
    }
    table
}

/// An entry of a list of definitions.
fn clause(clause: &Clause) -> String {
    let text = format!("{} Source: {}.", sentence(&clause.doc), clause.spec);
    let lines = wrap(&plain(&text), WIDTH - 2);
    format!("{}\n  {}", plain(&clause.name), lines.join("\n  "))
}

/// What there is to say about the bits of a register.
fn bits(register: &Register) -> Vec<String> {
    if register.bits.is_empty() {
        return Vec::new();
    }
    let mut table = Table::new(&["bit", "name", "meaning"]);
    for bit in &register.bits {
        table.row([
            bit.bit.to_string(),
            plain(&upper(&bit.name)),
            plain(&sentence(&bit.doc)),
        ]);
    }
    vec![format!("Bits of {}:", plain(&register.name)), table.text()]
}

/// The offset, and where the other elements are.
fn places(register: &Register) -> String {
    let first = literal(&format!("{:#06x}", register.offset));
    match (register.count, register.stride) {
        (1, _) => first,
        (count, stride) => format!("{first} + {stride:#x} n, n < {count}"),
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::ReadWrite => "RW",
        Access::ReadOnly => "RO",
        Access::WriteOnly => "WO",
    }
}

/// Fields as they are called in the tables of sections, behind the section.
fn fields(names: &[String]) -> String {
    let names = names.iter().map(|name| match name.split_once('.') {
        Some((section, field)) => format!("{}: {}", section, literal(&snake(field))),
        None => literal(name),
    });
    names.collect::<Vec<_>>().join(", ")
}
