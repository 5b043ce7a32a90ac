// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The order of sections, which reader and writer share.

use crate::{
    error::{Code, Refusal},
    registry::{self, SectionHeader},
};

/// What the headers so far allow to follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Sequence {
    /// The number of sections so far, which is the `seq` of the next.
    sections: u32,
    /// The number of DESCRIPTOR sections so far.
    generations: u32,
    /// Type and instance of the last state section.
    last: Option<(u32, u32)>,
    /// Whether the last state section announced another fragment.
    open: bool,
    /// Whether END was seen.
    ended: bool,
}

impl Sequence {
    /// Returns the number of sections so far.
    pub(crate) fn sections(&self) -> u32 {
        self.sections
    }

    /// Returns the generation of the DESCRIPTOR in force; 0 before the first.
    pub(crate) fn generation(&self) -> u32 {
        self.generations.saturating_sub(1)
    }

    /// Returns the number of DESCRIPTOR sections so far.
    pub(crate) fn generations(&self) -> u32 {
        self.generations
    }

    /// Returns whether the next section continues the last one.
    pub(crate) fn continues(&self) -> bool {
        self.open
    }

    /// Judges the place of `header` and moves on past it.
    ///
    /// # Errors
    ///
    /// [`Code::BadMsg`] for an unknown flag bit, type 0, or the fixed fields of a container
    /// section; [`Code::OpNotSupp`] if the schema of a container section is too new;
    /// [`Code::IlSeq`] for any break of the order; [`Code::FBig`] for too many sections or
    /// generations.
    pub(crate) fn admit(&mut self, header: &SectionHeader) -> Result<(), Refusal> {
        let refuse = |code, reason, got: u32, want: u32| {
            Err(Refusal::new(code, reason, got.into(), want.into()))
        };
        if header.flags & !registry::FLAGS_KNOWN != 0 {
            let (got, want) = (header.flags.into(), registry::FLAGS_KNOWN.into());
            return refuse(Code::BadMsg, "section flags", got, want);
        }
        if header.kind == 0 {
            return refuse(Code::BadMsg, "section type 0", 0, 1);
        }
        if header.seq != self.sections {
            return refuse(Code::IlSeq, "section seq", header.seq, self.sections);
        }
        if self.sections >= registry::SECTIONS_MAX {
            let (got, want) = (self.sections.saturating_add(1), registry::SECTIONS_MAX);
            return refuse(Code::FBig, "too many sections", got, want);
        }
        if self.ended {
            return refuse(Code::IlSeq, "section after END", header.kind, 0);
        }
        if self.generations == 0 && header.kind != registry::KIND_DESCRIPTOR {
            let (got, want) = (header.kind, registry::KIND_DESCRIPTOR);
            return refuse(Code::IlSeq, "first section not DESCRIPTOR", got, want);
        }
        match header.kind {
            registry::KIND_DESCRIPTOR => self.admit_descriptor(header)?,
            registry::KIND_END => self.admit_end(header)?,
            _ => self.admit_state(header)?,
        }
        self.sections = self.sections.saturating_add(1);
        Ok(())
    }

    fn admit_descriptor(&mut self, header: &SectionHeader) -> Result<(), Refusal> {
        let refuse = |code, reason, got: u32, want: u32| {
            Err(Refusal::new(code, reason, got.into(), want.into()))
        };
        container(header)?;
        if let Some((kind, _)) = self.last {
            return refuse(Code::IlSeq, "DESCRIPTOR after state", header.kind, kind);
        }
        if self.generations >= registry::GENERATIONS_MAX {
            let (got, want) = (
                self.generations.saturating_add(1),
                registry::GENERATIONS_MAX,
            );
            return refuse(Code::FBig, "too many descriptor generations", got, want);
        }
        if header.instance != self.generations {
            let (got, want) = (header.instance, self.generations);
            return refuse(Code::IlSeq, "descriptor generation", got, want);
        }
        self.generations = self.generations.saturating_add(1);
        Ok(())
    }

    fn admit_end(&mut self, header: &SectionHeader) -> Result<(), Refusal> {
        container(header)?;
        if self.open {
            return Err(Refusal::new(
                Code::IlSeq,
                "END where a fragment is due",
                0,
                0,
            ));
        }
        if header.instance != 0 {
            let got = header.instance.into();
            return Err(Refusal::new(Code::IlSeq, "instance of END", got, 0));
        }
        self.ended = true;
        Ok(())
    }

    fn admit_state(&mut self, header: &SectionHeader) -> Result<(), Refusal> {
        let id = (header.kind, header.instance);
        let (reason, fits) = if self.open {
            ("fragment of another section", self.last == Some(id))
        } else if self.last == Some(id) {
            ("duplicate section", false)
        } else {
            ("sections not ascending", self.last < Some(id))
        };
        if !fits {
            let pack = |(kind, instance): (u32, u32)| (u64::from(kind) << 32) | u64::from(instance);
            let want = self.last.map_or(0, pack);
            return Err(Refusal::new(Code::IlSeq, reason, pack(id), want));
        }
        self.last = Some(id);
        self.open = header.flags & registry::FLAG_CONT != 0;
        Ok(())
    }
}

/// Judges the fixed fields of DESCRIPTOR and END.
fn container(header: &SectionHeader) -> Result<(), Refusal> {
    if header.schema == 0 {
        return Err(Refusal::new(Code::BadMsg, "schema 0", 0, 1));
    }
    if header.schema > registry::CONTAINER_SCHEMA {
        return Err(Refusal::new(
            Code::OpNotSupp,
            "schema of a container section too new",
            header.schema.into(),
            registry::CONTAINER_SCHEMA.into(),
        ));
    }
    if header.flags != registry::FLAG_CRITICAL {
        return Err(Refusal::new(
            Code::BadMsg,
            "flags of a container section",
            header.flags.into(),
            registry::FLAG_CRITICAL.into(),
        ));
    }
    Ok(())
}
