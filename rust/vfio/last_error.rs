// SPDX-License-Identifier: GPL-2.0

//! Why the last migration of a device was refused or has failed, shown in debugfs.
//!
//! An errno is all that the uAPI can say and all that a VMM shows. The text is there until the next
//! session begins: a reset must not take it away, as a VMM resets a device whose migration has
//! failed before anyone can look, and neither must close.

use crate::{
    limit::Kind,
    Device,
    Driver,
    Open, //
};
use kernel::{
    fmt::{
        self,
        Write as _, //
    },
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

/// Longest text in bytes; what does not fit is cut off.
const MAX_LEN: usize = 256;

/// A text of printable ASCII characters; all others, which may come out of a stream, become `?`.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    bytes: [u8; MAX_LEN],
    len: usize,
}

impl Text {
    const NONE: Self = Self {
        bytes: [0; MAX_LEN],
        len: 0,
    };

    fn new(args: fmt::Arguments<'_>) -> Self {
        let mut text = Self::NONE;

        // It fails if something that is printed does: what came before it stays.
        let _ = text.write_fmt(args);
        text
    }

    /// Returns the text, which is empty if there is none.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    fn as_str(&self) -> &str {
        match core::str::from_utf8(self.as_bytes()) {
            Ok("") | Err(_) => "none",
            Ok(text) => text,
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        for c in s.chars() {
            let Some(byte) = self.bytes.get_mut(self.len) else {
                break;
            };
            *byte = match u8::try_from(c) {
                Ok(c @ b' '..=b'~') => c,
                _ => b'?',
            };
            self.len += 1;
        }
        Ok(())
    }
}

struct Inner {
    text: Text,
    /// Number of texts so far; wraps.
    count: u32,
    /// That number when the device was opened: what is older is not for its owner.
    count_at_open: u32,
    /// Why a request of the owner was refused that is no migration. Newer than `text`, if there is
    /// one, and not shown in debugfs: nobody can take the cause of a failure away by asking.
    asked: Text,
}

/// The last error of one device.
#[pin_data]
pub(crate) struct LastError {
    /// Held for copies in kernel memory only.
    #[pin]
    inner: Mutex<Inner>,
}

impl LastError {
    pub(crate) fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            inner <- new_mutex!(Inner {
                text: Text::NONE,
                count: 0,
                count_at_open: 0,
                asked: Text::NONE,
            }, "vfio::LastError"),
        })
    }

    /// Replaces the text.
    pub(crate) fn set(&self, args: fmt::Arguments<'_>) {
        // Not under the lock: there is no knowing what it takes to print them.
        let text = Text::new(args);
        let mut inner = self.inner.lock();

        inner.text = text;
        inner.asked = Text::NONE;
        inner.count = inner.count.wrapping_add(1);
    }

    /// Leaves a text for the owner alone: something was asked, and refused.
    pub(crate) fn set_asked(&self, args: fmt::Arguments<'_>) {
        // As above.
        let text = Text::new(args);

        self.inner.lock().asked = text;
    }

    /// Something has failed since.
    pub(crate) fn forget_asked(&self) {
        self.inner.lock().asked = Text::NONE;
    }

    /// Somebody opens the device.
    pub(crate) fn change_owner(&self) {
        let mut inner = self.inner.lock();

        inner.asked = Text::NONE;
        inner.count_at_open = inner.count;
    }

    /// Returns the last text that is about what the owner has done.
    pub(crate) fn of_owner(&self) -> Text {
        let inner = self.inner.lock();

        if inner.asked.len != 0 {
            inner.asked
        } else if inner.count != inner.count_at_open {
            inner.text
        } else {
            Text::NONE
        }
    }

    /// A session begins, and with it the time for which there is an answer.
    pub(crate) fn clear(&self) {
        let mut inner = self.inner.lock();

        inner.text = Text::NONE;
        inner.asked = Text::NONE;
    }

    /// Returns the number of texts so far.
    pub(crate) fn count(&self) -> u32 {
        self.inner.lock().count
    }

    /// Returns whether there was no error since the last session began.
    pub(crate) fn is_none(&self) -> bool {
        self.inner.lock().text.len == 0
    }

    /// Supplies a text for a failure of which the driver has said nothing in this session.
    pub(crate) fn set_if_none(&self, args: fmt::Arguments<'_>) {
        if self.is_none() {
            self.set(args);
        }
    }

    /// Prints one line: the text, or `none`.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.inner.lock().text;

        writeln!(f, "{}", text.as_str())
    }
}

impl<T: Driver> Device<T, Open> {
    /// Says why a migration was refused or has failed, in one line: in the log, ten times in five
    /// seconds at most, and in debugfs, `<driver>/<BDF>/last_error`.
    ///
    /// There it stays until the next session begins, through resets and close; the last call counts.
    /// Of the text the first 256 bytes are kept, with `?` for all but printable ASCII.
    pub fn report(&self, why: fmt::Arguments<'_>) {
        if self.limits().allows(Kind::Report) {
            dev_err!(self.parent(), "{why}\n");
        }
        self.set_last_error(why);
    }

    /// Warns in the log, at the rate of [`report()`](Self::report): user space can bring about most
    /// of what there is to warn of as often as it likes.
    pub fn warn(&self, what: fmt::Arguments<'_>) {
        if self.limits().allows(Kind::Report) {
            dev_warn!(self.parent(), "{what}\n");
        }
    }
}
