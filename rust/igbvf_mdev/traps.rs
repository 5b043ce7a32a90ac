// SPDX-License-Identifier: GPL-2.0

//! The guest's accesses to BAR 0.

use super::{
    function::Todo,
    pages::PAGES,
    Device,
    IgbvfMdev,
    BAR_LEN, //
};
use igbvf_model::{
    Raise,
    VECTORS, //
};
use kernel::prelude::*;
use vfio::{
    migration::RunMut,
    region::{
        Area,
        Traps, //
    }, //
};

impl Traps for IgbvfMdev {
    const BAR: u32 = 0;
    // CAST: widening.
    const SIZE: u64 = BAR_LEN as u64;
    const MAPPED: &'static [Area] = &[PAGES];

    fn read32(dev: &Device, _: RunMut<'_, Self>, offset: usize) -> Result<u32> {
        // What was written before, through the mapping, comes first.
        carry_over(dev);
        Ok(dev.data().function.read(u32::try_from(offset)?))
    }

    /// What would start anything waits until the device runs: it is in the registers then.
    fn write32(dev: &Device, run: RunMut<'_, Self>, offset: usize, value: u32) -> Result {
        carry_over(dev);
        let this = dev.data().get_ref();
        let todo = this.function.write(u32::try_from(offset)?, value);

        if todo.reset {
            this.pages.fill(dev.doorbells(), &this.function);
        } else if PAGES.range().contains(&offset) {
            this.pages.update(dev.doorbells(), &this.function);
        }
        if let RunMut::Running(_) = run {
            carry_out(dev, todo);
        }
        Ok(())
    }
}

/// Tells the engine what the guest has written through the mapping, and returns whether there was
/// anything.
///
/// Who moves a tail there has the task of the device find it, if it is not on its way already.
pub(crate) fn carry_over(dev: &Device) -> bool {
    let this = dev.data().get_ref();
    let found = this.pages.carry(dev.doorbells(), &this.function);

    if found {
        this.line.kick(dev);
    }
    found
}

/// Does what an access has left to do.
pub(crate) fn carry_out(dev: &Device, todo: Todo) {
    if let Some(raise) = todo.raise {
        raise_vectors(dev, raise);
    }
    // Its task sees to what is to be raised later, too.
    if todo.kick || todo.raise.is_some_and(|raise| raise.again.is_some()) {
        dev.data().line.kick(dev);
    }
}

/// Raises vectors, now.
pub(crate) fn raise_vectors(dev: &Device, raise: Raise) {
    for vector in (0..VECTORS).filter(|vector| raise.vectors & 1 << vector != 0) {
        dev.raise(vector);
    }
}
