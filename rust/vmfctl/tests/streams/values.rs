// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The values of a document that decode has written.

use serde_json::Value as Json;

/// A value: where it is, how long, its path, and what it is.
pub type Value = (u64, u64, String, Json);

/// All of them in the order of the stream. Every byte is in one value, and in one only.
#[track_caller]
pub fn of(document: &Json) -> Vec<Value> {
    let mut all = Vec::new();
    collect(&document["stream"], "", &mut all);
    all.sort_by_key(|(at, ..)| *at);
    let end = all.iter().fold(0, |end, (at, size, path, _)| {
        assert_eq!(*at, end, "a gap or an overlap at {path}");
        end + size
    });
    assert_eq!(end, document["length"]);
    let sums = ["documented", "opaque", "unknown"].map(|key| document[key].as_u64().unwrap());
    assert_eq!(sums.iter().sum::<u64>(), end);
    all
}

fn collect(json: &Json, path: &str, all: &mut Vec<Value>) {
    let join = |name: &str| match path {
        "" => name.to_string(),
        path => format!("{path}.{name}"),
    };
    match json {
        Json::Object(map) if map.get("size").is_some_and(Json::is_u64) => {
            let place = ["offset", "size"].map(|key| map[key].as_u64().unwrap());
            let value = map.get("value").or(map.get("start")).unwrap();
            all.push((place[0], place[1], path.into(), value.clone()));
        }
        Json::Object(map) => {
            for (name, json) in map.iter().filter(|(name, _)| *name != "name") {
                collect(json, &join(name), all);
            }
        }
        Json::Array(list) => {
            for (index, item) in list.iter().enumerate() {
                let name = item["name"].as_str();
                let name = name.map_or(String::new(), |name| format!(".{name}"));
                collect(item, &format!("{path}[{index}]{name}"), all);
            }
        }
        _ => {}
    }
}
