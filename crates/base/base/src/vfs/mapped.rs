//! A file's bytes in memory without reading them first.

use std::ops::Deref;

use memmap2::Mmap;

/// Read-only bytes of a file: a map of the system's, or a copy where there is no system file below.
///
/// A device that fails under a map ends the process with SIGBUS, as it ends upstream's; whoever wants an error reads.
#[derive(Debug)]
pub enum Mapped {
    Map(Mmap),
    Owned(Vec<u8>),
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
