//! The files of a log's directory: names, order, completeness.

use std::ops::Range;
use std::path::{Path, PathBuf};

use firesteel_base::vfs::Vfs;

use super::WalError;

/// A segment's number and file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    pub index: u64,
    pub path: PathBuf,
}

/// Returns the name of a segment: eight digits.
pub fn segment_path(dir: &Path, index: u64) -> PathBuf {
    dir.join(format!("{index:08}"))
}

/// Returns the segments of a directory by number; none if the directory is not there. Numbers may be missing when somebody
/// removed files, see [`missing_segments`].
pub fn list_segments(vfs: &dyn Vfs, dir: &Path) -> Result<Vec<Segment>, WalError> {
    let entries = match vfs.list(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(WalError::io("list segments of", dir)(e)),
    };
    let mut segments: Vec<Segment> = entries
        .iter()
        .filter(|entry| !entry.is_dir && entry.name.bytes().all(|b| b.is_ascii_digit()))
        .filter_map(|entry| Some(Segment { index: entry.name.parse().ok()?, path: dir.join(&entry.name) }))
        .collect();
    segments.sort_by_key(|segment| segment.index);
    Ok(segments)
}

/// Returns the numbers from `first` on that are not among `segments`, up to the last of these.
pub fn missing_segments(first: u64, segments: &[Segment]) -> Vec<Range<u64>> {
    let mut expected = first;
    let mut missing = Vec::new();
    for segment in segments.iter().filter(|segment| segment.index >= first) {
        if segment.index > expected {
            missing.push(expected..segment.index);
        }
        expected = segment.index + 1;
    }
    missing
}

/// Fragments never cross the edge of a page.
pub const PAGE_BYTES: usize = 32 * 1024;
/// Upstream's default, `--storage.tsdb.wal-segment-size`.
pub const DEFAULT_SEGMENT_BYTES: u64 = 128 * 1024 * 1024;
