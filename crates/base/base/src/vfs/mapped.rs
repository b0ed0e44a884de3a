//! A file's bytes in memory without reading them first.

use std::ops::{Deref, Range};

use memmap2::Mmap;

/// Read-only bytes of a file: a map of the system's, or a copy where there is no system file below.
///
/// A device that fails under a map ends the process with SIGBUS, as it ends upstream's; whoever wants an error reads.
#[derive(Debug)]
pub enum Mapped {
    Map(Mmap),
    Owned(Vec<u8>),
}

impl Mapped {
    /// Gives the pages of a part back to the system; who reads it again fetches them again. For readers that pass through
    /// a large file once, so that it does not stay in the process' memory.
    pub fn release(&self, part: Range<usize>) {
        const PAGE: usize = 4096;
        let Self::Map(map) = self else { return };
        let (from, to) = (part.start.next_multiple_of(PAGE), part.end.min(map.len()) / PAGE * PAGE);
        if from < to {
            // SAFETY: the map is shared and backed by a file, so dropped pages are read from the file again, unchanged.
            let released = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, from, to - from) };
            // A system that does not know the advice keeps the pages: nothing is lost.
            released.ok();
        }
    }
}

impl Deref for Mapped {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<Vec<u8>> for Mapped {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}
