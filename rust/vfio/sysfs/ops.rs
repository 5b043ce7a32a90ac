// SPDX-License-Identifier: GPL-2.0

//! `struct attribute_group` of a driver, and the callbacks of its attributes.
//!
//! All tables are constants: C only reads them, and lockdep takes the addresses of `attribute.skey`
//! for keys, which are good as long as the module is there. `sysfs_attr_init()` is for attributes
//! that are not.

use super::{
    Binary,
    Group,
    Page,
    Text, //
};
use crate::{
    Bound,
    Device,
    Driver, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    container_of,
    error::from_result,
    ffi::c_char,
    page::PAGE_SIZE,
    prelude::*, //
};

/// The most attributes of a kind that a group can have: no array in a constant can have a length
/// that depends on `T`.
const MAX: usize = 63;

/// A list of attributes that ends with NULL.
type List<A> = [*const A; MAX + 1];

/// The most directories of a device.
const DIRECTORIES_MAX: usize = 2;

/// Value of `device_driver.dev_groups`: a list of directories that ends with NULL.
pub(super) type Groups = [*const bindings::attribute_group; DIRECTORIES_MAX + 1];

pub(super) struct Tables<T: Group>(PhantomData<T>);

impl<T: Group> Tables<T> {
    const TEXT: &'static [List<bindings::attribute>; DIRECTORIES_MAX] = &{
        let mut lists = [[core::ptr::null(); MAX + 1]; DIRECTORIES_MAX];
        let mut directory = 0;

        while directory < T::DIRECTORIES.len() {
            let text = T::DIRECTORIES[directory].text;
            let (mut count, mut of) = (0, 0);
            while of < text.len() {
                let mut index = 0;
                while index < text[of].len() {
                    assert!(count < MAX, "too many attributes");
                    // CAST: the C structure is the first field, and the first of its own is the
                    // attribute.
                    lists[directory][count] = (&raw const text[of][index]).cast();
                    count += 1;
                    index += 1;
                }
                of += 1;
            }
            directory += 1;
        }
        lists
    };

    const BINARY: &'static [List<bindings::bin_attribute>; DIRECTORIES_MAX] = &{
        let mut lists = [[core::ptr::null(); MAX + 1]; DIRECTORIES_MAX];
        let mut directory = 0;

        while directory < T::DIRECTORIES.len() {
            let binary = T::DIRECTORIES[directory].binary;
            let (mut count, mut of) = (0, 0);
            while of < binary.len() {
                let mut index = 0;
                while index < binary[of].len() {
                    assert!(count < MAX, "too many attributes");
                    // CAST: the C structure is the first field.
                    lists[directory][count] = (&raw const binary[of][index]).cast();
                    count += 1;
                    index += 1;
                }
                of += 1;
            }
            directory += 1;
        }
        lists
    };

    const TABLES: &'static [bindings::attribute_group; DIRECTORIES_MAX] = &{
        let mut tables = [pin_init::zeroed(), pin_init::zeroed()];
        let mut directory = 0;

        while directory < T::DIRECTORIES.len() {
            tables[directory] = bindings::attribute_group {
                name: T::DIRECTORIES[directory].name.to_bytes_with_nul().as_ptr(),
                __bindgen_anon_2: bindings::attribute_group__bindgen_ty_2 {
                    attrs_const: Self::TEXT[directory].as_ptr(),
                },
                bin_attrs: Self::BINARY[directory].as_ptr(),
                ..pin_init::zeroed()
            };
            directory += 1;
        }
        tables
    };

    pub(super) const GROUPS: &'static Groups = &{
        assert!(
            T::DIRECTORIES.len() <= DIRECTORIES_MAX,
            "too many directories"
        );
        let mut groups = [core::ptr::null(); DIRECTORIES_MAX + 1];
        let mut directory = 0;

        while directory < T::DIRECTORIES.len() {
            groups[directory] = &raw const Self::TABLES[directory];
            directory += 1;
        }
        groups
    };
}

impl<T: Driver> Text<T> {
    pub(super) const fn device_attribute(
        name: &'static CStr,
        mode: bindings::umode_t,
        writable: bool,
    ) -> bindings::device_attribute {
        const_assert!(core::mem::offset_of!(Text<T>, attr) == 0);
        const_assert!(core::mem::offset_of!(bindings::device_attribute, attr) == 0);

        bindings::device_attribute {
            attr: attribute(name, mode),
            __bindgen_anon_1: bindings::device_attribute__bindgen_ty_1 {
                show: Some(Self::show_callback),
            },
            __bindgen_anon_2: bindings::device_attribute__bindgen_ty_2 {
                store: if writable {
                    Some(Self::store_callback)
                } else {
                    None
                },
            },
        }
    }

    /// # Safety
    ///
    /// Called by sysfs for an attribute in [`Tables`], with arguments as
    /// [`struct device_attribute`](srctree/include/linux/device.h) has them.
    unsafe extern "C" fn show_callback(
        dev: *mut bindings::device,
        attr: *mut bindings::device_attribute,
        buf: *mut c_char,
    ) -> isize {
        // SAFETY: Of the tables only `Tables::TEXT` has this callback; its entries point to the
        // whole of a `Text<T>`. The file is in a group of `device_driver.dev_groups`, and its active
        // reference is held. `sysfs_kf_seq_show()` has cleared the page at `buf` for this call.
        let (this, dev, buf) = unsafe {
            (
                &*attr.cast_const().cast::<Self>(),
                Device::<T, Bound>::from_attribute(dev),
                &mut *buf.cast::<[u8; PAGE_SIZE]>(),
            )
        };

        from_result(|| {
            let mut page = Page::new(buf);

            (this.show)(dev, &mut page)?;
            Ok(isize::try_from(page.finish()?)?)
        })
    }

    /// # Safety
    ///
    /// As [`Self::show_callback()`].
    unsafe extern "C" fn store_callback(
        dev: *mut bindings::device,
        attr: *mut bindings::device_attribute,
        buf: *const c_char,
        count: usize,
    ) -> isize {
        // SAFETY: As in `show_callback()`; `kernfs_fop_write_iter()` has copied `count` bytes to
        // `buf`.
        let (this, dev, value) = unsafe {
            (
                &*attr.cast_const().cast::<Self>(),
                Device::<T, Bound>::from_attribute(dev),
                core::slice::from_raw_parts(buf, count),
            )
        };

        from_result(|| {
            // `kernfs_fop_write_iter()` cuts at a page, so that this may be the beginning of more.
            if value.len() >= PAGE_SIZE {
                return Err(EFBIG);
            }
            let value = core::str::from_utf8(value).map_err(|_| EINVAL)?;

            (this.store.ok_or(EIO)?)(dev, value.trim_ascii())?;
            Ok(isize::try_from(count)?)
        })
    }
}

/// `read` and `write` have the same type.
type BinCallback = unsafe extern "C" fn(
    *mut bindings::file,
    *mut bindings::kobject,
    *const bindings::bin_attribute,
    *mut c_char,
    bindings::loff_t,
    usize,
) -> isize;

impl<T: Driver> Binary<T> {
    pub(super) const fn bin_attribute(
        name: &'static CStr,
        mode: bindings::umode_t,
        read: Option<BinCallback>,
        write: Option<BinCallback>,
    ) -> bindings::bin_attribute {
        const_assert!(core::mem::offset_of!(Binary<T>, attr) == 0);

        bindings::bin_attribute {
            attr: attribute(name, mode),
            read,
            write,
            ..pin_init::zeroed()
        }
    }

    /// # Safety
    ///
    /// Called by sysfs for an attribute in [`Tables`], with arguments as
    /// [`struct bin_attribute`](srctree/include/linux/sysfs.h) has them.
    pub(super) unsafe extern "C" fn read_callback(
        _file: *mut bindings::file,
        kobj: *mut bindings::kobject,
        attr: *const bindings::bin_attribute,
        buf: *mut c_char,
        pos: bindings::loff_t,
        count: usize,
    ) -> isize {
        // SAFETY: Only entries of `Tables::BINARY` have this callback; they point to the whole of a
        // `Binary<T>`. The file is in a group of `device_driver.dev_groups`, so that `kobj` is that of
        // a device, and its active reference is held.
        let (this, dev) = unsafe {
            (
                &*attr.cast::<Self>(),
                Device::<T, Bound>::from_attribute(container_of!(kobj, bindings::device, kobj)),
            )
        };

        from_result(|| {
            let value = (this.read.ok_or(EIO)?)(dev)?;
            let rest = value.get(usize::try_from(pos)?..).unwrap_or(&[]);
            let len = rest.len().min(count);

            // SAFETY: `kernfs_file_read_iter()` has allocated `count` bytes at `buf`, which is not
            // less than `len`.
            unsafe { core::ptr::copy_nonoverlapping(rest.as_ptr(), buf, len) };
            Ok(isize::try_from(len)?)
        })
    }

    /// # Safety
    ///
    /// As [`Self::read_callback()`].
    pub(super) unsafe extern "C" fn write_callback(
        _file: *mut bindings::file,
        kobj: *mut bindings::kobject,
        attr: *const bindings::bin_attribute,
        buf: *mut c_char,
        pos: bindings::loff_t,
        count: usize,
    ) -> isize {
        // SAFETY: As in `read_callback()`; `kernfs_fop_write_iter()` has copied `count` bytes to
        // `buf`.
        let (this, dev, value) = unsafe {
            (
                &*attr.cast::<Self>(),
                Device::<T, Bound>::from_attribute(container_of!(kobj, bindings::device, kobj)),
                core::slice::from_raw_parts(buf, count),
            )
        };

        from_result(|| {
            if pos != 0 {
                return Err(EINVAL);
            }
            (this.write.ok_or(EIO)?)(dev, value)?;
            Ok(isize::try_from(count)?)
        })
    }
}

const fn attribute(name: &'static CStr, mode: bindings::umode_t) -> bindings::attribute {
    // Lockdep has more fields.
    let mut attr: bindings::attribute = pin_init::zeroed();

    attr.name = name.to_bytes_with_nul().as_ptr();
    attr.mode = mode;
    attr
}
