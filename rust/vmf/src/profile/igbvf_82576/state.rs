// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The state of a function as a whole, to and from a stream.

use super::{
    range, Filters, Interrupts, Mailbox, RxQueue, TxQueue, KIND_FILTERS, KIND_INTERRUPTS,
    KIND_MAILBOX, KIND_RX_QUEUE, KIND_TX_QUEUE, QUEUES,
};
use crate::{
    error::{Code, Refusal},
    reader::{Section, Visitor},
    wire,
    writer::Writer,
};

/// The schema of all sections in version 1.
const SCHEMA: u16 = 1;

/// All that a stream of version 1 carries.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct State {
    /// The receive queues.
    pub rx: [RxQueue; QUEUES],
    /// The transmit queues.
    pub tx: [TxQueue; QUEUES],
    /// The interrupt registers.
    pub interrupts: Interrupts,
    /// The mailbox.
    pub mailbox: Mailbox,
    /// The filters.
    pub filters: Filters,
}

impl State {
    /// Checks the ranges of all fields; a source does so before it commits to a migration.
    ///
    /// # Errors
    ///
    /// As the `validate()` of each part; [`Code::Range`] if `psrtype` is not 0 in queue 1.
    pub fn validate(&self) -> Result<(), Refusal> {
        for (instance, queue) in self.rx.iter().enumerate() {
            queue.validate()?;
            psrtype(queue, instance)?;
        }
        for queue in &self.tx {
            queue.validate()?;
        }
        self.interrupts.validate()?;
        self.mailbox.validate()?;
        self.filters.validate()
    }

    /// Appends all sections in their order; DESCRIPTOR precedes and END follows them.
    ///
    /// # Errors
    ///
    /// As [`Self::validate`] and [`Writer::section`].
    pub fn write(&self, writer: &mut Writer<'_>) -> Result<(), Refusal> {
        self.validate()?;
        let mut put = |kind, instance, payload: &[u8]| {
            writer.section(kind, SCHEMA, wire::FLAG_CRITICAL, instance, payload)
        };
        for (instance, queue) in (0..).zip(&self.rx) {
            put(KIND_RX_QUEUE, instance, &queue.encode())?;
        }
        for (instance, queue) in (0..).zip(&self.tx) {
            put(KIND_TX_QUEUE, instance, &queue.encode())?;
        }
        put(KIND_INTERRUPTS, 0, &self.interrupts.encode())?;
        put(KIND_MAILBOX, 0, &self.mailbox.encode())?;
        put(KIND_FILTERS, 0, &self.filters.encode())
    }
}

/// Collects a [`State`] from a stream; the usual [`Visitor`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Loader {
    state: State,
    rx: [bool; QUEUES],
    tx: [bool; QUEUES],
    interrupts: bool,
    mailbox: bool,
    filters: bool,
    complete: bool,
}

impl Loader {
    /// Returns the state, once the stream is verified and every section was there.
    pub fn state(&self) -> Option<&State> {
        self.complete.then_some(&self.state)
    }
}

impl Visitor for Loader {
    /// Decodes the section.
    ///
    /// # Errors
    ///
    /// As the `decode()` of each part; [`Code::IlSeq`] if the section or instance is not of the
    /// profile or comes in fragments; [`Code::Range`] if `psrtype` is not 0 in queue 1.
    fn section(&mut self, section: &Section<'_>) -> Result<(), Refusal> {
        let payload = section.payload;
        let unknown = Refusal::new(Code::IlSeq, "not of this profile", section.kind.into(), 0);
        if section.more {
            return Err(Refusal::new(Code::IlSeq, "fragmented section", 0, 0));
        }
        let instance = usize::try_from(section.instance).map_err(|_| unknown)?;
        if instance != 0 && !matches!(section.kind, KIND_RX_QUEUE | KIND_TX_QUEUE) {
            return Err(unknown);
        }
        match section.kind {
            KIND_RX_QUEUE => {
                let queue = RxQueue::decode(payload)?;
                psrtype(&queue, instance)?;
                *self.state.rx.get_mut(instance).ok_or(unknown)? = queue;
                *self.rx.get_mut(instance).ok_or(unknown)? = true;
            }
            KIND_TX_QUEUE => {
                *self.state.tx.get_mut(instance).ok_or(unknown)? = TxQueue::decode(payload)?;
                *self.tx.get_mut(instance).ok_or(unknown)? = true;
            }
            KIND_INTERRUPTS => {
                self.state.interrupts = Interrupts::decode(payload)?;
                self.interrupts = true;
            }
            KIND_MAILBOX => {
                self.state.mailbox = Mailbox::decode(payload)?;
                self.mailbox = true;
            }
            KIND_FILTERS => {
                self.state.filters = Filters::decode(payload)?;
                self.filters = true;
            }
            _ => return Err(unknown),
        }
        Ok(())
    }

    /// Requires all sections.
    ///
    /// # Errors
    ///
    /// [`Code::IlSeq`] if a section or instance is missing.
    fn verify(&mut self) -> Result<(), Refusal> {
        let [rx0, rx1] = self.rx;
        let [tx0, tx1] = self.tx;
        for (kind, instance, present) in [
            (KIND_RX_QUEUE, 0, rx0),
            (KIND_RX_QUEUE, 1, rx1),
            (KIND_TX_QUEUE, 0, tx0),
            (KIND_TX_QUEUE, 1, tx1),
            (KIND_INTERRUPTS, 0, self.interrupts),
            (KIND_MAILBOX, 0, self.mailbox),
            (KIND_FILTERS, 0, self.filters),
        ] {
            if !present {
                let (got, want) = (instance, kind.into());
                return Err(Refusal::new(Code::IlSeq, "section missing", got, want));
            }
        }
        Ok(())
    }

    /// Makes the state available.
    ///
    /// # Errors
    ///
    /// None.
    fn end(&mut self) -> Result<(), Refusal> {
        self.complete = true;
        Ok(())
    }
}

/// Requires that only the first queue has a `psrtype`.
fn psrtype(queue: &RxQueue, instance: usize) -> Result<(), Refusal> {
    if instance == 0 || queue.psrtype == 0 {
        Ok(())
    } else {
        Err(range("psrtype of queue 1", queue.psrtype.into(), 0))
    }
}
