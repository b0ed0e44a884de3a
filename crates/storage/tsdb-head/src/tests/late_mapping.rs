//! Late chunks in files: marked in their log, found again by what marks them, and gone when blocks have them.

use std::path::Path;

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_storage::{ChunkBytes, ChunkView};
use firesteel_tsdb_wal::records::{MmapMarker, MmapMarkersRecord, SamplesRecord, SeriesRecord};
use firesteel_tsdb_wal::{Wal, WalOptions, WalReader};

use super::*;
use crate::chunks_head::{ChunkFiles, ChunkRef, NewChunk};

const DIR: &str = "/data";
const CAP: u16 = 8;
const BASE: i64 = 100_000_000;

fn options() -> HeadOptions {
    HeadOptions { out_of_order_window_ms: 50_000_000, out_of_order_cap: CAP, ..HeadOptions::default() }
}

fn read(vfs: &FaultVfs, dir: &str, mut each: impl FnMut(&[u8])) {
    let vfs: Arc<dyn Vfs> = Arc::new(vfs.clone());
    let mut reader = WalReader::open(vfs, &Path::new(DIR).join(dir)).expect("opens");
    while let Some(record) = reader.next_record().expect("is whole") {
        each(record.bytes);
    }
}

/// A head as a database opens it: files of chunks, both logs replayed and attached.
fn open(vfs: &FaultVfs) -> Arc<Head> {
    let head = Head::new(options(), Log::default());
    let shared: Arc<dyn Vfs> = Arc::new(vfs.clone());
    head.open_chunks_head(Arc::clone(&shared), &Path::new(DIR).join("chunks_head"), i64::MIN, None).expect("opens");
    let mut replay = Replay::new(&head);
    for dir in ["wal", "wbl"] {
        shared.create_dir_all(&Path::new(DIR).join(dir)).expect("creates");
    }
    for part in Path::new(DIR).ancestors() {
        shared.sync_dir(part).expect("syncs");
    }
    read(vfs, "wal", |record| replay.record(record).expect("decodes"));
    read(vfs, "wbl", |record| replay.late_record(record).expect("decodes"));
    replay.finish();
    for (log, dir) in [(&head.log, "wal"), (&head.late_log, "wbl")] {
        log.attach(Wal::open(Arc::clone(&shared), &Path::new(DIR).join(dir), WalOptions::default()).expect("opens"));
    }
    head
}

fn named(i: usize) -> Labels {
    labels(&[("i", &i.to_string())])
}

/// Appends one sample in order to `n` series, and late ones.
fn fill(head: &Head, n: usize, late: std::ops::Range<i64>) {
    let sets: Vec<Labels> = (0..n).map(named).collect();
    append(head, &sets.iter().map(|set| (set, BASE, 0.0)).collect::<Vec<_>>());
    for k in late {
        let rows: Vec<_> = sets.iter().map(|set| (set, BASE - 1_000_000 + (k * 7 % 61) * 1000, k as f64)).collect();
        assert_eq!(append(head, &rows).0.appended, n);
    }
}

/// All samples, each time once.
fn once(head: &Arc<Head>) -> Vec<(Labels, Samples)> {
    let mut found = all(head, &[]);
    for (_, samples) in &mut found {
        samples.sort_unstable();
        samples.dedup();
    }
    found
}

fn chunks_of(head: &Arc<Head>, i: usize) -> Vec<ChunkView> {
    let querier = HeadQuerier::new(Arc::clone(head), TimeRange::ALL);
    let matchers = [Matcher::equal("i", &i.to_string())];
    let selected = querier.select(&Selection { matchers: &matchers, ..Selection::default() }).expect("selects");
    let mut chunks = Vec::new();
    selected.chunks(0, &mut chunks).expect("are there");
    chunks
}

fn mapped(head: &Arc<Head>, i: usize) -> usize {
    chunks_of(head, i).iter().filter(|c| matches!(c.bytes, ChunkBytes::Mapped(..))).count()
}

fn markers(vfs: &FaultVfs) -> Vec<MmapMarker> {
    let mut found = Vec::new();
    read(vfs, "wbl", |record| {
        if let Ok(markers) = MmapMarkersRecord::decode(record) {
            found.extend(markers.map(|m| m.expect("decodes")));
        }
    });
    found
}

#[test]
fn full_late_chunks_are_mapped_and_found_again() {
    let vfs = FaultVfs::new();
    let head = open(&vfs);
    fill(&head, 20, 0..60);
    let before = once(&head);
    assert_eq!((before.len(), before[0].1.len(), mapped(&head, 3)), (20, 61, 0));
    let in_memory = |head: &Head| head.shards.iter().map(|s| s.lock().sealed_bytes()).sum::<usize>();
    assert!(in_memory(&head) > 20 * 7 * 20);
    // 60 samples: seven full chunks, and four samples that wait for more.
    assert_eq!(head.map_chunks().expect("maps"), 20 * 7);
    assert_eq!((once(&head) == before, mapped(&head, 3)), (true, 7));
    assert_eq!((in_memory(&head), head.waiting_bytes()), (0, 0));
    assert_eq!(head.map_chunks().expect("maps"), 0);
    assert_eq!(markers(&vfs).len(), 20 * 7);
    let killed = vfs.crash(Crash::LoseNothing);
    let again = open(&killed);
    assert_eq!((once(&again) == before, mapped(&again, 3)), (true, 7));
    assert!(!again.has_lost_markers());
    assert_eq!((in_memory(&again), again.waiting_bytes()), (0, 0), "nothing is in memory that is in files");
    // It goes on: late samples complete the chunk that was open.
    fill(&again, 20, 60..61);
    fill(&again, 20, 61..75);
    again.map_chunks().expect("maps");
    assert!(mapped(&again, 3) >= 8);
    let (want, third) = (once(&again), open(&killed.crash(Crash::LoseNothing)));
    assert_eq!(once(&third), want);
}

#[test]
fn what_comes_between_filling_and_mapping_is_logged_again() {
    let vfs = FaultVfs::new();
    let head = open(&vfs);
    fill(&head, 3, 0..20);
    head.map_chunks().expect("maps");
    // Two chunks a series, four samples behind them. Upstream's replay takes a marker for the end of all that came before.
    let mut open_of = std::collections::BTreeMap::<SeriesRef, Vec<i64>>::new();
    read(&vfs, "wbl", |record| {
        if let Ok(markers) = MmapMarkersRecord::decode(record) {
            markers.for_each(|m| open_of.entry(m.expect("decodes").series).or_default().clear());
        } else {
            for sample in SamplesRecord::decode(record).expect("samples") {
                let sample = sample.expect("decodes");
                open_of.entry(sample.series).or_default().push(sample.t.0);
            }
        }
    });
    let want: Vec<i64> = (16..20i64).map(|k| BASE - 1_000_000 + (k * 7 % 61) * 1000).collect();
    assert_eq!(open_of.len(), 3);
    for times in open_of.into_values() {
        let mut times = times;
        times.sort_unstable();
        let mut want = want.clone();
        want.sort_unstable();
        assert_eq!(times, want);
    }
}

#[test]
fn nothing_is_mapped_while_a_cut_is_under_way() {
    let vfs = FaultVfs::new();
    let head = open(&vfs);
    fill(&head, 5, 0..20);
    head.map_chunks().expect("maps");
    fill(&head, 5, 20..40);
    let cut = head.begin_out_of_order_cut().expect("begins").expect("there are some");
    assert_eq!(head.map_chunks().expect("waits"), 0);
    head.cancel_out_of_order_cut(&cut);
    // Three full ones, and those that the cut ended.
    assert_eq!(head.map_chunks().expect("maps"), 5 * 3);
    let all_of_it = once(&head);
    assert_eq!(once(&open(&vfs.crash(Crash::LoseNothing))), all_of_it);
    let cut = head.begin_out_of_order_cut().expect("begins").expect("there are some");
    fill(&head, 5, 40..50);
    assert_eq!(head.end_out_of_order_cut(&cut).expect("ends"), 5 * 5);
    assert_eq!(head.map_chunks().expect("maps"), 5);
    // The samples of the cut are in blocks: neither log nor files bring them back.
    let left = once(&head);
    assert_eq!(left[0].1.len(), 11);
    let again = open(&vfs.crash(Crash::LoseNothing));
    assert_eq!(once(&again), left);
    assert_eq!(markers(&vfs).len(), 5);
    assert!(!again.has_lost_markers());
    // And the files go with the last of what they hold.
    let cut = head.begin_out_of_order_cut().expect("begins").expect("there are some");
    head.end_out_of_order_cut(&cut).expect("ends");
    assert_eq!(head.chunks_head_bytes(), 0);
    assert_eq!(head.out_of_order_range(), None);
}

#[test]
fn what_cannot_be_marked_stays_in_memory() {
    let vfs = FaultVfs::new();
    let head = open(&vfs);
    fill(&head, 4, 0..20);
    let before = once(&head);
    for nth in 0..40 {
        vfs.set_faults(Faults { eio_at: Some(nth), ..Faults::default() });
        let done = head.map_chunks();
        let through = vfs.calls() <= nth;
        vfs.set_faults(Faults::default());
        assert_eq!(once(&head), before, "call {nth} failed: {done:?}");
        for how in [Crash::LoseNothing, Crash::Dice { seed: nth }] {
            head.log.wal().expect("attached").sync().expect("syncs");
            head.late_log.wal().expect("attached").sync().expect("syncs");
            let again = open(&vfs.crash(how));
            assert_eq!(once(&again), before, "call {nth} failed, {how:?}: {done:?}");
        }
        if through && done.is_ok() && head.map_chunks().expect("maps") == 0 {
            assert_eq!(mapped(&head, 1), 2);
            return;
        }
    }
    panic!("it does not come to an end");
}

/// Replays a log of late samples over chunks that are there; returns the times in memory and those of chunks in files.
fn replayed(files: &[(u64, &[i64])], log: &[Entry]) -> (Vec<i64>, Vec<i64>, bool) {
    let vfs = FaultVfs::new();
    let shared: Arc<dyn Vfs> = Arc::new(vfs.clone());
    let dir = Path::new(DIR).join("chunks_head");
    let (to, _) = ChunkFiles::open(Arc::clone(&shared), &dir, i64::MIN, ChunkRef::default()).expect("opens");
    let places: Vec<u64> = files
        .iter()
        .map(|(series, times)| {
            let mut chunk = firesteel_storage::chunkenc::XorChunk::new();
            times.iter().for_each(|t| chunk.push(TimestampMs(*t), 1.0).expect("fits"));
            let bytes = chunk.into_bytes();
            let new = NewChunk {
                series: SeriesRef(*series & 0xff),
                range: (times[0], times[times.len() - 1]),
                encoding: 1,
                out_of_order: *series < 0x100,
                from: 0,
                to: bytes.len() as u32,
            };
            to.append_one(new, &bytes).expect("is written").0.0
        })
        .collect();
    to.sync().expect("syncs");
    drop(to);
    let head = Head::new(options(), Log::default());
    head.open_chunks_head(shared, &dir, i64::MIN, None).expect("opens");
    let mut replay = Replay::new(&head);
    let mut record = Vec::new();
    let (one, two) = (named(1), named(2));
    SeriesRecord::encode([(SeriesRef(1), &one), (SeriesRef(2), &two)], &mut record);
    replay.record(&record).expect("decodes");
    for entry in log {
        record.clear();
        match entry {
            Entry::Samples(times) => {
                SamplesRecord::encode(times.iter().map(|t| (SeriesRef(1), TimestampMs(*t), 1.0)), &mut record);
            }
            Entry::Marker(of) => {
                let chunk = places.get(*of).copied().unwrap_or(*of as u64);
                MmapMarkersRecord::encode([MmapMarker { series: SeriesRef(1), chunk }], &mut record);
            }
        }
        replay.late_record(&record).expect("decodes");
    }
    replay.finish();
    let (mut memory, mut in_files) = (Vec::new(), Vec::new());
    if head.out_of_order_range().is_some() {
        for chunk in chunks_of(&head, 1) {
            let mut decoder = XorDecoder::with_samples(chunk.bytes.as_slice(), chunk.samples);
            let (mut t, mut v) = ([TimestampMs(0); 64], [0.0; 64]);
            let n = decoder.decode_batch(&mut t, &mut v).expect("decodes");
            let to = if matches!(chunk.bytes, ChunkBytes::Mapped(..)) { &mut in_files } else { &mut memory };
            to.extend(t[..n].iter().map(|t| t.0));
        }
    }
    memory.sort_unstable();
    in_files.sort_unstable();
    (memory, in_files, head.has_lost_markers())
}

#[derive(Clone, Debug)]
enum Entry {
    /// Of series 1.
    Samples(Vec<i64>),
    /// Of series 1, naming the chunk of this number; beyond them: that place.
    Marker(usize),
}

#[test]
fn a_marker_takes_out_what_its_chunk_holds_and_nothing_else() {
    use Entry::{Marker, Samples};
    let few = |times: &[i64]| Samples(times.to_vec());
    let many = |times: std::ops::Range<i64>| Samples(times.collect());
    let check = |files: &[(u64, &[i64])], log: &[Entry], memory: &[i64], in_files: &[i64], lost: bool| {
        let (got_memory, got_files, got_lost) = replayed(files, log);
        assert_eq!((&got_memory[..], &got_files[..], got_lost), (memory, in_files, lost), "{files:?} {log:?}");
    };
    let one: &[(u64, &[i64])] = &[(1, &[1, 2, 3])];
    // As upstream writes it, and with samples that came between filling and mapping.
    check(one, &[few(&[1, 2, 3]), Marker(0), few(&[4])], &[4], &[1, 2, 3], false);
    check(one, &[few(&[2, 1, 3, 4, 5]), Marker(0)], &[4, 5], &[1, 2, 3], false);
    check(one, &[few(&[2, 1, 3, 4, 5]), Marker(0), few(&[4, 5, 6])], &[4, 5, 6], &[1, 2, 3], false);
    // Unmarked: the log has it, or a block.
    check(one, &[], &[], &[], false);
    check(one, &[few(&[1, 2, 3, 4])], &[1, 2, 3, 4], &[], false);
    // The log before the marker is gone.
    check(one, &[Marker(0), few(&[9])], &[9], &[1, 2, 3], false);
    // Named twice, as by a log that was written anew beside the old one.
    check(one, &[few(&[1, 2, 3]), Marker(0), few(&[7]), Marker(0), few(&[7])], &[7], &[1, 2, 3], false);
    // Places where no such chunk is: beyond all, inside the chunk, of another series, of one in order.
    check(one, &[few(&[1, 2, 3]), Marker(77_777_777_777), few(&[4])], &[1, 2, 3, 4], &[], true);
    check(one, &[few(&[1, 2, 3]), Marker((1 << 32) + 9)], &[1, 2, 3], &[], true);
    check(&[(2, &[1, 2, 3])], &[few(&[1, 2, 3]), Marker(0)], &[1, 2, 3], &[], true);
    check(&[(0x101, &[1, 2, 3])], &[few(&[5, 6]), Marker(0)], &[5, 6], &[1, 2, 3], true);
    // A place that was given out again: the samples from before are nowhere else.
    check(one, &[few(&[11, 12]), Marker(0), few(&[1, 2, 3]), Marker(0)], &[11, 12], &[1, 2, 3], false);
    // No chunk before: upstream's zero.
    check(one, &[few(&[1, 2]), Marker(0), Entry::Marker(usize::MAX)], &[], &[1, 2, 3], true);
    check(&[], &[few(&[1, 2]), Marker(0)], &[1, 2], &[], false);
    // More than a chunk in memory: the same chunk, another cut of the same samples, a time that comes twice.
    let eight: Vec<i64> = (0..8).collect();
    check(&[(1, &eight)], &[many(0..8), many(8..12), Marker(0)], &[8, 9, 10, 11], &eight, false);
    check(&[(1, &[1, 3, 9])], &[many(0..12), Marker(0)], &[0, 2, 4, 5, 6, 7, 8, 10, 11], &[1, 3, 9], false);
    check(&[(1, &eight)], &[many(0..8), few(&[20, 3, 5]), Marker(0)], &[3, 5, 20], &eight, false);
    check(&[(1, &[3])], &[many(0..9), few(&[3]), Marker(0)], &[0, 1, 2, 3, 4, 5, 6, 7, 8], &[3], false);
}

#[test]
fn a_log_with_lost_markers_is_written_anew() {
    let vfs = FaultVfs::new();
    let head = open(&vfs);
    fill(&head, 6, 0..20);
    head.map_chunks().expect("maps");
    fill(&head, 6, 20..30);
    let want = once(&head);
    let late = head.late_log.wal().expect("attached");
    let lost = MmapMarker { series: SeriesRef(1), chunk: ChunkRef::new(9, 8).0 };
    let mut record = Vec::new();
    MmapMarkersRecord::encode([lost], &mut record);
    let logged = late.log(&[&record], firesteel_tsdb_wal::OnFailure::Refuse).expect("logs");
    assert_eq!(logged, firesteel_tsdb_wal::Logged::Written);
    late.sync().expect("syncs");
    let again = open(&vfs.crash(Crash::LoseNothing));
    assert_eq!((once(&again), again.has_lost_markers()), (want.clone(), true));
    let vfs = vfs.crash(Crash::LoseNothing);
    let again = open(&vfs);
    let late = again.late_log.wal().expect("attached");
    let own = late.current_segment();
    again.settle_lost_markers().expect("writes");
    // Before the old log goes, and after.
    assert_eq!(once(&open(&vfs.crash(Crash::LoseAll))), want);
    late.truncate(own).expect("truncates");
    let again = open(&vfs.crash(Crash::LoseNothing));
    assert_eq!((once(&again), again.has_lost_markers(), mapped(&again, 0)), (want, false, 2));
    assert!(!markers(&vfs).contains(&lost));
}

#[test]
fn what_the_log_of_a_lost_series_says_is_not_given_to_another() {
    let vfs = FaultVfs::new();
    let head = open(&vfs);
    fill(&head, 3, 0..20);
    // Of the two logs only this one was synced when power went.
    head.late_log.wal().expect("attached").sync().expect("syncs");
    let vfs = vfs.crash(Crash::LoseAll);
    let head = open(&vfs);
    assert_eq!(all(&head, &[]), []);
    append(&head, &[(&named(9), BASE, 1.0), (&named(1), BASE, 2.0)]);
    let held = once(&head);
    assert_eq!((held.len(), held[0].1.len()), (2, 1));
    assert_eq!(once(&open(&vfs.crash(Crash::LoseNothing))), held);
}
