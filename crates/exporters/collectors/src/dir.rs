//! A directory of `/sys`: its small files are opened relative to it, so that the kernel walks its path once.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;
use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, SeekFrom, openat, readlinkat};
use rustix::io::Errno;

use crate::CollectError;
use crate::host::ProcFile;

/// A file of `/sys` holds at most a page.
const PAGE_BYTES: usize = 4096;

#[derive(Debug)]
pub(crate) struct Dir {
    fd: OwnedFd,
    path: PathBuf,
    /// Files that stay open, by name; `None` where each is opened when it is read.
    kept: Option<Mutex<HashMap<String, OwnedFd>>>,
}

/// `SYSFS_MAGIC`, linux/magic.h.
const SYSFS: u64 = 0x6265_6572;

/// Returns whether the error says that the machine has no such thing, or does not show it.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What a driver answers for an attribute that it knows but has no value for now; the reference skips these.
fn has_no_value(error: Errno) -> bool {
    matches!(
        error,
        Errno::NOENT
            | Errno::NOTDIR
            | Errno::ACCESS
            | Errno::PERM
            | Errno::INVAL
            | Errno::OPNOTSUPP
            | Errno::NODATA
            | Errno::NODEV
            | Errno::NXIO
            | Errno::ISDIR
            | Errno::SRCH
    )
}

fn parse(text: &str) -> Result<f64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|value| value as f64),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| format!("{text:?} is not a number"))
}

impl Dir {
    /// Opens a directory; `None` where there is none.
    pub(crate) fn open(path: PathBuf) -> Result<Option<Self>, CollectError> {
        match openat(CWD, &path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { fd, path, kept: None })),
            Err(error) if is_absent(&error.into()) => Ok(None),
            Err(error) => Err(CollectError::Io { path, source: error.into() }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a directory within; `None` where there is none or it may not be read.
    pub(crate) fn dir(&self, name: &str) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(&self.fd, name, flags, Mode::empty()).ok()?;
        Some(Self { fd, path: self.path.join(name), kept: None })
    }

    /// Lets the files that are read from now on stay open: the kernel makes their text anew whenever it is read from its
    /// start. Only of a real sysfs; a file of any other could be replaced behind our back.
    pub(crate) fn keep_open(mut self) -> Self {
        if rustix::fs::fstatfs(&self.fd).is_ok_and(|stat| stat.f_type as u64 == SYSFS) {
            self.kept = Some(Mutex::default());
        }
        self
    }

    pub(crate) fn is_kept_open(&self) -> bool {
        self.kept.is_some()
    }

    /// Returns what tells a directory within from any other that had its name before; `None` where there is none.
    pub(crate) fn identity(&self, name: &str) -> Option<u64> {
        let stat = rustix::fs::statat(&self.fd, name, AtFlags::empty()).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::Directory).then_some(stat.st_ino)
    }

    /// Returns the names of all that is within, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        self.names_of(|_| true)
    }

    /// Returns the names of the entries of some kinds, sorted. The directory is read through its own descriptor, from its
    /// start: to open it once more for each reading costs three calls.
    fn names_of(&self, is_wanted: impl Fn(FileType) -> bool) -> Vec<String> {
        let mut names = Vec::new();
        if rustix::fs::seek(&self.fd, SeekFrom::Start(0)).is_err() {
            return names;
        }
        let mut buffer = Vec::with_capacity(PAGE_BYTES);
        let mut entries = RawDir::new(&self.fd, buffer.spare_capacity_mut());
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." && is_wanted(entry.file_type()) {
                names.push(name.into_owned());
            }
        }
        names.sort_unstable();
        names
    }

    /// Returns the directories within, links to directories included, by name.
    pub(crate) fn dirs(&self) -> Vec<(String, Self)> {
        self.names().into_iter().filter_map(|name| self.dir(&name).map(|dir| (name, dir))).collect()
    }

    /// Returns the names of the directories within, by name; links are left out.
    pub(crate) fn subdirs(&self) -> Vec<String> {
        self.names_of(|kind| kind == FileType::Directory)
    }

    /// Returns whether there is a file or directory of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        rustix::fs::statat(&self.fd, name, rustix::fs::AtFlags::empty()).is_ok()
    }

    /// Returns a link's target.
    pub(crate) fn link_target(&self, name: &str) -> Option<String> {
        Some(readlinkat(&self.fd, name, Vec::new()).ok()?.to_string_lossy().into_owned())
    }

    /// Reads a file without blanks at its ends. `None` where it is missing, may not be read, or its driver has nothing
    /// to say; an error where reading fails otherwise.
    pub(crate) fn try_text(&self, name: &str) -> Result<Option<String>, CollectError> {
        self.with_bytes(name, |bytes| String::from_utf8_lossy(bytes.trim_ascii()).into_owned())
    }

    /// As [`Self::try_text`], with any error as `None`.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.try_text(name).ok().flatten()
    }

    /// Reads a number, of base 16 where it begins with "0x". `None` as with [`Self::try_text`]; a text that is no number
    /// is an error.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, CollectError> {
        match self.with_bytes(name, |bytes| parse(&String::from_utf8_lossy(bytes.trim_ascii())))? {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value)),
            Some(Err(what)) => Err(CollectError::Malformed { path: self.path.join(name), line: 1, what }),
        }
    }

    /// As [`Self::number`], with any error as `None`.
    pub(crate) fn number_if_any(&self, name: &str) -> Option<f64> {
        self.number(name).ok().flatten()
    }

    /// Parses a number that stood in the file `name`.
    pub(crate) fn parse_number(&self, name: &str, text: &str) -> Result<f64, CollectError> {
        parse(text).map_err(|what| CollectError::Malformed { path: self.path.join(name), line: 1, what })
    }

    /// As [`Self::try_text`], but the file has to be there.
    pub(crate) fn required_text(&self, name: &str) -> Result<String, CollectError> {
        self.try_text(name)?.ok_or_else(|| self.missing(name))
    }

    /// As [`Self::number`], but the file has to be there.
    pub(crate) fn required_number(&self, name: &str) -> Result<f64, CollectError> {
        self.number(name)?.ok_or_else(|| self.missing(name))
    }

    /// As [`Self::file`], but the file has to be there.
    pub(crate) fn required_file(&self, name: &str) -> Result<ProcFile, CollectError> {
        self.file(name)?.ok_or_else(|| self.missing(name))
    }

    fn missing(&self, name: &str) -> CollectError {
        CollectError::Io { path: self.path.join(name), source: io::ErrorKind::NotFound.into() }
    }

    /// Reads a file as a whole, with its path for errors; `None` as with [`Self::try_text`].
    pub(crate) fn file(&self, name: &str) -> Result<Option<ProcFile>, CollectError> {
        let text = self.with_bytes(name, |bytes| String::from_utf8_lossy(bytes).into_owned())?;
        Ok(text.map(|text| ProcFile { path: self.path.join(name), text }))
    }

    fn with_bytes<T>(&self, name: &str, make: impl FnOnce(&[u8]) -> T) -> Result<Option<T>, CollectError> {
        let failed = |error: Errno| {
            if has_no_value(error) {
                return Ok(None);
            }
            Err(CollectError::Io { path: self.path.join(name), source: error.into() })
        };
        let mut page = [0; PAGE_BYTES];
        let Some(kept) = &self.kept else {
            return match self.open_file(name) {
                Ok(file) => Self::read_whole(&file, &mut page, make).or_else(failed),
                Err(error) => failed(error),
            };
        };
        let mut kept = kept.lock();
        if let Some(file) = kept.get(name) {
            return Self::read_whole(file, &mut page, make).or_else(failed);
        }
        match self.open_file(name) {
            Ok(file) => {
                let read = Self::read_whole(&file, &mut page, make).or_else(failed);
                kept.insert(name.to_owned(), file);
                read
            }
            Err(error) => failed(error),
        }
    }

    fn open_file(&self, name: &str) -> Result<OwnedFd, Errno> {
        // A fake tree or a wrong root could hold a pipe, which must not stop the scrape.
        openat(&self.fd, name, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())
    }

    /// Reads from the start; a file of `/sys` comes at once.
    fn read_whole<T>(
        file: &OwnedFd,
        page: &mut [u8; PAGE_BYTES],
        make: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>, Errno> {
        let mut read = rustix::io::pread(file, &mut page[..], 0)?;
        if read < PAGE_BYTES {
            return Ok(Some(make(&page[..read])));
        }
        // A whole page: there may be more.
        let mut bytes = page.to_vec();
        while read > 0 {
            read = rustix::io::pread(file, &mut page[..], bytes.len() as u64)?;
            bytes.extend_from_slice(&page[..read]);
        }
        Ok(Some(make(&bytes)))
    }
}
