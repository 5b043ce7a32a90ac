// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Tables for the documentation, each a fragment without a heading, to be included.

mod compatibility;
mod container;
mod contract;
mod envelope;
mod foreign;
mod grid;
mod profile;
mod section;
mod words;

use super::{text::wrap, File, MARK};
use crate::model::Registry;

const DIR: &str = "Documentation/userspace-api/vmf-tables";
const WIDTH: usize = 80;

pub(super) fn files(registry: &Registry) -> Vec<File> {
    let mut files = container::files(&registry.container);
    files.extend(registry.profiles.iter().map(profile::file));
    files.push(envelope::file(&registry.envelope));
    files.push(compatibility::file(registry));
    files.extend(foreign::files(registry));
    files
}

/// A fragment of some blocks, with blank lines between them.
fn fragment(name: &str, blocks: &[String]) -> File {
    let mut text = format!(".. SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause\n.. {MARK}\n");
    for block in blocks {
        text.push('\n');
        text += block.trim_end();
        text.push('\n');
    }
    File {
        path: format!("{DIR}/{name}.rst"),
        text,
    }
}

fn paragraph(text: &str) -> String {
    wrap(text, WIDTH).join("\n")
}

fn heading(title: &str, line: char) -> String {
    format!("{title}\n{}", line.to_string().repeat(title.len()))
}

/// A list with numbers.
fn numbered(items: &[String]) -> String {
    let mut text = String::new();
    for (n, item) in (1..).zip(items) {
        let number = format!("{n}. ");
        let hang = " ".repeat(number.len());
        text += &number;
        text += &wrap(item, WIDTH - hang.len()).join(&format!("\n{hang}"));
        text.push('\n');
    }
    text
}

fn literal(text: &str) -> String {
    format!("``{text}``")
}

/// Plain text of the registry, so that nothing in it is markup.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        let markup = match c {
            '\\' | '`' => true,
            // These begin something only at the start of a word, and "_" ends a reference.
            '*' | '|' => !next.is_whitespace() && !last.is_alphanumeric(),
            '_' => last.is_alphanumeric() && !next.is_alphanumeric() && next != '_',
            _ => false,
        };
        if markup {
            out.push('\\');
        }
        out.push(c);
        last = c;
    }
    out
}
