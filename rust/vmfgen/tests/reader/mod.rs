// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Takes streams of others apart by what is exported of their formats, and by nothing else.

#![allow(unreachable_pub, missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::collections::BTreeMap;

pub fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

pub fn named<'a>(value: &'a Value, key: &str, name: &str) -> &'a Value {
    let mut all = list(value, key).iter();
    all.find(|one| one["name"] == name).expect(name)
}

pub fn number(value: &Value) -> usize {
    value.as_u64().unwrap().try_into().unwrap()
}

/// A stream, and where in it the reader is.
pub struct Reader<'a> {
    entry: &'a Value,
    bytes: &'a [u8],
    /// Of integers in native order.
    big: bool,
    pub found: BTreeMap<String, String>,
}

impl<'a> Reader<'a> {
    pub fn new(entry: &'a Value, bytes: &'a [u8], big: bool) -> Self {
        let found = BTreeMap::new();
        Self {
            entry,
            bytes,
            big,
            found,
        }
    }

    pub fn integer(&self, at: usize, ty: &str) -> u64 {
        let (order, bits) = if ty == "u8" {
            ("le", "8")
        } else {
            ty.split_at(2)
        };
        let size = bits.parse::<usize>().unwrap() / 8;
        let bytes = self.bytes[at..at + size].iter();
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        if order == "be" || order == "ne" && self.big {
            bytes.fold(0, add)
        } else {
            bytes.rev().fold(0, add)
        }
    }

    pub fn size(&self, ty: &str) -> usize {
        match ty.strip_prefix("structure ") {
            Some(name) => number(&named(self.entry, "structures", name)["length"]),
            None if ty == "char" || ty == "u8" => 1,
            None => ty[2..].parse::<usize>().unwrap() / 8,
        }
    }

    fn element(&mut self, at: usize, ty: &str, path: &str) {
        let Some(name) = ty.strip_prefix("structure ") else {
            let value = self.integer(at, ty).to_string();
            self.found.insert(path.into(), value);
            return;
        };
        let entry = self.entry;
        for field in list(named(entry, "structures", name), "fields") {
            let (at, ty) = (
                at + number(&field["offset"]),
                field["type"].as_str().unwrap(),
            );
            let path = format!("{path}.{}", field["name"].as_str().unwrap());
            if ty == "char" {
                self.found.insert(path, self.text(at, field));
                continue;
            }
            let used = field["used"].as_str().map(|used| {
                let (above, _) = path.rsplit_once('.').unwrap();
                self.found[&format!("{above}.{used}")].parse().unwrap()
            });
            match field["count"].as_u64() {
                None => self.element(at, ty, &path),
                Some(count) => {
                    for n in 0..used.unwrap_or(usize::try_from(count).unwrap()) {
                        self.element(at + n * self.size(ty), ty, &format!("{path}[{n}]"));
                    }
                }
            }
        }
    }

    fn text(&self, at: usize, field: &Value) -> String {
        let bytes = &self.bytes[at..at + number(&field["size"])];
        let text = bytes.split(|byte| *byte == 0).next().unwrap();
        String::from_utf8(text.to_vec()).unwrap()
    }

    /// Reads a run that starts at `at`, with `end` as the end of what is around it.
    pub fn run(&mut self, run: &Value, at: usize, end: usize, path: &str) -> usize {
        let content = run["content"].as_str().unwrap();
        let count = match &run["count"] {
            Value::Number(_) => number(&run["count"]),
            Value::String(text) if text == "rest" => usize::MAX,
            text => self.found[text.as_str().unwrap()].parse().unwrap(),
        };
        if let Some(name) = content.strip_prefix("records ") {
            return self.records(name, count, at, end, path);
        }
        match content {
            "empty" => at,
            "opaque" | "padding" => {
                self.found
                    .insert(path.into(), format!("{} bytes", end - at));
                end
            }
            ty => {
                let size = self.size(ty);
                let count = count.min((end - at) / size);
                for n in 0..count {
                    let path = if run["count"] == 1 {
                        path.into()
                    } else {
                        format!("{path}[{n}]")
                    };
                    self.element(at + n * size, ty, &path);
                }
                at + count * size
            }
        }
    }

    fn records(
        &mut self,
        name: &str,
        count: usize,
        mut at: usize,
        end: usize,
        path: &str,
    ) -> usize {
        let records = named(self.entry, "records", name);
        let header = named(
            self.entry,
            "structures",
            records["header"].as_str().unwrap(),
        );
        for n in 0..count {
            if at == end {
                break;
            }
            let part = |part: &Value| {
                let field = named(header, "fields", part["field"].as_str().unwrap());
                let at = at + number(&field["offset"]);
                let ty = field["type"].as_str().unwrap();
                if ty == "char" {
                    return Value::from(self.text(at, field));
                }
                let width = part["width"].as_u64().unwrap_or(64);
                let value = self.integer(at, ty) >> number(&part["shift"]);
                let value = value & (u64::MAX >> (64 - width));
                Value::from(value * part["times"].as_u64().unwrap())
            };
            let length = number(&part(&records["length"]));
            let start = match &records["header-length"] {
                Value::Null => number(&header["length"]),
                length => number(&part(length)),
            };
            let tag = match &records["tag"] {
                Value::Null => Value::Null,
                tag => part(tag),
            };
            let mut payloads = list(records, "payloads").iter();
            let payload = payloads.find(|payload| payload["tag"] == tag).unwrap();
            let name = payload["name"].as_str().unwrap();
            let path = format!("{path}[{n}].{name}");
            let (from, to) = (at + start, at + start + length);
            assert!(to <= end, "{path} ends behind what is around it");
            assert_eq!(self.run(payload, from, to, &path), to, "{path}");
            at = to;
            if records["end"] != Value::Null && records["end"] == tag {
                assert_eq!(at, end, "{path} is not the end");
            }
        }
        at
    }
}
