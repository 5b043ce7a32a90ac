// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The C header.

mod profile;

use super::{
    text::{number, sentence, snake, upper, with_unit, wrap},
    File, MARK,
};
use crate::{
    model::{Constant, ConstantValue, Container, Envelope, Field, Flag, Registry},
    types::Int,
};

const WIDTH: usize = 80;
const TAB: usize = 8;

pub(super) fn file(registry: &Registry) -> File {
    let mut header = Header::default();
    header
        .line("/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */");
    header.comment(&[
        "VFIO Migration Format: structures and numbers",
        "",
        MARK,
        "",
        "Documentation/userspace-api/vmf.rst says what they mean. The structures are as they are \
         in a stream: there is no padding in them, and every one starts at a multiple of 8 from \
         the start of the stream.",
    ]);
    header.line("#ifndef _UAPI_LINUX_VMF_H\n#define _UAPI_LINUX_VMF_H\n");
    header.line("#include <linux/types.h>\n");
    let revision = registry.index.revision.into();
    header.define(
        "VMF_REGISTRY_REVISION",
        &number(revision),
        "The revision of the registry.",
    );
    header.container(&registry.container);
    header.envelope(&registry.envelope);
    for profile in &registry.profiles {
        header.profile(profile);
    }
    header.line("#endif /* _UAPI_LINUX_VMF_H */");
    File {
        path: "include/uapi/linux/vmf.h".into(),
        text: header.text,
    }
}

#[derive(Default)]
struct Header {
    text: String,
}

impl Header {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    /// A comment of several lines.
    fn comment(&mut self, paragraphs: &[&str]) {
        self.line("/*");
        for paragraph in paragraphs {
            self.starred(paragraph, "");
        }
        self.line(" */");
    }

    /// Lines of a comment; all but the first are indented by `hang`.
    fn starred(&mut self, text: &str, hang: &str) {
        for (n, line) in wrap(text, WIDTH - 4 - hang.len()).iter().enumerate() {
            let hang = if n == 0 { "" } else { hang };
            self.line(format!(" * {hang}{line}").trim_end());
        }
    }

    /// The start of a part of the file.
    fn part(&mut self, title: &str) {
        self.comment(&[title]);
        self.line("");
    }

    fn define(&mut self, name: &str, value: &str, doc: &str) {
        let doc = sentence(doc);
        if doc.len() + 6 <= WIDTH {
            self.line(&format!("/* {doc} */"));
        } else {
            self.comment(&[&doc]);
        }
        // Values of usual names stand below each other.
        let used = "#define ".len() + name.len();
        let tabs = (7 * TAB).saturating_sub(used).div_ceil(TAB).max(1);
        self.line(&format!("#define {name}{}{value}\n", "\t".repeat(tabs)));
    }

    fn bits(&mut self, prefix: &str, flags: &[Flag]) {
        for flag in flags {
            let name = format!("{prefix}_{}", upper(&flag.name));
            self.define(&name, &format!("(1 << {})", flag.bit), &flag.doc);
        }
    }

    fn container(&mut self, container: &Container) {
        self.define(
            "VMF_MAJOR",
            &number(container.major.into()),
            "Major version of the container.",
        );
        self.define(
            "VMF_MINOR",
            &number(container.minor.into()),
            "Minor version of the container.",
        );
        for constant in &container.constants {
            let name = format!("VMF_{}", upper(&constant.name));
            self.define(
                &name,
                &value(constant),
                &with_unit(&constant.doc, constant.unit.as_deref()),
            );
        }
        self.part("Ranges of section types");
        for range in &container.type_ranges {
            let name = format!("VMF_TYPE_{}", upper(&range.name));
            self.define(
                &(name.clone() + "_FIRST"),
                &format!("{:#010x}", range.first),
                &range.doc,
            );
            self.define(
                &(name + "_LAST"),
                &format!("{:#010x}", range.last),
                &range.doc,
            );
        }
        self.part("Section types");
        for section in &container.sections {
            let name = format!("VMF_TYPE_{}", upper(&section.name));
            self.define(&name, &section.kind.to_string(), &section.doc);
        }
        self.part("Flags of sections and, but for VMF_FLAG_CONT, of manifest entries");
        self.bits("VMF_FLAG", &container.section_flags);
        self.part("Keys of attributes of the descriptor");
        for attribute in &container.attributes {
            let name = format!("VMF_KEY_{}", upper(&attribute.name));
            let doc = with_unit(&attribute.doc, attribute.unit.as_deref());
            self.define(&name, &attribute.key.to_string(), &doc);
        }
        self.part("Flags of attributes");
        self.bits("VMF_ATTR", &container.attribute_flags);
        self.part("Rules of limits: what has to hold between the values of both ends");
        for rule in &container.rules {
            let name = format!("VMF_RULE_{}", upper(&rule.name));
            self.define(&name, &rule.id.to_string(), &rule.doc);
        }
        self.part("Policy actions");
        for action in &container.policy_actions {
            let name = format!("VMF_POLICY_{}", upper(&action.name));
            self.define(&name, &action.id.to_string(), &action.doc);
        }
        self.part("Structures of the container");
        for structure in &container.structures {
            let tag = snake(&structure.name);
            let prefix = format!("VMF_{}", upper(&structure.name));
            self.structure(
                &format!("vmf_{tag}"),
                &prefix,
                &structure.doc,
                &structure.fields,
            );
        }
        self.line("/*\n * Why a stream is refused\n *");
        for error in &container.errors {
            self.starred(&format!("{}: {}", error.errno, sentence(&error.doc)), "  ");
        }
        self.line(" */\n");
    }

    fn envelope(&mut self, envelope: &Envelope) {
        self.comment(&["Envelope", "", &sentence(&envelope.doc)]);
        self.line("");
        let name = format!("\"{}\"", envelope.name);
        let doc = "What the name of the profile begins with; a dot and a name follow.";
        self.define("VMF_ENVELOPE_NAME", &name, doc);
        self.uuid("VMF_ENVELOPE", &envelope.uuid);
        let max = number(envelope.stream_max.into());
        let doc = "Longest stream of any format, in bytes.";
        self.define("VMF_ENVELOPE_STREAM_MAX", &max, doc);
        let section = &envelope.section;
        let prefix = format!("VMF_ENVELOPE_{}", upper(&section.name));
        let kind = format!("{:#x}", section.kind);
        let doc = format!("Type of section {}: {}", section.name, section.doc);
        self.define(
            &format!("VMF_ENVELOPE_TYPE_{}", upper(&section.name)),
            &kind,
            &doc,
        );
        let max = number(section.length_max.into());
        let doc = format!("Longest {} of any format, in bytes.", section.name);
        self.define(&format!("{prefix}_MAX"), &max, &doc);
    }

    fn uuid(&mut self, prefix: &str, uuid: &str) {
        let digits: Vec<_> = uuid.chars().filter(|c| *c != '-').collect();
        let digits: Vec<_> = digits.chunks(2).map(String::from_iter).collect();
        self.define(
            &format!("{prefix}_UUID"),
            &bytes(digits.iter().map(String::as_str)),
            &format!("The UUID, {uuid}."),
        );
    }

    fn structure(&mut self, tag: &str, prefix: &str, doc: &str, fields: &[Field]) {
        for field in fields {
            // The field "flags" gives its name to nothing: there is one in a structure.
            let prefix = match field.wire() {
                "flags" => prefix.to_owned(),
                wire => format!("{prefix}_{}", upper(wire)),
            };
            self.bits(&prefix, &field.flags);
            self.bits(&prefix, &field.bits);
        }
        self.line("/**");
        self.starred(&format!("struct {tag} - {}", sentence(doc)), "");
        for field in fields {
            let doc = match &field.doc {
                Some(doc) => with_unit(doc, field.unit.as_deref()),
                None => "0".into(),
            };
            let spec = field
                .spec
                .as_ref()
                .map(|spec| format!(" ({spec})"))
                .unwrap_or_default();
            let doc = doc.trim_end_matches('.');
            self.starred(&format!("@{}: {doc}{spec}", snake(field.wire())), "  ");
        }
        self.line(&format!(" */\nstruct {tag} {{"));
        for field in fields {
            let ty = match field.ty.int {
                Int::U8 => "__u8",
                Int::U16 => "__le16",
                Int::U32 => "__le32",
                Int::U64 => "__le64",
            };
            let count = field
                .ty
                .count
                .map(|count| format!("[{count}]"))
                .unwrap_or_default();
            self.line(&format!("\t{ty} {}{count};", snake(field.wire())));
        }
        self.line("};\n");
    }
}

fn value(constant: &Constant) -> String {
    match &constant.value {
        ConstantValue::Integer(value) => literal(*value, false),
        ConstantValue::Bytes(text) => bytes(text.split(' ')),
    }
}

/// A string, which initialises and compares as an array.
fn bytes<'a>(hex: impl Iterator<Item = &'a str>) -> String {
    let bytes: Vec<_> = hex.map(|byte| format!("\\x{byte}")).collect();
    format!("\"{}\"", bytes.concat())
}

fn literal(value: u64, hex: bool) -> String {
    let digits = if hex {
        format!("{value:#x}")
    } else {
        number(value)
    };
    if value > u32::MAX.into() {
        digits + "ULL"
    } else {
        digits
    }
}
