//! What blocks cost: opening an index, finding series, merging.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use firesteel_base::vfs::{OsVfs, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, MatchType, Matcher};
use firesteel_storage::chunkenc::XorChunk;
use firesteel_storage::{ChunkBytes, ChunkView, Encoding, Queryable, Selection};
use firesteel_tsdb_block::{Block, BlockSpec, LabelledSource, Ulid, WriteOptions, compact, write_block};

const SERIES: usize = 20_000;

fn chunk(from: i64, seed: usize) -> ChunkView {
    let mut chunk = XorChunk::new();
    for k in 0..120 {
        chunk.push(TimestampMs(from + k * 15_000), ((k as usize * seed) % 31) as f64).expect("few samples");
    }
    let bytes: Arc<[u8]> = Arc::from(chunk.into_bytes());
    let len = bytes.len();
    ChunkView {
        min: TimestampMs(from),
        max: TimestampMs(from + 119 * 15_000),
        encoding: Encoding::Xor,
        samples: 120,
        bytes: ChunkBytes::Copied(bytes, 0..len),
    }
}

fn block(dir: &Path, number: u128, from: i64) -> Arc<Block> {
    let series = (0..SERIES).map(|i| {
        let labels = Labels::from_pairs([
            ("__name__", format!("metric_{}", i % 100)),
            ("instance", format!("host-{:04}.example.org:9100", i / 100)),
            ("job", format!("job-{}", i % 5)),
            ("pod", format!("pod-{i:06}")),
        ]);
        (labels, (0..4).map(|c| chunk(from + c * 1_800_000, i)).collect())
    });
    let spec = BlockSpec::of_head(Ulid::from_parts(1, number), from, from + 7_200_000);
    let mut source = LabelledSource::new(series.collect());
    let meta = write_block(&OsVfs, dir, &spec, &mut source, &mut WriteOptions::default());
    let meta = meta.expect("a write").expect("samples");
    Block::open(&OsVfs, &dir.join(meta.ulid.to_string())).expect("a block")
}

fn blocks(c: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path();
    let parents: Vec<Arc<Block>> = (0..3).map(|n| block(path, n as u128, n * 7_200_000)).collect();

    let mut group = c.benchmark_group("block");
    group.throughput(Throughput::Elements(SERIES as u64));
    group.bench_function("open", |b| b.iter(|| Block::open(&OsVfs, black_box(parents[0].dir())).expect("a block")));
    group.bench_function("merge three", |b| {
        b.iter(|| {
            let ulid = Ulid::from_parts(2, 1);
            compact(&OsVfs, path, &parents, ulid, &mut WriteOptions::default()).expect("a merge");
            OsVfs.remove_dir_all(&path.join(ulid.to_string())).expect("remove");
        });
    });
    group.finish();

    let mut group = c.benchmark_group("find");
    let matcher = |kind, name, value| Matcher::new(kind, name, value).expect("a pattern");
    let cases = [
        ("equal", vec![matcher(MatchType::Equal, "__name__", "metric_7"), matcher(MatchType::Equal, "job", "job-2")]),
        (
            "not equal",
            vec![matcher(MatchType::Equal, "__name__", "metric_7"), matcher(MatchType::NotEqual, "job", "job-1")],
        ),
        (
            "regex on few",
            vec![matcher(MatchType::Equal, "__name__", "metric_7"), matcher(MatchType::Regexp, "pod", ".*7$")],
        ),
        ("regex on all", vec![matcher(MatchType::Regexp, "pod", "pod-0.*7")]),
        ("alternatives", vec![matcher(MatchType::Regexp, "__name__", "metric_1|metric_2|metric_30")]),
    ];
    for (name, matchers) in &cases {
        let querier = parents[0].querier(TimeRange::ALL).expect("a querier");
        group.bench_function(*name, |b| {
            b.iter(|| {
                let what = Selection { matchers, ..Selection::default() };
                querier.label_values("job", black_box(&what)).expect("values")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, blocks);
criterion_main!(benches);
