// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What was measured, for people and for programs.

use std::fmt::Write;

/// The speed to reach, as a part of that of memcpy.
pub(crate) const RATIO_TARGET: f64 = 0.7;
/// The most bytes that framing may take in a stream of the profile.
pub(crate) const OVERHEAD_MAX: usize = 1024;

/// One thing that was measured.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) mib_per_s: f64,
    /// Speed of memcpy over this one's time: 1 is as fast.
    pub(crate) ratio: f64,
    pub(crate) target: Option<f64>,
}

/// What a stream of a profile consists of.
pub(crate) struct Framing {
    pub(crate) profile: &'static str,
    pub(crate) version: u32,
    /// The stream in bytes.
    pub(crate) total: usize,
    /// All of it but the payloads of state sections.
    pub(crate) overhead: usize,
}

/// All results.
pub(crate) struct Report {
    pub(crate) what: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) framing: Vec<Framing>,
    /// In the reader, for this many sections.
    pub(crate) allocations: usize,
    pub(crate) sections: usize,
}

impl Report {
    /// Returns whether all holds that does not depend on the machine.
    pub(crate) fn sound(&self) -> bool {
        let short = |framing: &Framing| framing.overhead <= OVERHEAD_MAX;
        self.allocations == 0 && self.framing.iter().all(short)
    }

    /// Returns a table.
    pub(crate) fn table(&self) -> String {
        let mut out = format!("{}\n\n", self.what);
        let head = ["", "MiB/s", "of memcpy", "target"];
        let _ = writeln!(
            out,
            "{:<34}{:>9}{:>11}{:>8}",
            head[0], head[1], head[2], head[3]
        );
        for row in &self.rows {
            let _ = write!(
                out,
                "{:<34}{:>9.0}{:>11.2}",
                row.name, row.mib_per_s, row.ratio
            );
            let _ = match row.target {
                Some(target) => writeln!(out, "{target:>8.2}  {}", verdict(row.ratio >= target)),
                None => writeln!(out),
            };
        }
        out.push('\n');
        for framing in &self.framing {
            let _ = writeln!(
                out,
                "framing of {} version {}: {} of {} bytes, at most {OVERHEAD_MAX}: {}",
                framing.profile,
                framing.version,
                framing.overhead,
                framing.total,
                verdict(framing.overhead <= OVERHEAD_MAX)
            );
        }
        let _ = writeln!(
            out,
            "allocations in the reader: {} in {} sections, at most 0: {}",
            self.allocations,
            self.sections,
            verdict(self.allocations == 0)
        );
        out
    }

    /// Returns JSON; no text in it needs an escape.
    pub(crate) fn json(&self) -> String {
        let rows = self.rows.iter().map(|row| {
            let target = row.target.map_or("null".into(), |target| target.to_string());
            format!(
                "{{\"name\": \"{}\", \"mib-per-s\": {:.1}, \"of-memcpy\": {:.4}, \"target\": {target}}}",
                row.name, row.mib_per_s, row.ratio
            )
        });
        let framing = self.framing.iter().map(|framing| {
            format!(
                "{{\"profile\": \"{}\", \"version\": {}, \"total\": {}, \"overhead\": {}, \"at-most\": {OVERHEAD_MAX}}}",
                framing.profile, framing.version, framing.total, framing.overhead
            )
        });
        format!(
            "{{\n  \"what\": \"{}\",\n  \"speed\": {},\n  \"framing\": {},\n  \"reader\": \
             {{\"sections\": {}, \"allocations\": {}}}\n}}\n",
            self.what,
            list(rows),
            list(framing),
            self.sections,
            self.allocations
        )
    }
}

fn verdict(holds: bool) -> &'static str {
    if holds {
        "met"
    } else {
        "missed"
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.map(|item| format!("\n    {item}")).collect();
    format!("[{}\n  ]", items.join(","))
}
