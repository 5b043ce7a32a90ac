// SPDX-License-Identifier: GPL-2.0

//! Interrupts of a device in software: eventfds that user space has given for its vectors.

use super::Driver;
use crate::{
    bindings,
    staging::eventfd::EventFd,
    Device, //
};
use kernel::{
    error::to_result,
    new_mutex,
    prelude::*,
    sync::Mutex,
    uaccess::{
        UserPtr,
        UserSlice, //
    }, //
};

/// The most vectors that a device can have here.
pub(super) const VECTORS_MAX: usize = 8;

/// Length in bytes of `struct vfio_irq_set` without its data.
const HEADER: usize = 20;

/// What user space has given.
#[pin_data]
pub(super) struct Irqs {
    #[pin]
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    vectors: [Option<EventFd>; VECTORS_MAX],
    request: Option<EventFd>,
}

impl Irqs {
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            given <- new_mutex!(Given::default(), "vfio::emulated::Irqs"),
        })
    }

    /// Nothing is left of a user who has gone.
    pub(super) fn forget(&self) {
        *self.given.lock() = Given::default();
    }

    /// Asks the user to let go of the device.
    pub(super) fn request(&self) -> bool {
        let given = self.given.lock();

        given.request.as_ref().map(EventFd::signal).is_some()
    }
}

/// What is said of an interrupt index: how many there are, and what can be done with them.
pub(super) fn info<T: Driver>(index: u32) -> Result<(u32, u32)> {
    let eventfd = bindings::VFIO_IRQ_INFO_EVENTFD;

    Ok(match index {
        // No more than `VECTORS_MAX`.
        bindings::VFIO_PCI_MSIX_IRQ_INDEX => (u32::try_from(T::VECTORS)?, eventfd),
        bindings::VFIO_PCI_REQ_IRQ_INDEX => (1, eventfd | bindings::VFIO_IRQ_INFO_NORESIZE),
        bindings::VFIO_PCI_INTX_IRQ_INDEX | bindings::VFIO_PCI_MSI_IRQ_INDEX => (0, eventfd),
        // There are no errors of a bus.
        _ => return Err(EINVAL),
    })
}

/// What user space has for each interrupt of a call.
enum Data {
    None,
    Bools(KVec<u8>),
    EventFds(KVec<Option<EventFd>>),
}

impl Data {
    fn read(flags: u32, bytes: &[u8]) -> Result<Self> {
        Ok(match flags & bindings::VFIO_IRQ_SET_DATA_TYPE_MASK {
            bindings::VFIO_IRQ_SET_DATA_EVENTFD => {
                let mut fds = KVec::with_capacity(bytes.len() / 4, GFP_KERNEL)?;
                for word in bytes.chunks_exact(4) {
                    let fd = i32::from_ne_bytes(word.try_into().map_err(|_| EINVAL)?);
                    let fd = match fd {
                        -1 => None,
                        fd => Some(EventFd::from_fd(fd)?),
                    };
                    fds.push(fd, GFP_KERNEL)?;
                }
                Self::EventFds(fds)
            }
            bindings::VFIO_IRQ_SET_DATA_BOOL => {
                let mut bools = KVec::new();
                bools.extend_from_slice(bytes, GFP_KERNEL)?;
                Self::Bools(bools)
            }
            _ => Self::None,
        })
    }
}

impl<T: Driver> Device<T> {
    /// Raises a vector, if user space has an eventfd for it. May sleep.
    pub fn raise(&self, vector: usize) {
        let given = self.irqs().given.lock();

        if let Some(Some(eventfd)) = given.vectors.get(vector) {
            eventfd.signal();
        }
    }

    /// Carries out `VFIO_DEVICE_SET_IRQS`.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`], [`EFAULT`], [`EBADF`], [`ENOMEM`]: the argument.
    /// - [`ENOTTY`]: masks of single vectors are the VMM's.
    pub(super) fn set_irqs(&self, arg: UserPtr) -> Result {
        let mut reader = UserSlice::new(arg, HEADER).reader();
        let mut header = bindings::vfio_irq_set {
            argsz: reader.read()?,
            flags: reader.read()?,
            index: reader.read()?,
            start: reader.read()?,
            count: reader.read()?,
            ..Default::default()
        };
        let (count, _) = info::<T>(header.index)?;
        let mut len = 0;
        // SAFETY: Both are local variables. The number of vectors is small.
        to_result(unsafe {
            bindings::vfio_set_irqs_validate_and_prepare(
                &mut header,
                count as i32,
                bindings::VFIO_PCI_NUM_IRQS as i32,
                &mut len,
            )
        })?;
        let mut bytes = KVec::new();
        UserSlice::new(arg.wrapping_byte_add(HEADER), len).read_all(&mut bytes, GFP_KERNEL)?;
        let data = Data::read(header.flags, &bytes)?;
        // CAST: both are within the number of vectors.
        let (start, count) = (header.start as usize, header.count as usize);

        if header.flags & bindings::VFIO_IRQ_SET_ACTION_TYPE_MASK
            != bindings::VFIO_IRQ_SET_ACTION_TRIGGER
        {
            return Err(ENOTTY);
        }
        let mut given = self.irqs().given.lock();
        let Given { vectors, request } = &mut *given;
        let all = match header.index {
            bindings::VFIO_PCI_MSIX_IRQ_INDEX => &mut vectors[..],
            _ => core::slice::from_mut(request),
        };

        if let (Data::None, 0) = (&data, count) {
            all.fill_with(|| None);
            return Ok(());
        }
        let some = all.get_mut(start..start + count).ok_or(EINVAL)?;
        match data {
            Data::None => some.iter().flatten().for_each(EventFd::signal),
            Data::Bools(bools) => {
                for (eventfd, _) in some.iter().zip(&bools).filter(|(_, &set)| set != 0) {
                    if let Some(eventfd) = eventfd {
                        eventfd.signal();
                    }
                }
            }
            Data::EventFds(fds) => {
                for (eventfd, fd) in some.iter_mut().zip(fds) {
                    *eventfd = fd;
                }
            }
        }
        Ok(())
    }

    pub(super) fn irqs(&self) -> &Irqs {
        &self.bus_state().irqs
    }
}
