// SPDX-License-Identifier: GPL-2.0

//! What a bound device shows in sysfs, whether or not it is open.
//!
//! C headers: [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h),
//! [`include/linux/device.h`](srctree/include/linux/device.h), `struct device_attribute`.
//!
//! The attributes are those of `device_driver.dev_groups`: the driver core adds them after probe and
//! before the uevent that says that the device is bound, and takes them away before remove. It
//! waits for callbacks that run, with the device lock held; so nothing here takes that lock. Nor can a
//! callback take the session lock, which may be held for as long as a guest likes: what it shows of an
//! open device is what [`publish()`](crate::migration::Migration::publish) has left.

mod ops;

use crate::{
    Bound,
    Device,
    Driver, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    fmt::{
        self,
        Write as _, //
    },
    page::PAGE_SIZE,
    prelude::*, //
};

/// A device with directories of attributes.
///
/// # Examples
///
/// ```ignore
/// impl sysfs::Group for MyDriver {
///     const DIRECTORIES: &'static [sysfs::Directory<Self>] = &[sysfs::Directory {
///         name: c"migration_format",
///         text: &[&[
///             sysfs::Text::read_only(c"profile", |_, page| write!(page, "{}", PROFILE)),
///             sysfs::Text::read_write(c"target_version", show_target, store_target),
///         ]],
///         binary: &[&[sysfs::Binary::read_only(c"descriptor", descriptor)]],
///     }];
/// }
/// ```
pub trait Group: Driver<Attributes = Enabled<Self>> {
    /// The directories, two at most.
    const DIRECTORIES: &'static [Directory<Self>];
}

/// A directory of attributes. sysfs has no directories inside of it.
pub struct Directory<T: Driver> {
    /// Its name.
    pub name: &'static CStr,
    /// Attributes that are one line of text, in lists of whoever defines them.
    pub text: &'static [&'static [Text<T>]],
    /// Attributes that are bytes, likewise.
    pub binary: &'static [&'static [Binary<T>]],
}

/// What prints the value of a [`Text`].
pub type Show<T> = fn(&Device<T, Bound>, &mut Page<'_>) -> Result;
/// What takes a new value of a [`Text`].
pub type Store<T> = fn(&Device<T, Bound>, &str) -> Result;
/// What makes the value of a [`Binary`].
pub type Read<T> = fn(&Device<T, Bound>) -> Result<KVVec<u8>>;
/// What takes a value of a [`Binary`].
pub type Write<T> = fn(&Device<T, Bound>, &[u8]) -> Result;

/// An attribute that is one line of text.
///
/// Its functions run in the task of whoever reads or writes the file, may sleep, and are not
/// serialised.
// The C structure comes first: it is what C hands back.
#[repr(C)]
pub struct Text<T: Driver> {
    attr: bindings::device_attribute,
    show: Show<T>,
    store: Option<Store<T>>,
}

impl<T: Driver> Text<T> {
    /// Makes an attribute that everyone may read: 0444.
    ///
    /// `show` writes the value without a newline, of at most [`Page::MAX_LEN`] bytes.
    pub const fn read_only(name: &'static CStr, show: Show<T>) -> Self {
        Self {
            attr: Self::device_attribute(name, 0o444, false),
            show,
            store: None,
        }
    }

    /// Makes an attribute that everyone may read, and root may write: 0644.
    ///
    /// `store` is given what one `write()` has brought, without white space at both ends. It is
    /// not called for less than one byte, for a page or more ([`EFBIG`]), or if it is no UTF-8
    /// ([`EINVAL`]).
    pub const fn read_write(name: &'static CStr, show: Show<T>, store: Store<T>) -> Self {
        Self {
            attr: Self::device_attribute(name, 0o644, true),
            show,
            store: Some(store),
        }
    }

    /// Makes an attribute that only root may write: 0200; `store` is as for [`Self::read_write()`].
    pub const fn write_only(name: &'static CStr, store: Store<T>) -> Self {
        Self {
            attr: Self::device_attribute(name, 0o200, true),
            show: |_, _| Err(EIO),
            store: Some(store),
        }
    }
}

/// An attribute that is bytes.
///
/// Its functions run in the task of whoever reads or writes the file, may sleep, and are not
/// serialised.
// The C structure comes first: it is what C hands back.
#[repr(C)]
pub struct Binary<T: Driver> {
    attr: bindings::bin_attribute,
    read: Option<Read<T>>,
    write: Option<Write<T>>,
}

impl<T: Driver> Binary<T> {
    /// Makes an attribute that everyone may read: 0444.
    ///
    /// `read` makes the whole value, at every `read()`; who reads it in pieces is given the pieces
    /// of several. A value that can change must be of at most a page, which is what sysfs hands out
    /// at once.
    pub const fn read_only(name: &'static CStr, read: Read<T>) -> Self {
        Self {
            attr: Self::bin_attribute(name, 0o444, Some(Self::read_callback), None),
            read: Some(read),
            write: None,
        }
    }

    /// Makes an attribute that root may write: 0200.
    ///
    /// `write` is given what one `write()` has brought, which must be the whole value. It is not
    /// called for less than one byte or for a later piece ([`EINVAL`]). sysfs cuts writes at a page:
    /// of a value that is longer `write` sees the first page, and who writes it an error after that.
    pub const fn write_only(name: &'static CStr, write: Write<T>) -> Self {
        Self {
            attr: Self::bin_attribute(name, 0o200, None, Some(Self::write_callback)),
            read: None,
            write: Some(write),
        }
    }
}

/// Where the value of a [`Text`] is written to, with `write!()`.
pub struct Page<'a> {
    buf: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> Page<'a> {
    /// Longest value in bytes: the newline comes after it, and sysfs takes less than a page.
    pub const MAX_LEN: usize = PAGE_SIZE - 2;

    fn new(buf: &'a mut [u8; PAGE_SIZE]) -> Self {
        Self {
            buf,
            len: 0,
            overflow: false,
        }
    }

    /// Adds to the value; this is what `write!()` calls.
    ///
    /// # Errors
    ///
    /// - [`EFBIG`]: the value is longer than [`Self::MAX_LEN`]; nothing of it will be shown, even
    ///   if this error is ignored.
    /// - [`EINVAL`]: something that was to be printed has failed.
    pub fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> Result {
        let result = Sink(self).write_fmt(args);

        if self.overflow {
            return Err(EFBIG);
        }
        Ok(result?)
    }

    /// Ends the line; returns its length.
    fn finish(self) -> Result<usize> {
        if self.overflow {
            return Err(EFBIG);
        }
        // There is room for it by `MAX_LEN`.
        *self.buf.get_mut(self.len).ok_or(EFBIG)? = b'\n';
        Ok(self.len + 1)
    }
}

/// Hides the trait from the users of [`Page`], who then need not import it.
struct Sink<'a, 'b>(&'a mut Page<'b>);

impl fmt::Write for Sink<'_, '_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let page = &mut *self.0;
        let end = page.len.saturating_add(s.len());

        if end > Page::MAX_LEN {
            page.overflow = true;
            return Err(fmt::Error);
        }
        page.buf
            .get_mut(page.len..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(s.as_bytes());
        page.len = end;
        Ok(())
    }
}

/// The device implements [`Group`].
pub struct Enabled<T>(PhantomData<T>);

/// The device has no attributes beyond those of every PCI function.
pub struct Disabled;

/// Whether a device has attributes of its own; sealed.
pub trait Profile<T: Driver>: private::Sealed {
    /// List for `device_driver.dev_groups`, which ends with NULL.
    #[doc(hidden)]
    const GROUPS: Option<&'static ops::Groups>;
}

impl<T: Driver> Profile<T> for Disabled {
    const GROUPS: Option<&'static ops::Groups> = None;
}

impl<T: Group> Profile<T> for Enabled<T> {
    const GROUPS: Option<&'static ops::Groups> = Some(ops::Tables::<T>::GROUPS);
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Disabled {}
    impl<T> Sealed for super::Enabled<T> {}
}
