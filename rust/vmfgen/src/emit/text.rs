// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Names and prose for generated files.

/// `rx-queue` as `rx_queue`.
pub(super) fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// `rx-queue` as `RX_QUEUE`.
pub(super) fn upper(name: &str) -> String {
    snake(name).to_uppercase()
}

/// `rx-queue` as `RxQueue`.
pub(super) fn camel(name: &str) -> String {
    name.split('-').map(capital).collect()
}

/// Makes the first letter a capital.
pub(super) fn capital(text: &str) -> String {
    first(text, |c| c.to_uppercase().collect())
}

fn first(text: &str, change: impl Fn(char) -> String) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(c) => change(c) + chars.as_str(),
        None => String::new(),
    }
}

/// Makes a sentence of a doc, which may start small and lack the full stop.
pub(super) fn sentence(doc: &str) -> String {
    let doc = capital(&doc.split_whitespace().collect::<Vec<_>>().join(" "));
    if doc.ends_with('.') {
        doc
    } else {
        doc + "."
    }
}

/// The same for what goes on behind a colon; acronyms keep their capitals.
pub(super) fn lower(doc: &str) -> String {
    let doc = sentence(doc);
    match doc.chars().nth(1) {
        Some(c) if c.is_uppercase() || c == '_' => doc,
        _ => first(&doc, |c| c.to_lowercase().collect()),
    }
}

/// Breaks text into lines of at most `width` characters, unless a word is longer.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let len = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && len > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(line);
    lines
}

/// Adds the unit of a value to a sentence about it.
pub(super) fn with_unit(sentence: &str, unit: Option<&str>) -> String {
    let Some(unit) = unit else {
        return sentence.to_owned();
    };
    // "bytes" is a measure, "guest address" says what the value is.
    let measure = unit.ends_with('s') && !unit.contains(' ');
    let join = if measure { "in" } else { "a" };
    format!("{}; {join} {unit}.", sentence.trim_end_matches('.'))
}

/// A number as people would write it: small ones decimal.
pub(super) fn number(value: u64) -> String {
    match value {
        0..0x1_0000 => value.to_string(),
        0x1_0000..0x100_0000 => format!("{value:#x}"),
        _ => format!("{value:#010x}"),
    }
}

/// The lines for all of `items`, without an end of line behind the last.
pub(super) fn lines<T>(items: &[T], line: impl Fn(&T) -> String) -> String {
    let lines: String = items.iter().map(line).collect();
    lines.trim_end().to_owned()
}
