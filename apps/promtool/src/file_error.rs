//! Errors of the file system in the words of Go, which scripts know.

use std::fmt::Display;
use std::io::{Error, ErrorKind};
use std::path::Path;

/// Says what failed with which file: `open a.yml: no such file or directory`.
pub(crate) fn file_error(what: &str, path: impl Display, error: &Error) -> String {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such file or directory",
        ErrorKind::PermissionDenied => "permission denied",
        ErrorKind::AlreadyExists => "file exists",
        ErrorKind::NotADirectory => "not a directory",
        ErrorKind::IsADirectory => "is a directory",
        ErrorKind::StorageFull => "no space left on device",
        ErrorKind::ReadOnlyFilesystem => "read-only file system",
        _ => return format!("{what} {path}: {error}"),
    };
    format!("{what} {path}: {why}")
}

/// Says why a directory cannot be made: what stands in its way, if that is a file.
pub(crate) fn mkdir_error(path: &Path, error: &Error) -> String {
    let file = path.ancestors().find(|dir| dir.is_file());
    match file {
        Some(file) => file_error("mkdir", file.display(), &Error::from(ErrorKind::NotADirectory)),
        None => file_error("mkdir", path.display(), error),
    }
}

/// Says why a data directory cannot be looked at.
pub(crate) fn no_db_dir(dir: &Path, error: &Error) -> String {
    format!("opening the db dir: {}", file_error("stat", dir.display(), error))
}
