//! Writes chunk segments, cut where upstream cuts them.

use std::path::{Path, PathBuf};

use firesteel_base::bytes::put_uvarint;
use firesteel_base::vfs::Vfs;
use firesteel_storage::ChunkView;

use super::output::Output;
use crate::BlockError;
use crate::segments::{LENGTH_BYTES_MAX, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC, SEGMENT_VERSION};

#[derive(Debug)]
pub(super) struct SegmentWriter<'v> {
    vfs: &'v dyn Vfs,
    dir: PathBuf,
    segment_bytes: u64,
    open: Option<Output>,
    /// Segments begun so far.
    count: u64,
    series: SeriesState,
    head: Vec<u8>,
}

/// Upstream decides on cuts before it writes a series' chunks, by the most that each may take
/// (`tsdb/chunks/chunks.go`, `WriteChunks`).
#[derive(Clone, Copy, Debug, Default)]
struct SeriesState {
    /// The segment's length when the series began.
    begun_at: u64,
    batch_bytes: u64,
    first_batch: bool,
    chunks: u64,
}

impl<'v> SegmentWriter<'v> {
    pub(super) fn new(vfs: &'v dyn Vfs, dir: &Path, segment_bytes: u64) -> Self {
        let series = SeriesState::default();
        Self { vfs, dir: dir.to_owned(), segment_bytes, open: None, count: 0, series, head: Vec::new() }
    }

    pub(super) fn begin_series(&mut self) {
        let begun_at = self.open.as_ref().map_or(0, Output::position);
        self.series = SeriesState { begun_at, batch_bytes: 0, first_batch: true, chunks: 0 };
    }

    /// Writes a chunk of the current series; returns its reference.
    pub(super) fn write(&mut self, chunk: &ChunkView) -> Result<u64, BlockError> {
        const HEADER: u64 = SEGMENT_HEADER_BYTES as u64;
        let data = chunk.bytes.as_slice();
        let most = data.len() as u64 + LENGTH_BYTES_MAX as u64 + 1 + 4;
        let series = &mut self.series;
        series.batch_bytes += most;
        let mut cut = series.chunks > 0 && series.batch_bytes + HEADER > self.segment_bytes;
        if series.first_batch && series.begun_at > HEADER {
            cut = series.batch_bytes + series.begun_at > self.segment_bytes;
            series.first_batch = !cut;
        }
        if cut {
            series.batch_bytes = most;
        }
        series.chunks += 1;
        if cut || self.open.is_none() {
            self.cut()?;
        }
        let Some(out) = &mut self.open else { return Err(BlockError::Source("no segment is open".to_owned())) };
        let place = out.position();
        let reference = (self.count - 1) << 32 | place;
        if place > u64::from(u32::MAX) {
            return Err(BlockError::TooLarge { what: "chunk segment", limit: u64::from(u32::MAX) });
        }
        self.head.clear();
        put_uvarint(&mut self.head, data.len() as u64);
        let encoding = chunk.encoding as u8;
        self.head.push(encoding);
        out.write(&self.head)?;
        out.write(data)?;
        let sum = crc32c::crc32c_append(crc32c::crc32c(&[encoding]), data);
        out.write(&sum.to_be_bytes())?;
        Ok(reference)
    }

    fn cut(&mut self) -> Result<(), BlockError> {
        if let Some(full) = self.open.take() {
            full.finish()?;
        }
        self.count += 1;
        let mut out = Output::create(self.vfs, self.dir.join(format!("{:06}", self.count)))?;
        out.write(&SEGMENT_MAGIC.to_be_bytes())?;
        out.write(&[SEGMENT_VERSION, 0, 0, 0])?;
        self.open = Some(out);
        Ok(())
    }

    /// Makes all segments safe.
    pub(super) fn finish(mut self) -> Result<(), BlockError> {
        if let Some(last) = self.open.take() {
            last.finish()?;
        }
        self.vfs.sync_dir(&self.dir).map_err(BlockError::io("sync", &self.dir))
    }
}
