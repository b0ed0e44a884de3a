//! From a source to a block that others can open, or to nothing at all.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use firesteel_base::vfs::Vfs;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_storage::{ChunkView, Encoding};
use serde_json::Map;

use super::index_writer::IndexWriter;
use super::segment_writer::SegmentWriter;
use crate::index::{ChunkMeta, INDEX_FILE};
use crate::overlap::{ChunkMerger, is_whole, keep};
use crate::segments::CHUNKS_DIR;
use crate::{
    BlockError, BlockMeta, BlockSpec, BlockStats, META_FILE, SeriesSource, SourceSeries, TOMBSTONES_FILE, Tombstones,
    WriteOptions,
};

/// What a directory's name ends with while a block is written into it.
pub const TMP_FOR_CREATION: &str = ".tmp-for-creation";

/// Writes the block `spec` below `parent` from all series of `source`; returns its meta, or `None`, and nothing is left on
/// disk, when there is not a single sample.
///
/// The block gets its name when all of it is safe on disk; after an error or a crash there is at most a directory that ends
/// with [`TMP_FOR_CREATION`], which whoever opens the database removes. Memory: distinct label pairs (18 bytes each), 16 MiB
/// of postings or the longest list, one series, buffers.
pub fn write_block(
    vfs: &dyn Vfs,
    parent: &Path,
    spec: &BlockSpec,
    source: &mut dyn SeriesSource,
    options: &mut WriteOptions<'_>,
) -> Result<Option<BlockMeta>, BlockError> {
    let dir = parent.join(spec.ulid.to_string());
    let tmp = parent.join(format!("{}{TMP_FOR_CREATION}", spec.ulid));
    remove_dir(vfs, &tmp)?;
    let written = write_into(vfs, &tmp, spec, source, options);
    match written {
        Ok(Some(meta)) => {
            let named = vfs.rename(&tmp, &dir).map_err(BlockError::io("rename", &tmp));
            if let Err(e) = named {
                let _still_there = remove_dir(vfs, &tmp);
                return Err(e);
            }
            vfs.sync_dir(parent).map_err(BlockError::io("sync", parent))?;
            Ok(Some(meta))
        }
        Ok(None) => {
            remove_dir(vfs, &tmp)?;
            Ok(None)
        }
        Err(e) => {
            // The first error is the one that tells; what cannot be removed now is removed at the next start.
            let _still_there = remove_dir(vfs, &tmp);
            Err(e)
        }
    }
}

fn remove_dir(vfs: &dyn Vfs, dir: &Path) -> Result<(), BlockError> {
    match vfs.remove_dir_all(dir) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(BlockError::io("remove", dir)(e)),
        _ => Ok(()),
    }
}

fn write_into(
    vfs: &dyn Vfs,
    dir: &Path,
    spec: &BlockSpec,
    source: &mut dyn SeriesSource,
    options: &mut WriteOptions<'_>,
) -> Result<Option<BlockMeta>, BlockError> {
    let chunks_dir = dir.join(CHUNKS_DIR);
    vfs.create_dir_all(&chunks_dir).map_err(BlockError::io("create", &chunks_dir))?;
    let mut segments = SegmentWriter::new(vfs, &chunks_dir, options.segment_bytes);
    let mut index = IndexWriter::create(vfs, dir.join(INDEX_FILE))?;
    let mut symbol = Vec::new();
    while source.next_symbol(&mut symbol)? {
        index.add_symbol(&symbol)?;
    }
    let mut stats = BlockStats::default();
    let range = TimeRange { min: TimestampMs(spec.min_time), max: TimestampMs(spec.max_time).saturating_sub(1) };
    let mut tidy =
        Tidy { range, merger: ChunkMerger::new(options.float_encoding), kept: vec![Vec::new()], out: Vec::new() };
    let mut series = SourceSeries::default();
    let mut metas = Vec::new();
    while source.next_series(&mut series)? {
        if options.cancelled.is_some_and(|c| c.load(Ordering::Relaxed)) {
            return Err(BlockError::Cancelled);
        }
        let chunks = tidy.chunks(&series)?;
        if chunks.is_empty() {
            continue;
        }
        segments.begin_series();
        metas.clear();
        for chunk in chunks {
            let reference = segments.write(chunk)?;
            metas.push(ChunkMeta { min: chunk.min.0, max: chunk.max.0, reference });
            count(&mut stats, chunk);
            if let Some(observe) = &mut options.observe {
                observe(chunk);
            }
        }
        index.add_series(&series.labels, &metas)?;
        stats.num_series += 1;
    }
    if stats.num_samples == 0 {
        return Ok(None);
    }
    segments.finish()?;
    index.finish()?;
    let meta = BlockMeta {
        ulid: spec.ulid,
        min_time: spec.min_time,
        max_time: spec.max_time,
        stats,
        compaction: spec.compaction.clone(),
        version: 1,
        extra: Map::new(),
    };
    for (name, bytes) in [(META_FILE, meta.to_json()), (TOMBSTONES_FILE, Tombstones::default().encode())] {
        let path = dir.join(name);
        let file = vfs.create(&path).map_err(BlockError::io("create", &path))?;
        file.write_all_at(&bytes, 0).map_err(BlockError::io("write", &path))?;
        file.sync_data().map_err(BlockError::io("sync", &path))?;
    }
    vfs.sync_dir(dir).map_err(BlockError::io("sync", dir))?;
    Ok(Some(meta))
}

fn count(stats: &mut BlockStats, chunk: &ChunkView) {
    let samples = u64::from(chunk.samples);
    stats.num_chunks += 1;
    stats.num_samples += samples;
    match chunk.encoding {
        Encoding::Xor | Encoding::Xor2 => stats.num_float_samples += samples,
        _ => stats.num_histogram_samples += samples,
    }
}

/// Makes of a series' chunks what the index allows: inside the range, without deleted samples, one behind the other.
struct Tidy {
    range: TimeRange,
    merger: ChunkMerger,
    kept: Vec<Vec<ChunkView>>,
    out: Vec<ChunkView>,
}

impl Tidy {
    fn chunks<'s>(&'s mut self, series: &'s SourceSeries) -> Result<&'s [ChunkView], BlockError> {
        let mut before = None;
        let tidy = series.deleted.is_empty()
            && series.chunks.iter().all(|chunk| {
                let behind = before.is_none_or(|max| max < chunk.min);
                before = Some(chunk.max);
                behind && self.range.contains(chunk.min) && self.range.contains(chunk.max) && is_whole(chunk)
            });
        if tidy {
            return Ok(&series.chunks);
        }
        let Self { range, merger, kept, out } = self;
        let labels = format!("label symbols {:?}", series.labels);
        out.clear();
        kept[0].clear();
        keep(&series.chunks, &series.deleted, *range, &labels, &mut kept[0])?;
        merger.merge(kept, &labels, out)?;
        Ok(out)
    }
}
