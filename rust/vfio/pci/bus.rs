// SPDX-License-Identifier: GPL-2.0

//! PCI functions, as the rest of this crate sees them.

use super::{
    guest_memory::GuestMemory,
    page::StandIn, //
};
use crate::{
    bindings,
    bus::{
        private::Sealed,
        Bus, //
    },
    staging::pm_runtime::Active,
    Device,
    Driver,
    Open, //
};
use core::mem::offset_of;
use kernel::prelude::*;

/// PCI functions, with the vfio-pci core.
pub struct Pci;

impl Sealed for Pci {}

/// What is kept for each function.
pub struct State {
    guest_memory: GuestMemory,
    stand_in: StandIn,
}

static_assert!(offset_of!(bindings::vfio_pci_core_device, vdev) == 0);

// SAFETY: `vfio_pci_core_device` begins with a `vfio_device`, see above.
unsafe impl Bus for Pci {
    type Core = bindings::vfio_pci_core_device;
    type State<T: Driver<Bus = Self>> = State;
    type Awake<'a> = Active<'a>;

    fn new_state<T: Driver<Bus = Self>>() -> Result<State> {
        Ok(State {
            guest_memory: GuestMemory::new(),
            stand_in: StandIn::new::<T>()?,
        })
    }

    fn wake<T: Driver<Bus = Self>>(dev: &Device<T, Open>) -> Result<Active<'_>> {
        dev.resumed()
    }

    #[cfg(CONFIG_IOMMUFD_DRIVER)]
    fn if_awake<T: Driver<Bus = Self>>(dev: &Device<T, Open>) -> Option<Active<'_>> {
        dev.if_resumed()
    }

    fn make_reachable<T: Driver<Bus = Self>>(dev: &Device<T, Open>) {
        dev.decode_memory();
    }

    fn forget<T: Driver<Bus = Self>>(dev: &Device<T, Open>) {
        dev.discard_page();
    }
}

impl<T: Driver<Bus = Pci>> Device<T> {
    pub(super) fn guest_memory(&self) -> &GuestMemory {
        &self.bus_state().guest_memory
    }

    pub(super) fn stand_in(&self) -> &StandIn {
        &self.bus_state().stand_in
    }
}
