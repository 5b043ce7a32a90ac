// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Grid tables of reStructuredText, as wide as they need to be and no wider than a page.

use crate::emit::text::wrap;

/// The widest table, in characters.
const PAGE: usize = 100;

/// A table with one line of titles.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(titles: &[&str]) -> Self {
        let titles = titles.iter().map(|title| (*title).to_owned()).collect();
        Self { rows: vec![titles] }
    }

    /// Adds a row, with one cell for every title.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) -> &mut Self {
        self.cells(cells.into())
    }

    /// The same, of as many cells as there happen to be.
    pub(super) fn cells(&mut self, cells: Vec<String>) -> &mut Self {
        self.rows.push(cells);
        self
    }

    /// Drops the columns in which nothing stands.
    pub(super) fn without_empty(&mut self) -> &mut Self {
        let columns = self.rows.first().map_or(0, Vec::len);
        for column in (0..columns).rev() {
            let cells = self.rows.iter().skip(1).filter_map(|row| row.get(column));
            if cells.clone().all(String::is_empty) {
                for row in &mut self.rows {
                    row.remove(column);
                }
            }
        }
        self
    }

    pub(super) fn text(&self) -> String {
        let widths = self.widths();
        let rule = |fill: &str| {
            let cells = widths.iter().map(|width| fill.repeat(width + 2));
            format!("+{}+\n", cells.collect::<Vec<_>>().join("+"))
        };
        let mut text = rule("-");
        for (n, row) in self.rows.iter().enumerate() {
            let cells: Vec<_> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| wrap(cell, *width))
                .collect();
            for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                for (cell, &width) in cells.iter().zip(&widths) {
                    let part = cell.get(line).map_or("", String::as_str);
                    text += &format!("| {part:width$} ");
                }
                text += "|\n";
            }
            text += &rule(if n == 0 { "=" } else { "-" });
        }
        text
    }

    /// Shares the page: the widest columns give way first, down to their longest word.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let measure = |column: usize, len: fn(&str) -> usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| len(cell)).max().unwrap_or(0).max(1)
        };
        let words = |cell: &str| cell.split_whitespace().map(length).max().unwrap_or(0);
        let least: Vec<_> = (0..columns).map(|column| measure(column, words)).collect();
        let mut widths: Vec<_> = (0..columns).map(|column| measure(column, length)).collect();
        let page = PAGE.saturating_sub(3 * columns + 1);
        while widths.iter().sum::<usize>() > page {
            let pairs = widths.iter_mut().zip(&least);
            let shrinkable = pairs.filter_map(|(width, least)| (*width > *least).then_some(width));
            match shrinkable.max() {
                Some(widest) => *widest -= 1,
                None => break,
            }
        }
        widths
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}
