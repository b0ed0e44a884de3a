//! Series to put into blocks, and what a querier finds in them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::Vfs;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, Matcher};
use firesteel_storage::chunkenc::{XorChunk, XorDecoder};
use firesteel_storage::{ChunkBytes, ChunkView, Encoding, Querier, Queryable, Selection};
use firesteel_tsdb_block::{Block, BlockMeta, BlockSpec, LabelledSource, Ulid, WriteOptions, write_block};

/// Series by labels, samples by time.
pub(crate) type Data = BTreeMap<Labels, BTreeMap<i64, f64>>;

pub(crate) fn range(min: i64, max: i64) -> TimeRange {
    TimeRange { min: TimestampMs(min), max: TimestampMs(max) }
}

pub(crate) fn chunk(samples: &[(i64, f64)]) -> ChunkView {
    let mut chunk = XorChunk::new();
    for &(t, v) in samples {
        chunk.push(TimestampMs(t), v).expect("few samples");
    }
    let bytes = chunk.into_bytes();
    let (first, last) = (samples[0].0, samples[samples.len() - 1].0);
    ChunkView {
        min: TimestampMs(first),
        max: TimestampMs(last),
        encoding: Encoding::Xor,
        samples: samples.len() as u32,
        bytes: ChunkBytes::Copied(Arc::from(bytes.as_slice()), 0..bytes.len()),
    }
}

/// Returns a source of the data in chunks of so many samples.
pub(crate) fn source(data: &Data, per_chunk: usize) -> LabelledSource {
    let series = data.iter().filter(|(_, samples)| !samples.is_empty()).map(|(labels, samples)| {
        let samples: Vec<(i64, f64)> = samples.iter().map(|(&t, &v)| (t, v)).collect();
        (labels.clone(), samples.chunks(per_chunk).map(chunk).collect())
    });
    LabelledSource::new(series.collect())
}

/// Writes a block of level 1 that holds the data.
pub(crate) fn write(vfs: &dyn Vfs, parent: &Path, number: u128, data: &Data) -> Option<BlockMeta> {
    let times = || data.values().flat_map(|samples| samples.keys().copied());
    let spec = BlockSpec::of_head(
        Ulid::from_parts(1_700_000_000_000, number),
        times().min().unwrap_or(0),
        times().max().unwrap_or(0) + 1,
    );
    write_block(vfs, parent, &spec, &mut source(data, 7), &mut WriteOptions::default()).expect("a write")
}

pub(crate) fn open(vfs: &dyn Vfs, parent: &Path, meta: &BlockMeta) -> Arc<Block> {
    Block::open(vfs, &parent.join(meta.ulid.to_string())).expect("a whole block")
}

/// Returns all that a selection finds; samples outside the range are left out.
pub(crate) fn select(block: &Block, range: TimeRange, matchers: &[Matcher]) -> Data {
    let querier = block.querier(range).expect("a querier");
    read(&*querier, range, matchers)
}

pub(crate) fn read(querier: &dyn Querier, range: TimeRange, matchers: &[Matcher]) -> Data {
    let selected = querier.select(&Selection { matchers, sorted: true, ..Selection::default() }).expect("a selection");
    let mut data = Data::new();
    let mut before: Option<&Labels> = None;
    for (i, series) in selected.series().iter().enumerate() {
        assert!(before.is_none_or(|b| *b < series.labels), "series come in order");
        before = Some(&series.labels);
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks");
        let samples = data.entry(series.labels.clone()).or_default();
        for chunk in &chunks {
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            let (mut t, mut v) = (vec![TimestampMs(0); 1000], vec![0.0; 1000]);
            let n = decoder.decode_batch(&mut t, &mut v).expect("a float chunk");
            assert_eq!((n as u32, t[0], t[n - 1]), (chunk.samples, chunk.min, chunk.max));
            let inside = t.iter().zip(&v).take(n).filter(|(t, _)| range.contains(**t));
            samples.extend(inside.map(|(t, v)| (t.0, *v)));
        }
    }
    data.retain(|_, samples| !samples.is_empty());
    data
}
