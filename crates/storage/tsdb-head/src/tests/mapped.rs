//! Sealed chunks in files: seen as before, given back in time, and handed to blocks in order.

use std::path::Path;

use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_storage::{ChunkBytes, StorageError};
use firesteel_tsdb_block::{SeriesSource, SourceSeries};

use super::*;

const DIR: &str = "/data/chunks_head";

/// A head with files, of small chunks.
fn head_with_files(vfs: &FaultVfs) -> Arc<Head> {
    let options = HeadOptions { chunk_range_ms: 100_000, samples_per_chunk: 8, ..HeadOptions::default() };
    let head = Head::new(options, Log::default());
    head.open_chunks_head(Arc::new(vfs.clone()), Path::new(DIR), i64::MIN, None).expect("opens");
    head
}

fn named(i: usize) -> Labels {
    labels(&[("__name__", "m"), ("i", &format!("{i:03}"))])
}

fn fill(head: &Arc<Head>, steps: std::ops::Range<i64>) {
    for step in steps {
        let sets: Vec<Labels> = (0..10).map(named).collect();
        let rows: Vec<(&Labels, i64, f64)> = sets.iter().map(|set| (set, step * 1000, step as f64)).collect();
        assert_eq!(append(head, &rows).0.appended, 10);
    }
}

#[test]
fn answers_are_the_same_before_and_after() {
    let vfs = FaultVfs::new();
    let head = head_with_files(&vfs);
    fill(&head, 0..90);
    let before = all(&head, &[]);
    let old = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
    let selected = old.select(&Selection { sorted: true, ..Selection::default() }).expect("selects");
    assert_eq!(head.map_chunks().expect("maps"), head.stats().chunks as usize - 10);
    assert_eq!((head.map_chunks().expect("maps"), head.stats().chunk_bytes), (0, 0));
    assert_eq!(all(&head, &[]), before);
    // What was selected before the mapping, and before later samples, sees neither.
    fill(&head, 90..120);
    head.map_chunks().expect("maps");
    assert_eq!(query(&old, &[], TimeRange::ALL), before);
    let mut chunks = Vec::new();
    selected.chunks(3, &mut chunks).expect("is there");
    assert_eq!(chunks.iter().map(|c| c.samples).sum::<u32>(), 90);
    assert!(chunks.iter().any(|c| matches!(c.bytes, ChunkBytes::Mapped(..))));
}

#[test]
fn truncation_waits_for_readers_and_removes_files() {
    let vfs = FaultVfs::new();
    let head = head_with_files(&vfs);
    for round in 0..5i64 {
        fill(&head, round * 100..(round + 1) * 100);
        head.map_chunks().expect("maps");
        assert_eq!(head.compactable(), round > 0);
        if round > 0 {
            let old = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
            let recent = HeadQuerier::new(
                Arc::clone(&head),
                TimeRange { min: TimestampMs(round * 100_000), max: TimestampMs(i64::MAX) },
            );
            let done = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    head.truncate(round * 100_000);
                    done.store(true, Ordering::Release);
                });
                while head.min_valid.load(Ordering::Relaxed) < round * 100_000 {
                    std::thread::yield_now();
                }
                assert_eq!(query(&old, &[], TimeRange::ALL)[0].1.len(), 200, "as long as somebody reads, it stays");
                assert!(!done.load(Ordering::Acquire));
                drop(old);
            });
            assert_eq!(query(&recent, &[], TimeRange::ALL)[0].1.len(), 100);
            assert!(!head.compactable());
        }
        let files = vfs.list(Path::new(DIR)).expect("lists").len();
        assert!(files <= 2, "{files} files in round {round}");
    }
    assert_eq!(head.truncate(i64::MAX).dead.len(), 10);
    assert_eq!((vfs.list(Path::new(DIR)).expect("lists").len(), head.chunks_head_bytes()), (0, 0));
}

#[test]
fn a_mapped_chunk_that_rots_is_an_error() {
    let vfs = FaultVfs::new();
    let head = head_with_files(&vfs);
    fill(&head, 0..90);
    head.map_chunks().expect("maps");
    let path = Path::new(DIR).join("000001");
    let (files, _) =
        chunks_head::ChunkFiles::open(Arc::new(vfs.clone()), Path::new(DIR), 0, chunks_head::ChunkRef::default())
            .expect("opens");
    drop(files);
    vfs.corrupt(&path, |bytes| bytes[60] ^= 1).expect("is there");
    // The twin's maps are copies: the next write takes a new one, as a system's map would show it at once.
    fill(&head, 90..120);
    head.map_chunks().expect("maps");
    let querier = HeadQuerier::new(Arc::clone(&head), TimeRange::ALL);
    let selected = querier.select(&Selection::default()).expect("selects");
    let mut failed = Vec::new();
    for i in 0..10 {
        if let Err(e) = selected.chunks(i, &mut Vec::new()) {
            assert!(matches!(&e, StorageError::Corrupt { path: at, .. } if *at == path), "{e}");
            failed.push(i);
        }
    }
    assert_eq!(failed.len(), 1, "the others are answered");
}

/// Least and greatest time of each chunk, and how many samples it has.
type Times = Vec<(i64, i64, u32)>;

/// Returns what a source yields, labels as text, with the times of the chunks.
fn drain(mut source: HeadSource) -> Vec<(String, Times)> {
    let (mut text, mut symbols) = (Vec::new(), Vec::new());
    while source.next_symbol(&mut text).expect("symbols") {
        symbols.push(String::from_utf8(text.clone()).expect("text"));
    }
    assert!(symbols.is_sorted_by(|a, b| a < b), "{symbols:?}");
    let (mut series, mut out) = (SourceSeries::default(), Vec::new());
    while source.next_series(&mut series).expect("series") {
        let labels = series.labels.iter().map(|l| format!("{}={},", symbols[l.0 as usize], symbols[l.1 as usize]));
        for chunk in &series.chunks {
            let bytes = chunk.bytes.as_slice();
            assert_eq!(u32::from(u16::from_be_bytes([bytes[0], bytes[1]])), chunk.samples, "the count is in front");
        }
        let chunks = series.chunks.iter().map(|c| (c.min.0, c.max.0, c.samples)).collect();
        out.push((labels.collect::<String>(), chunks));
    }
    out
}

#[test]
fn a_source_yields_series_in_label_order_with_the_chunks_of_its_range() {
    let vfs = FaultVfs::new();
    let head = head_with_files(&vfs);
    // More than a window, in another order than they are yielded, some without samples in the range.
    let sets: Vec<Labels> = (0..900usize)
        .map(|i| {
            let i = i * 7919 % 900;
            let pod = format!("pod-{i}");
            let mut pairs = vec![("__name__", if i % 3 == 0 { "a" } else { "b" }), ("pod", pod.as_str())];
            if i % 2 == 0 {
                pairs.push(("a", "x"));
            }
            if i % 5 == 0 {
                pairs.push(("Upper", "before the name"));
            }
            Labels::from_pairs(pairs)
        })
        .collect();
    for step in 0..240i64 {
        if step == 100 {
            head.map_chunks().expect("maps");
        }
        let rows: Vec<(&Labels, i64, f64)> = sets
            .iter()
            .enumerate()
            .filter(|(i, _)| (i % 4 == 0) == (step >= 150))
            .map(|(_, set)| (set, step * 1000, step as f64))
            .collect();
        append(&head, &rows);
    }
    for (from, to) in [(0, 99_999), (100_000, 199_999), (0, 239_000), (500_000, 600_000)] {
        let range = TimeRange { min: TimestampMs(from), max: TimestampMs(to) };
        let got = drain(head.source(range));
        let mut want: Vec<&Labels> = sets
            .iter()
            .enumerate()
            .filter(|(i, _)| if i % 4 == 0 { to >= 150_000 && from < 240_000 } else { from < 150_000 })
            .map(|(_, set)| set)
            .collect();
        want.sort();
        let text = |l: &&Labels| l.iter().map(|(n, v)| format!("{n}={v},")).collect::<String>();
        assert_eq!(got.iter().map(|g| g.0.clone()).collect::<Vec<_>>(), want.iter().map(text).collect::<Vec<_>>());
        for (labels, chunks) in &got {
            assert!(chunks.windows(2).all(|w| w[0].1 < w[1].0), "{labels}: {chunks:?}");
            assert!(chunks.iter().all(|c| c.0 <= to && c.1 >= from));
        }
        if (from, to) == (0, 239_000) {
            let samples: u32 = got.iter().flat_map(|g| &g.1).map(|c| c.2).sum();
            assert_eq!(u64::from(samples), head.counts.samples_appended.load(Ordering::Relaxed));
        }
    }
    // What a block takes before the appendable window, no later batch may add to.
    let late = head.time_range().expect("has samples").1 - head.options.chunk_range_ms / 2 - 1;
    assert_eq!(append(&head, &[(&sets[0], late, 1.0)]).1[0].why, AppendError::OutOfBounds);
    let mut source = head.source(TimeRange::ALL);
    while source.next_symbol(&mut Vec::new()).expect("symbols") {}
    head.truncate(100_000);
    assert!(source.next_series(&mut SourceSeries::default()).is_err(), "slots and pairs may have changed");
}
