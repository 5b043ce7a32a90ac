// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The envelope: told from every profile, and with room for what it promises.

use super::{container, Frame};
use crate::{model::Registry, problems::Place};

pub(super) fn check(registry: &Registry, frame: &Frame<'_>, place: &mut Place<'_>) {
    let envelope = &registry.envelope;
    for profile in &registry.profiles {
        let first = profile.name.split('.').next();
        place.key("name").require(
            first != Some(&envelope.name),
            format!("{} would be a format in it", profile.name),
        );
        place.key("uuid").require(
            profile.uuid != envelope.uuid,
            format!("it is that of {}", profile.name),
        );
    }
    let section = &envelope.section;
    let mut at = place.item("section", &section.name);
    if let Some(range) = container::range(frame.container, "profile") {
        at.key("type").require(
            (range.first..=range.last).contains(&section.kind),
            format!("{:#x} is not in the range of profiles", section.kind),
        );
    }
    // DESCRIPTOR and END are sections, too.
    let most = frame.sections_max.saturating_sub(2);
    let longest = most.saturating_mul(frame.payload_max);
    at.key("length-max").require(
        u64::from(section.length_max) <= longest,
        format!(
            "{} is above {longest}, the most that fits {most} fragments",
            section.length_max
        ),
    );
    let headers = (most + 1).saturating_mul(frame.section_header);
    let bytes = u64::from(section.length_max) + headers + frame.preamble_max + frame.end;
    place.key("stream-max").require(
        bytes <= u64::from(envelope.stream_max),
        format!(
            "{}, but a stream can have {bytes} bytes",
            envelope.stream_max
        ),
    );
}
