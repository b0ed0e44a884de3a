//! Where `/proc`, `/sys` and the root of the host are found.

use std::fs;
use std::path::{Path, PathBuf};

use crate::CollectError;

/// Movable roots (`--path.procfs`, `--path.sysfs`, `--path.rootfs`).
#[derive(Clone, Debug)]
pub struct HostRoots {
    pub procfs: PathBuf,
    pub sysfs: PathBuf,
    pub rootfs: PathBuf,
}

impl Default for HostRoots {
    fn default() -> Self {
        Self { procfs: "/proc".into(), sysfs: "/sys".into(), rootfs: "/".into() }
    }
}

/// A file of `/proc` or `/sys`, read at once.
#[derive(Debug)]
pub(crate) struct ProcFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl HostRoots {
    /// Reads a file below `/proc`; bytes that are no UTF-8 are replaced.
    pub(crate) fn proc(&self, below: &str) -> Result<ProcFile, CollectError> {
        read(self.procfs.join(below))
    }

    /// Reads a file below `/sys`, without blanks at its ends; `None` where it is missing or unreadable.
    pub(crate) fn sys(&self, below: impl AsRef<Path>) -> Option<String> {
        read(self.sysfs.join(below)).ok().map(|file| file.text.trim().to_owned())
    }
}

fn read(path: PathBuf) -> Result<ProcFile, CollectError> {
    match fs::read(&path) {
        Ok(bytes) => Ok(ProcFile { path, text: String::from_utf8_lossy(&bytes).into_owned() }),
        Err(source) => Err(CollectError::Io { path, source }),
    }
}

impl ProcFile {
    /// Returns the lines with their numbers from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }

    /// Parses a number; the error names the file and the line.
    pub(crate) fn number(&self, line: usize, text: &str) -> Result<f64, CollectError> {
        text.parse().map_err(|_| self.malformed(line, format!("{text:?} is not a number")))
    }

    pub(crate) fn malformed(&self, line: usize, what: impl Into<String>) -> CollectError {
        CollectError::Malformed { path: self.path.clone(), line, what: what.into() }
    }
}
