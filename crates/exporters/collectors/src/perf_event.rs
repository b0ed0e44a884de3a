//! Counters of the kernel's `perf` subsystem: the call `perf_event_open`, which neither std nor rustix has.
#![expect(unsafe_code, reason = "a system call that takes a structure")]

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::FromRawFd;

/// What is counted: `type` and `config` of `perf_event_attr`, linux/perf_event.h.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    pub(crate) kind: u32,
    pub(crate) config: u64,
}

pub(crate) const HARDWARE: u32 = 0;
pub(crate) const SOFTWARE: u32 = 1;
pub(crate) const TRACEPOINT: u32 = 2;
pub(crate) const CACHE: u32 = 3;

/// The first published form of the structure, which every kernel takes.
const ATTRIBUTE_BYTES: usize = 64;
/// How long it was wanted and how long it ran are read, too.
const FORMAT_TIMES: u64 = 3;
const INHERIT: u64 = 1 << 1;
const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
const CLOSE_ON_EXEC: libc::c_long = 8;

/// A counter that runs, of all that one CPU does.
#[derive(Debug)]
pub(crate) struct Counter(File);

impl Counter {
    /// Starts to count.
    pub(crate) fn open(event: Event, cpu: u32) -> io::Result<Self> {
        // Bits of a C structure: the first is the least one here, the greatest one there.
        let flags = INHERIT | EXCLUDE_HYPERVISOR;
        let flags = if cfg!(target_endian = "big") { flags.reverse_bits() } else { flags };
        let mut attribute = [0_u8; ATTRIBUTE_BYTES];
        let mut put = |at: usize, bytes: &[u8]| attribute[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &event.kind.to_ne_bytes());
        put(4, &(ATTRIBUTE_BYTES as u32).to_ne_bytes());
        put(8, &event.config.to_ne_bytes());
        put(32, &FORMAT_TIMES.to_ne_bytes());
        put(40, &flags.to_ne_bytes());
        let (all, no_group): (libc::c_long, libc::c_long) = (-1, -1);
        // SAFETY: the pointer is to as many bytes as the structure says it has, which the kernel reads during the call.
        let fd = unsafe {
            let number = libc::SYS_perf_event_open;
            libc::syscall(number, attribute.as_ptr(), all, libc::c_long::from(cpu), no_group, CLOSE_ON_EXEC)
        };
        let Ok(fd) = i32::try_from(fd) else { return Err(io::Error::last_os_error()) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call gave the descriptor to us, and nobody else has it.
        Ok(Self(unsafe { File::from_raw_fd(fd) }))
    }

    /// Returns the count since it was opened.
    pub(crate) fn read(&self) -> io::Result<u64> {
        // The count, time enabled, time running.
        let mut bytes = [0; 24];
        (&self.0).read_exact(&mut bytes)?;
        Ok(bytes.first_chunk().map_or(0, |count| u64::from_ne_bytes(*count)))
    }
}
