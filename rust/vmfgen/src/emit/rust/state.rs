// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! `profile/<module>/state.rs`: all sections together.

use crate::{
    emit::text::{camel, lines, snake},
    model::{Profile, Section},
};

pub(super) fn text(profile: &Profile) -> String {
    let sections = &profile.sections;
    let names = lines(sections, |section| camel(&section.name) + ",");
    let members = lines(sections, member);
    let features = lines(sections, |section| feature(section, profile));
    let validate = lines(sections, validate);
    let write = lines(sections, write);
    let load = lines(sections, load);
    let instance = match sections.iter().any(many) {
        true => "let instance = usize::try_from(section.instance).map_err(|_| unknown)?;",
        false => "",
    };
    format!(
        "use super::{{{names} PROFILE, STATE_LEN_MAX}};
        use crate::{{
            descriptor::Descriptor,
            error::{{Code, Refusal}},
            profile::{{presence::Presence, spec::{{Features, Profile}}, Carried}},
            reader::{{Section, Visitor}},
            writer::Writer,
        }};

        /// All that a stream can carry; what a stream leaves out is 0.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
        pub struct State {{
            {members}
        }}

        impl State {{
            /// Returns the features that are in use.
            pub fn features(&self) -> Features {{
                let mut used = Features::default();
                {features}
                used
            }}

            /// Checks the ranges of all fields; a source does so before it commits to a migration.
            ///
            /// # Errors
            ///
            /// As the `validate()` of each part.
            pub fn validate(&self) -> Result<(), Refusal> {{
                {validate}
                Ok(())
            }}

            /// Appends the sections in their order, as `version` has them; DESCRIPTOR precedes and END
            /// follows them.
            ///
            /// # Errors
            ///
            /// [`Code::OpNotSupp`] if `version` is unknown or lacks a feature that is in use; else as
            /// [`Self::validate`] and [`Writer::section`].
            pub fn write(&self, version: u32, writer: &mut Writer<'_>) -> Result<(), Refusal> {{
                PROFILE.expressible(version, &self.features())?;
                self.validate()?;
                {write}
                Ok(())
            }}
        }}

        /// Collects a [`State`] from a stream; the usual [`Visitor`].
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Loader {{
            state: State,
            presence: Presence,
            complete: bool,
        }}

        impl Loader {{
            /// Returns the state, once the stream is verified and every section was there.
            pub fn state(&self) -> Option<&State> {{
                self.complete.then_some(&self.state)
            }}
        }}

        impl Carried for State {{
            type Loader = Loader;
            const PROFILE: &'static Profile = &PROFILE;
            const LEN_MAX: usize = STATE_LEN_MAX;

            fn write(&self, version: u32, writer: &mut Writer<'_>) -> Result<(), Refusal> {{
                State::write(self, version, writer)
            }}

            fn loaded(loader: &Loader) -> Option<&Self> {{
                loader.state()
            }}
        }}

        impl Visitor for Loader {{
            fn descriptor(&mut self, descriptor: &Descriptor<'_>) -> Result<(), Refusal> {{
                self.presence.judge_by(descriptor);
                Ok(())
            }}

            /// Decodes the section.
            ///
            /// # Errors
            ///
            /// As [`Presence::note`] and the `decode()` and `validate()` of each part; [`Code::Range`] if the
            /// section should have been left out.
            fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {{
                let unknown = Refusal::new(Code::IlSeq, \"not of this profile\", section.kind.into(), 0);
                self.presence.note(&PROFILE, section)?;
                PROFILE.judge(section)?;
                {instance}
                match section.kind {{
                    {load}
                    _ => return Err(unknown),
                }}
                Ok(())
            }}

            /// Requires what a stream of its version has to have.
            ///
            /// # Errors
            ///
            /// As [`Presence::verify`].
            fn verify(&mut self) -> Result<(), Refusal> {{
                self.presence.verify(&PROFILE)
            }}

            /// Makes the state available.
            ///
            /// # Errors
            ///
            /// None.
            fn end(&mut self) -> Result<(), Refusal> {{
                self.complete = true;
                Ok(())
            }}
        }}
        "
    )
}

fn many(section: &Section) -> bool {
    section.instances.count > 1
}

/// The member of the state, and its type for one instance.
fn names(section: &Section) -> (String, String) {
    (snake(&section.name), camel(&section.name))
}

fn member(section: &Section) -> String {
    let (name, ty) = names(section);
    let by = match &section.instances.name {
        Some(instance) if many(section) => format!(", by {instance}"),
        _ => String::new(),
    };
    let ty = match many(section) {
        true => format!("[{ty}; {}]", section.instances.count),
        false => ty,
    };
    format!("/// Section `{}`{by}.\npub {name}: {ty},\n", section.name)
}

/// A feature that comes with a section is in use if there is anything in the section.
fn feature(section: &Section, profile: &Profile) -> String {
    let feature = section.feature.as_ref();
    let Some(feature) = profile.features.iter().find(|f| Some(&f.name) == feature) else {
        return String::new();
    };
    let (name, ty) = names(section);
    let used = match many(section) {
        true => format!("self.{name}.iter().any(|part| *part != {ty}::default())"),
        false => format!("self.{name} != {ty}::default()"),
    };
    format!("used.set({}, {used});\n", feature.bit)
}

fn validate(section: &Section) -> String {
    let (name, _) = names(section);
    match many(section) {
        true => format!(
            "for (instance, part) in (0..).zip(&self.{name}) {{ part.validate(instance)?; }}\n"
        ),
        false => format!("self.{name}.validate(0)?;\n"),
    }
}

fn write(section: &Section) -> String {
    let (name, ty) = names(section);
    match many(section) {
        true => format!(
            "for (instance, part) in (0..).zip(&self.{name}) {{
                PROFILE.put(writer, version, {ty}::KIND, instance, &part.encode())?;
            }}\n"
        ),
        false => {
            format!("PROFILE.put(writer, version, {ty}::KIND, 0, &self.{name}.encode())?;\n")
        }
    }
}

fn load(section: &Section) -> String {
    let (name, ty) = names(section);
    let member = match many(section) {
        true => format!("*self.state.{name}.get_mut(instance).ok_or(unknown)?"),
        false => format!("self.state.{name}"),
    };
    format!("{ty}::KIND => {member} = {ty}::decode(section.payload)?,\n")
}
