// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Output for people. Colour is added here and taken out again by `anstream` when the output is no
//! terminal.

use std::io::{self, BufWriter, Write};

use anstyle::{AnsiColor, Style};

use crate::tree::{Leaf, Node};

/// Headings and names.
pub(crate) const BOLD: Style = Style::new().bold();
/// What is less important.
pub(crate) const DIM: Style = Style::new().dimmed();
/// A rule that holds.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// A rule that holds, and should be looked at.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// A rule that fails.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();

/// The standard output, in `colour` if it is a terminal; with `verdict` nobody has to read it.
pub(crate) fn out(colour: bool, verdict: bool) -> Box<dyn Write> {
    match (colour, verdict) {
        (true, true) => Box::new(BufWriter::new(Patient::new(anstream::stdout()))),
        (true, false) => Box::new(BufWriter::new(anstream::stdout())),
        (false, true) => Box::new(BufWriter::new(Patient::new(io::stdout()))),
        (false, false) => Box::new(BufWriter::new(io::stdout())),
    }
}

/// An output that takes what nobody reads any more: the exit status is still to come.
struct Patient<W> {
    inner: W,
    gone: bool,
}

impl<W> Patient<W> {
    fn new(inner: W) -> Self {
        Self { inner, gone: false }
    }

    /// Does it, until the reader has gone.
    fn unless_gone<T>(
        &mut self,
        instead: T,
        work: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.gone {
            return Ok(instead);
        }
        let done = work(&mut self.inner);
        match &done {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(instead)
            }
            _ => done,
        }
    }
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_gone(bytes.len(), |inner| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_gone((), Write::flush)
    }
}

/// Writes `text` in `style`.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes a tree, one line for each value: offset, name, value, meaning.
pub(crate) fn nodes(out: &mut dyn Write, nodes: &[Node], depth: usize) -> io::Result<()> {
    nodes.iter().try_for_each(|part| node(out, part, depth))
}

fn node(out: &mut dyn Write, node: &Node, depth: usize) -> io::Result<()> {
    let inner = depth.saturating_add(1);
    let indent = " ".repeat(depth.saturating_mul(2));
    match node {
        Node::Leaf(leaf) => line(out, leaf, &indent),
        Node::Group(_, parts) => {
            writeln!(out, "{:10}{indent}{}", "", styled(BOLD, node.name()))?;
            nodes(out, parts, inner)
        }
        Node::List(_, parts) => {
            writeln!(out, "{:10}{indent}{}", "", styled(BOLD, node.name()))?;
            let indent = " ".repeat(inner.saturating_mul(2));
            for (index, part) in parts.iter().enumerate() {
                let name = match part.name() {
                    "" => String::new(),
                    name => format!(" {}", styled(BOLD, name)),
                };
                writeln!(out, "{:10}{indent}[{index}]{name}", "")?;
                match part {
                    Node::Leaf(leaf) => line(out, leaf, &indent)?,
                    Node::Group(_, parts) | Node::List(_, parts) => {
                        nodes(out, parts, inner.saturating_add(1))?;
                    }
                }
            }
            Ok(())
        }
    }
}

fn line(out: &mut dyn Write, leaf: &Leaf, indent: &str) -> io::Result<()> {
    let value = leaf.text();
    let name = format!("{indent}{}", leaf.name);
    let mut text = format!("{:#08x}  {name:<26} {value:<26}", leaf.offset);
    if !leaf.meaning.is_empty() {
        text = format!("{text}  {}", styled(DIM, &leaf.meaning));
    }
    if !leaf.known_by.is_empty() {
        text = format!("{text}  opaque, known by {}", leaf.known_by);
    }
    if !leaf.note.is_empty() {
        text = format!("{text}  {}", styled(RED, &leaf.note));
    }
    writeln!(out, "{}", text.trim_end())
}

/// Writes rows as columns that are as wide as they have to be.
pub(crate) fn table(out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
    let mut widths = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            let len = cell.chars().count();
            match widths.get_mut(index) {
                Some(width) => *width = len.max(*width),
                None => widths.push(len),
            }
        }
    }
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
