//! Reading all of a log: the newest checkpoint, then the segments behind it.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::Vfs;

use super::{Record, Segment, SegmentReader, WalError, last_checkpoint, list_segments};

/// Yields the records of a log in the order they were logged.
#[derive(Debug)]
pub struct WalReader {
    vfs: Arc<dyn Vfs>,
    rest: VecDeque<(Segment, bool)>,
    current: Option<SegmentReader>,
}

impl WalReader {
    /// Opens the log in `dir` as it is to be replayed. A directory that is not there is an empty log.
    pub fn open(vfs: Arc<dyn Vfs>, dir: &Path) -> Result<Self, WalError> {
        let mut rest = VecDeque::new();
        let mut from = 0;
        if let Some(checkpoint) = last_checkpoint(vfs.as_ref(), dir)? {
            from = checkpoint.index + 1;
            rest.extend(list_segments(vfs.as_ref(), &checkpoint.path)?.into_iter().map(|s| (s, false)));
        }
        let segments: Vec<Segment> =
            list_segments(vfs.as_ref(), dir)?.into_iter().filter(|s| s.index >= from).collect();
        let newest = newest_with_content(vfs.as_ref(), &segments)?;
        rest.extend(segments.into_iter().map(|s| (newest == Some(s.index), s)).map(|(newest, s)| (s, newest)));
        Ok(Self { vfs, rest, current: None })
    }

    /// Opens the log in `dir` from a place between two records on, without the checkpoint before it.
    pub fn open_at(vfs: Arc<dyn Vfs>, dir: &Path, segment: u64, offset: u64) -> Result<Self, WalError> {
        let segments: Vec<Segment> =
            list_segments(vfs.as_ref(), dir)?.into_iter().filter(|s| s.index >= segment).collect();
        let newest = newest_with_content(vfs.as_ref(), &segments)?;
        let mut rest: VecDeque<(Segment, bool)> =
            segments.into_iter().map(|s| (newest == Some(s.index), s)).map(|(newest, s)| (s, newest)).collect();
        let mut current = None;
        if let Some((first, newest)) = rest.pop_front() {
            let mut reader = SegmentReader::open(vfs.as_ref(), first, newest)?;
            reader.begin_at(offset);
            current = Some(reader);
        }
        Ok(Self { vfs, rest, current })
    }

    /// Yields the records of the given segments only, none of them taken as the newest.
    pub fn over(vfs: Arc<dyn Vfs>, segments: Vec<Segment>) -> Self {
        Self { vfs, rest: segments.into_iter().map(|s| (s, false)).collect(), current: None }
    }

    /// Returns the next record, or `None` at the end of the log.
    ///
    /// Error `Corrupt`: [`super::repair`] can cut the log there, if it lies in a segment of the log itself.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, WalError> {
        while !self.advance_current()? {
            let Some((segment, newest)) = self.rest.pop_front() else { return Ok(None) };
            self.current = Some(SegmentReader::open(self.vfs.as_ref(), segment, newest)?);
        }
        Ok(self.current.as_ref().map(SegmentReader::record))
    }

    /// Returns the file of the record that was returned last; empty before the first.
    pub fn path(&self) -> &Path {
        self.current.as_ref().map_or(Path::new(""), SegmentReader::path)
    }

    fn advance_current(&mut self) -> Result<bool, WalError> {
        match &mut self.current {
            Some(reader) => reader.advance(),
            None => Ok(false),
        }
    }
}

/// Empty segments come from starts; the one that a loss of power can have torn is the last with content.
fn newest_with_content(vfs: &dyn Vfs, segments: &[Segment]) -> Result<Option<u64>, WalError> {
    for segment in segments.iter().rev() {
        let file = vfs.open_read(&segment.path).map_err(WalError::io("open segment", &segment.path))?;
        if file.len().map_err(WalError::io("stat segment", &segment.path))? > 0 {
            return Ok(Some(segment.index));
        }
    }
    Ok(None)
}
