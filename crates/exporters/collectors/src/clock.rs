//! adjtimex(2), which neither std nor rustix has.
#![expect(unsafe_code, reason = "a system call that fills a structure")]

use std::io;
use std::mem::MaybeUninit;

/// What the kernel says of the clock's discipline: its state, and the numbers.
pub(crate) fn adjtimex() -> io::Result<(i32, libc::timex)> {
    // SAFETY: the structure is integers only, for which all bits zero is a value.
    let mut timex: libc::timex = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the pointer is to a structure of our own; with no modes set the call only reads.
    let state = unsafe { libc::adjtimex(&raw mut timex) };
    if state < 0 { Err(io::Error::last_os_error()) } else { Ok((state, timex)) }
}
