// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a provider has to offer: things that are there once, in their place, and fields that exist.

use super::{ascending, layout, unique};
use crate::{
    model::{Bar, Capability, ConfigWords, Field, Message, Profile, Register, Section},
    problems::Place,
    types::Int,
};
use std::collections::BTreeMap;

pub(super) fn check(profile: &Profile, place: &mut Place<'_>) {
    let contract = &profile.contract;
    bars(&contract.bars, &mut place.key("bars"));
    capabilities(&contract.capability_list, &mut place.key("capability-list"));
    config(&contract.config, &mut place.key("config"));
    let size = contract.bars.first().map_or(0, |bar| bar.size);
    registers(&contract.registers, size, &mut place.key("registers"));
    for register in &contract.registers {
        let mut place = place.item("registers", &register.name);
        elements(register, profile, &mut place);
        layout::bits(&register.bits, Int::U32, &mut place.key("bits"));
    }
    messages(&contract.messages, &mut place.key("messages"));
    for message in &contract.messages {
        let mut place = place.item("messages", &message.name);
        fields(&message.fields, profile, &mut place);
    }
    let clauses = &contract.clauses;
    unique(
        &mut place.key("clauses"),
        "name",
        clauses.iter().map(|c| (&c.name, &c.spec)),
    );
    references(profile, &mut place.key("clauses"));
}

fn bars(bars: &[Bar], place: &mut Place<'_>) {
    unique(place, "bar", bars.iter().map(|bar| (bar.bar, &bar.doc)));
    for bar in bars {
        let what = format!("size {:#x} of bar {} is no power of two", bar.size, bar.bar);
        place.require(bar.size.is_power_of_two(), what);
    }
}

fn capabilities(list: &[Capability], place: &mut Place<'_>) {
    unique(place, "name", list.iter().map(|c| (&c.name, c.offset)));
    unique(place, "offset", list.iter().map(|c| (c.offset, &c.name)));
}

/// Words ascend, and what is compared is clear where it is cleared.
fn config(list: &[ConfigWords], place: &mut Place<'_>) {
    unique(place, "name", list.iter().map(|c| (&c.name, c.offset)));
    let words = |c: &'_ ConfigWords| c.words().map(|(offset, _)| offset).collect::<Vec<_>>();
    let offsets = list.iter().flat_map(words);
    ascending(place, "offset", offsets);
    let named = list
        .iter()
        .flat_map(|c| c.words().map(|(offset, _)| (offset, &c.name)));
    unique(place, "offset", named);
    for words in list {
        let mut place = place.key(&words.name);
        let clear = words.clear_by_ones | words.clear_by_zeros;
        place.require(
            words.clear_by_ones & words.clear_by_zeros == 0 && clear & !words.mask == 0,
            "a bit is cleared in two ways, or cleared and not compared",
        );
        for (offset, value) in words.words() {
            place.require(
                offset % 4 == 0 && offset < 0x1000,
                format!("{offset:#x} is no word of configuration space"),
            );
            place.require(
                value & (clear | !words.mask) == 0,
                format!("{value:#x} at {offset:#x} has a bit that is not compared, or cleared"),
            );
        }
    }
}

/// Each register has its own words of the BAR, which is `size` bytes long.
fn registers(list: &[Register], size: u64, place: &mut Place<'_>) {
    unique(place, "name", list.iter().map(|r| (&r.name, r.offset)));
    let mut words = BTreeMap::new();
    for register in list {
        let name = &register.name;
        for at in register.offsets() {
            let aligned = at % u64::from(Register::SIZE) == 0;
            place.require(aligned, format!("{name} at {at:#x} is not aligned"));
            if at.saturating_add(Register::SIZE.into()) > size {
                return place.report(format!("{name} at {at:#x} is beyond the BAR"));
            }
            if let Some(other) = words.insert(at, name) {
                return place.report(format!("{at:#x} is used twice: by {other} and by {name}"));
            }
        }
    }
}

fn messages(list: &[Message], place: &mut Place<'_>) {
    unique(place, "name", list.iter().map(|m| (&m.name, m.kind)));
    let sent = |m: &Message| {
        format!(
            "{:#x} with info {}",
            m.kind,
            m.info.as_deref().unwrap_or("0")
        )
    };
    unique(place, "type", list.iter().map(|m| (sent(m), &m.name)));
}

/// There are as many elements as the fields have that hold them, or one for all instances.
fn elements(register: &Register, profile: &Profile, place: &mut Place<'_>) {
    for (section, field) in fields(&register.fields, profile, place) {
        let counts = [1, section.instances.count, field.ty.count.unwrap_or(1)];
        place.require(
            counts.contains(&register.count),
            format!(
                "count {} is not that of {}.{}",
                register.count, section.name, field.name
            ),
        );
    }
}

/// Each clause that a doc refers to, as "(clause NAME)", is there.
fn references(profile: &Profile, place: &mut Place<'_>) {
    let contract = &profile.contract;
    let mut docs = vec![contract.reset.as_str()];
    docs.extend(contract.clauses.iter().map(|clause| clause.doc.as_str()));
    for section in &profile.sections {
        docs.push(section.doc.as_str());
        for field in &section.fields {
            docs.extend(field.doc.as_deref());
            docs.extend(field.flags.iter().map(|flag| flag.doc.as_str()));
        }
    }
    for reference in docs.iter().flat_map(|doc| doc.split("(clause ").skip(1)) {
        let name = reference.split(')').next().unwrap_or(reference);
        let known = contract.clauses.iter().any(|c| c.name == name);
        place.require(known, format!("there is no clause {name}"));
    }
}

/// Finds the fields with these names, and reports those that do not exist.
fn fields<'p>(
    names: &[String],
    profile: &'p Profile,
    place: &mut Place<'_>,
) -> Vec<(&'p Section, &'p Field)> {
    let find = |name: &String| {
        let (section, field) = name.split_once('.')?;
        let section = profile.sections.iter().find(|s| s.name == section)?;
        let field = section.field(field).filter(|field| !field.reserved())?;
        Some((section, field))
    };
    let mut found = Vec::new();
    for name in names {
        match find(name) {
            Some(pair) => found.push(pair),
            None => place
                .key("fields")
                .report(format!("there is no field {name}")),
        }
    }
    found
}
