// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Which format a stream is of, by its first bytes.

use vmf_registry::foreign::{Base, Certainty, Entry, Format, Mark, Order};

/// As many bytes as any format is recognised by, and some more.
pub(crate) const HEAD: usize = 64;

/// The format of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'r> {
    pub(crate) entry: &'r Entry,
    pub(crate) format: &'r Format,
    /// Whether integers of native order are big-endian.
    pub(crate) big: bool,
    pub(crate) certainty: Certainty,
}

impl Identity<'_> {
    /// Driver and format.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.entry.name, self.format.name)
    }

    /// The same for people, who are told if it is a guess.
    pub(crate) fn words(&self) -> String {
        let may_be = match self.certainty {
            Certainty::Likely => "may be ",
            Certainty::None | Certainty::Certain => "",
        };
        format!("{may_be}{}, format {}", self.entry.name, self.format.name)
    }
}

/// The format that a stream is of which starts with `head`: of those that fit, a certain one, or else
/// the one by which most bytes are compared.
pub(crate) fn identify<'r>(entries: &'r [Entry], head: &[u8]) -> Option<Identity<'r>> {
    let formats = entries
        .iter()
        .flat_map(|entry| entry.formats.iter().map(move |format| (entry, format)));
    let fitting = formats.filter_map(|(entry, format)| fit(entry, format, head));
    fitting.max_by_key(|identity| {
        let marks = identity.format.recognise.fields.iter();
        let compared: usize = marks.map(size).fold(0, usize::saturating_add);
        (identity.certainty, compared)
    })
}

/// The format that is called `name`: a driver, or a driver and one of its formats, as in mlx5/images.
/// Of several formats of a driver it is the one that fits, or that the driver writes today.
pub(crate) fn named<'r>(entries: &'r [Entry], name: &str, head: &[u8]) -> Option<Identity<'r>> {
    let (driver, format) = match name.split_once('/') {
        Some((driver, format)) => (driver, Some(format)),
        None => (name, None),
    };
    let entry = entries.iter().find(|entry| entry.name == driver)?;
    let fits = |format: &&'r Format| fit(entry, format, head).is_some();
    let format = match format {
        Some(format) => entry.format(format)?,
        None => match entry.formats.iter().find(fits) {
            Some(format) => format,
            None => {
                let writes = entry
                    .releases
                    .iter()
                    .rev()
                    .find_map(|one| one.writes.as_ref());
                entry.format(writes?)?
            }
        },
    };
    Some(Identity {
        entry,
        format,
        big: fit(entry, format, head).is_some_and(|identity| identity.big),
        // It was not recognised but named.
        certainty: Certainty::None,
    })
}

/// All names that [`named`] takes.
pub(crate) fn names(entries: &[Entry]) -> String {
    let formats = entries.iter().flat_map(|entry| {
        let several = entry.formats.iter().filter(|_| entry.formats.len() > 1);
        let several = several.map(|format| format!("{}/{}", entry.name, format.name));
        std::iter::once(entry.name.clone()).chain(several)
    });
    formats.collect::<Vec<_>>().join(", ")
}

/// Whether all that a format is recognised by is there, in one of the two orders.
fn fit<'r>(entry: &'r Entry, format: &'r Format, head: &[u8]) -> Option<Identity<'r>> {
    let certainty = format.recognise.certainty;
    if certainty == Certainty::None {
        return None;
    }
    let marks = &format.recognise.fields;
    let fits = |big: &bool| {
        marks
            .iter()
            .all(|mark| value(mark, head, *big) == Some(mark.value))
    };
    let big = [false, true].into_iter().find(fits)?;
    Some(Identity {
        entry,
        format,
        big,
        certainty,
    })
}

fn size(mark: &Mark) -> usize {
    mark.ty.base.int().map_or(0, |int| int.size() as usize)
}

fn value(mark: &Mark, head: &[u8], big: bool) -> Option<u64> {
    let Base::Int(_, order) = mark.ty.base else {
        return None;
    };
    let bytes = head.get(mark.offset as usize..)?.get(..size(mark))?;
    Some(integer(bytes, order, big))
}

/// An integer of these bytes.
pub(super) fn integer(bytes: &[u8], order: Order, big: bool) -> u64 {
    let add = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
    match order {
        Order::Big => bytes.iter().fold(0, add),
        Order::Native if big => bytes.iter().fold(0, add),
        Order::Little | Order::Native => bytes.iter().rev().fold(0, add),
    }
}
