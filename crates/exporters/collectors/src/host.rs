//! Where `/proc`, `/sys` and the root of the host are found, and how their files are read.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::CollectError;
use crate::dir::{Dir, is_absent};
use crate::open_files::{OpenFiles, read_all};

/// Where the bus listens if `DBUS_SYSTEM_BUS_ADDRESS` does not say otherwise.
const SYSTEM_BUS: &str = "unix:path=/var/run/dbus/system_bus_socket";

/// Movable roots (`--path.procfs`, `--path.sysfs`, `--path.rootfs`, `--path.udev.data`). Clones share the files of
/// `/proc` that are kept open.
#[derive(Clone, Debug)]
pub struct HostRoots {
    pub procfs: PathBuf,
    pub sysfs: PathBuf,
    pub rootfs: PathBuf,
    pub udev_data: PathBuf,
    /// The address of the system's message bus, as D-Bus writes it.
    pub system_bus: String,
    open: Arc<OpenFiles>,
}

impl Default for HostRoots {
    fn default() -> Self {
        Self::new("/proc", "/sys", "/", "/run/udev/data")
    }
}

/// A file of `/proc` or `/sys`, read at once.
#[derive(Debug)]
pub(crate) struct ProcFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl HostRoots {
    /// Takes the four roots.
    pub fn new(
        procfs: impl Into<PathBuf>,
        sysfs: impl Into<PathBuf>,
        rootfs: impl Into<PathBuf>,
        udev_data: impl Into<PathBuf>,
    ) -> Self {
        Self {
            procfs: procfs.into(),
            sysfs: sysfs.into(),
            rootfs: rootfs.into(),
            udev_data: udev_data.into(),
            system_bus: std::env::var("DBUS_SYSTEM_BUS_ADDRESS").unwrap_or_else(|_| SYSTEM_BUS.to_owned()),
            open: Arc::default(),
        }
    }

    /// Reads a file below `/proc` that every scrape reads: it stays open. Bytes that are no UTF-8 are replaced.
    pub(crate) fn proc(&self, below: &str) -> Result<ProcFile, CollectError> {
        let path = self.procfs.join(below);
        match self.open.read(below, &path) {
            Ok(text) => Ok(ProcFile { path, text }),
            Err(source) => Err(CollectError::Io { path, source }),
        }
    }

    /// Reads a file below `/proc` that a machine may lack.
    pub(crate) fn proc_opt(&self, below: &str) -> Result<Option<ProcFile>, CollectError> {
        match self.proc(below) {
            Ok(file) => Ok(Some(file)),
            Err(CollectError::Io { source, .. }) if is_absent(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a directory below `/sys`; `None` where there is none.
    pub(crate) fn sys_dir(&self, below: impl AsRef<Path>) -> Result<Option<Dir>, CollectError> {
        Dir::open(self.sysfs.join(below))
    }

    /// Opens a directory below `/proc`; `None` where there is none.
    pub(crate) fn proc_dir(&self, below: impl AsRef<Path>) -> Result<Option<Dir>, CollectError> {
        Dir::open(self.procfs.join(below))
    }

    /// Reads a file below `/sys`, without blanks at its ends; `None` where it is missing or unreadable.
    pub(crate) fn sys(&self, below: impl AsRef<Path>) -> Option<String> {
        read(self.sysfs.join(below)).ok().map(|file| file.text.trim().to_owned())
    }

    /// Reads a file of the host's root file system; `None` where it is missing.
    pub(crate) fn root(&self, below: &str) -> Result<Option<ProcFile>, CollectError> {
        match read(self.rootfs.join(below)) {
            Ok(file) => Ok(Some(file)),
            Err(CollectError::Io { source, .. }) if is_absent(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads any file.
pub(crate) fn read(path: PathBuf) -> Result<ProcFile, CollectError> {
    let text: io::Result<String> = File::open(&path).and_then(|file| read_all(&file));
    match text {
        Ok(text) => Ok(ProcFile { path, text }),
        Err(source) => Err(CollectError::Io { path, source }),
    }
}

/// Reads the beginning of a file of a few bytes, at once: a pipe in its place is not waited for.
pub(crate) fn read_at_most(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let mut read = Vec::new();
    file.take(bytes as u64).read_to_end(&mut read)?;
    Ok(read)
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

    /// Parses a number in base 16; the error names the file and the line.
    pub(crate) fn hex(&self, line: usize, text: &str) -> Result<u64, CollectError> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        u64::from_str_radix(digits, 16).map_err(|_| self.malformed(line, format!("{text:?} is not a number")))
    }

    pub(crate) fn malformed(&self, line: usize, what: impl Into<String>) -> CollectError {
        CollectError::Malformed { path: self.path.clone(), line, what: what.into() }
    }
}
