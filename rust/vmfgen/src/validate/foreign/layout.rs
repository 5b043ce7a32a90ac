// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The layout of a format of others: structures, records, and runs of them.

use crate::{
    model::foreign::{Count, Entry, Field, Part, Records, Run, Structure, Tag, REST},
    problems::Place,
    types::{Base, ForeignContent, Int},
    validate::{layout, unique},
};
use std::cmp::Ordering;

pub(super) fn check(entry: &Entry, place: &mut Place<'_>) {
    let Entry {
        formats,
        records,
        structures,
        ..
    } = entry;
    let names = formats.iter().map(|f| (&f.name, &f.doc));
    unique(&mut place.key("formats"), "name", names);
    let names = records.iter().map(|r| (&r.name, &r.header));
    unique(&mut place.key("records"), "name", names);
    let names = structures.iter().map(|s| (&s.name, s.length));
    unique(&mut place.key("structures"), "name", names);

    for format in formats {
        let mut place = place.item("formats", &format.name);
        runs(entry, &format.stream, &mut place.key("stream"));
    }
    for records in records {
        let mut place = place.item("records", &records.name);
        self::records(entry, records, &mut place);
    }
    for (n, structure) in structures.iter().enumerate() {
        let mut place = place.item("structures", &structure.name);
        let before = structures.get(..n).unwrap_or_default();
        fields(structure, before, &mut place);
    }
    used(entry, place);
}

/// What nothing refers to cannot be found by a program that goes from the stream downwards.
fn used(entry: &Entry, place: &mut Place<'_>) {
    let streams = entry.formats.iter().flat_map(|format| &format.stream);
    let payloads = entry.records.iter().flat_map(|records| &records.payloads);
    let contents: Vec<_> = streams.chain(payloads).map(|run| &run.content).collect();
    for records in &entry.records {
        let content = ForeignContent::Records(records.name.clone());
        place
            .item("records", &records.name)
            .require(contents.contains(&&content), "nothing is made of it");
    }
    for structure in &entry.structures {
        let base = Base::Structure(structure.name.clone());
        let content = ForeignContent::Of(base.clone());
        let mut fields = entry.structures.iter().flat_map(|s| &s.fields);
        let mut headers = entry.records.iter().map(|records| &records.header);
        let somewhere = contents.contains(&&content)
            || headers.any(|header| header == &structure.name)
            || fields.any(|field| field.ty.base == base);
        place
            .item("structures", &structure.name)
            .require(somewhere, "nothing is made of it");
    }
}

/// Checks the runs of a stream, which are one behind the other.
fn runs(entry: &Entry, list: &[Run], place: &mut Place<'_>) {
    unique(place, "name", list.iter().map(|run| (&run.name, &run.doc)));
    let mut full = None;
    let mut over = None;
    for (n, run) in list.iter().enumerate() {
        let mut place = place.key(&run.name);
        if let Some(before) = full {
            place.report(format!("nothing is left for it, {before} takes the rest"));
        }
        if let Some(before) = over.filter(|_| !run.optional) {
            place.report(format!("has to be optional, as {before} before it is"));
        }
        place.require(run.tag.is_none(), "a stream has no tags");
        content(entry, run, list.get(..n).unwrap_or_default(), &mut place);
        full = full.or(run.takes_the_rest().then_some(&run.name));
        over = over.or(run.optional.then_some(&run.name));
    }
}

fn content(entry: &Entry, run: &Run, before: &[Run], place: &mut Place<'_>) {
    let opaque = run.content == ForeignContent::Opaque;
    place.key("known-by").require(
        opaque == run.known_by.is_some(),
        "has to be with what is opaque, and nowhere else",
    );
    match &run.content {
        ForeignContent::Empty | ForeignContent::Opaque | ForeignContent::Padding => {
            place.key("count").require(
                run.count == Count::default(),
                format!("says nothing about what is {}", run.content),
            );
        }
        ForeignContent::Records(name) => place.key("content").require(
            entry.records(name).is_some(),
            format!("there are no records {name}"),
        ),
        ForeignContent::Of(Base::Structure(name)) => place.key("content").require(
            entry.structure(name).is_some(),
            format!("there is no structure {name}"),
        ),
        ForeignContent::Of(_) => {}
    }
    let Count::Text(text) = &run.count else {
        return;
    };
    if text == REST {
        return;
    }
    let field = text.split_once('.').and_then(|(run, field)| {
        let run = before.iter().find(|before| before.name == run)?;
        let ForeignContent::Of(Base::Structure(name)) = &run.content else {
            return None;
        };
        integer(entry.structure(name)?.field(field)?)
    });
    place.key("count").require(
        field.is_some(),
        format!("there is no integer {text} in what comes before"),
    );
}

/// The integer that a field is, if it is a single one.
fn integer(field: &Field) -> Option<Int> {
    field.ty.base.int().filter(|_| field.ty.count.is_none())
}

fn records(entry: &Entry, records: &Records, place: &mut Place<'_>) {
    let Some(header) = entry.structure(&records.header) else {
        let what = format!("there is no structure {}", records.header);
        return place.key("header").report(what);
    };
    part(header, &records.length, &mut place.key("length"));
    if let Some(length) = &records.header_length {
        part(header, length, &mut place.key("header-length"));
    }
    let payloads = &records.payloads;
    let mut list = place.key("payloads");
    unique(
        &mut list,
        "name",
        payloads.iter().map(|run| (&run.name, &run.doc)),
    );
    let tags = payloads
        .iter()
        .filter_map(|run| Some((run.tag.as_ref()?, &run.name)));
    unique(
        &mut list,
        "tag",
        tags.map(|(tag, name)| (tag.to_string(), name)),
    );
    for run in payloads {
        let mut place = list.key(&run.name);
        content(entry, run, &[], &mut place);
        place
            .key("optional")
            .require(!run.optional, "a payload is there if its header is");
    }
    place.key("unknown").require(
        records.tag.is_some() == records.unknown.is_some(),
        "has to be with records that have tags, and nowhere else",
    );
    match &records.tag {
        Some(part) => tagged(header, records, part, place),
        None => {
            let plain = payloads.iter().all(|run| run.tag.is_none());
            place.key("payloads").require(
                plain && payloads.len() == 1,
                "without a tag in the header there is one payload, and it has no tag",
            );
            let what = "without a tag there is none to end with";
            place.key("end").require(records.end.is_none(), what);
        }
    }
}

fn tagged(header: &Structure, records: &Records, tag: &Part, place: &mut Place<'_>) {
    let payloads = &records.payloads;
    let text = header.field(&tag.field).filter(|f| f.ty.base == Base::Char);
    let bits = match text {
        Some(field) => {
            place.key("tag").require(
                tag.width.is_none() && tag.shift == 0 && tag.times == 1,
                "a text has no bits",
            );
            field.ty.count.unwrap_or(1)
        }
        None => part(header, tag, &mut place.key("tag")).unwrap_or(64),
    };
    let mut list = place.key("payloads");
    for run in payloads {
        let mut place = list.key(&run.name);
        match (&run.tag, text.is_some()) {
            (Some(Tag::Text(text)), true) => place.require(
                text.len() <= usize::try_from(bits).unwrap_or(usize::MAX),
                format!("{text} is longer than the {bits} bytes of {}", tag.field),
            ),
            (Some(Tag::Number(number)), false) => place.require(
                bits >= 64 || *number < 1 << bits,
                format!("tag {number:#x} does not fit into {bits} bits"),
            ),
            (Some(_), _) => place.report("the tag is not of the kind of the field"),
            (None, _) => place.report("has no tag"),
        }
    }
    if let Some(end) = &records.end {
        let last = payloads.iter().find(|run| run.tag.as_ref() == Some(end));
        place.key("end").require(
            last.is_some_and(|run| run.content == ForeignContent::Empty),
            format!("there is no empty payload with tag {end}"),
        );
    }
}

/// Checks a part of a header, and returns how many bits it has.
fn part(header: &Structure, part: &Part, place: &mut Place<'_>) -> Option<u32> {
    let field = header.field(&part.field);
    let Some(int) = field.and_then(integer) else {
        place.key("field").report(format!(
            "there is no integer {} in {}",
            part.field, header.name
        ));
        return None;
    };
    let left = int.bits().checked_sub(part.shift).filter(|left| *left > 0);
    let width = part.width.or(left).unwrap_or(0);
    place.require(
        left.is_some_and(|left| width <= left),
        format!("{} has only {} bits", part.field, int.bits()),
    );
    Some(width)
}

/// Checks the fields of a structure; `before` are those that it may have in it.
fn fields(structure: &Structure, before: &[Structure], place: &mut Place<'_>) {
    let fields = &structure.fields;
    let names = fields.iter().map(|field| (&field.name, field.offset));
    unique(&mut place.key("fields"), "name", names);
    let mut end = 0_u64;
    for (n, field) in fields.iter().enumerate() {
        let mut place = place.item("fields", &field.name);
        let offset = u64::from(field.offset);
        let mut at = place.key("offset");
        match offset.cmp(&end) {
            Ordering::Less => at.report(format!(
                "{offset} overlaps the field before, which ends at {end}"
            )),
            Ordering::Equal => {}
            Ordering::Greater => at.report(format!(
                "{offset} leaves a gap, the field before ends at {end}"
            )),
        }
        let size = match &field.ty.base {
            Base::Structure(name) => before.iter().find(|s| &s.name == name).map(|s| s.length),
            base => base.size(),
        };
        place.key("type").require(
            size.is_some(),
            format!("{}: there is no such structure before this one", field.ty),
        );
        let count = u64::from(field.ty.count.unwrap_or(1));
        let size = u64::from(size.unwrap_or(0)).saturating_mul(count);
        end = offset.saturating_add(size);
        self::field(field, fields.get(..n).unwrap_or_default(), &mut place);
    }
    place.key("length").require(
        u64::from(structure.length) == end,
        format!("{}, but the last field ends at {end}", structure.length),
    );
}

fn field(field: &Field, before: &[Field], place: &mut Place<'_>) {
    place.require(field.reserved() || field.doc.is_some(), "doc is missing");
    if let Some(name) = &field.used {
        let count = before.iter().find(|before| &before.name == name);
        place.key("used").require(
            field.ty.count.is_some() && count.and_then(integer).is_some(),
            format!("there is no integer {name} before this array"),
        );
    }
    if field.bits.is_empty() && field.values.is_empty() {
        return;
    }
    let Some(int) = integer(field) else {
        return place.report(format!("bits and values of {} have no meaning", field.ty));
    };
    layout::bits(&field.bits, int, &mut place.key("bits"));
    let mut place = place.key("values");
    let values = &field.values;
    unique(
        &mut place,
        "value",
        values.iter().map(|v| (v.value, &v.name)),
    );
    unique(
        &mut place,
        "name",
        values.iter().map(|v| (&v.name, v.value)),
    );
    for value in values {
        place.require(
            value.value <= int.max(),
            format!("{:#x} does not fit into {}", value.value, field.ty),
        );
    }
}
