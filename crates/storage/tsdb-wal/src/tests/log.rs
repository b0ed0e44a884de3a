//! Writing and reading back: sizes, segments, compression, tails, repair, checkpoints, failures.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{FaultVfs, Faults, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, MetricType, SeriesRef};
use firesteel_storage::Exemplar;

use crate::records::*;
use crate::*;

pub(super) const DIR: &str = "/data/wal";

pub(super) fn options() -> WalOptions {
    // Tests sync when they say so.
    WalOptions { sync_every: Duration::from_hours(1), compression: Compression::None, ..WalOptions::default() }
}

fn open(vfs: &FaultVfs, options: WalOptions) -> Wal {
    Wal::open(Arc::new(vfs.clone()), Path::new(DIR), options).expect("open the log")
}

fn read_all(vfs: &FaultVfs) -> Result<Vec<Vec<u8>>, WalError> {
    let mut reader = WalReader::open(Arc::new(vfs.clone()), Path::new(DIR))?;
    let mut all = Vec::new();
    while let Some(record) = reader.next_record()? {
        all.push(record.bytes.to_vec());
    }
    Ok(all)
}

/// A record of `len` bytes that compresses badly.
fn noise(len: usize) -> Vec<u8> {
    let mut x = len as u64 + 1;
    let mut next = || {
        x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (x >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn sizes() -> Vec<usize> {
    let page = PAGE_BYTES;
    vec![0, 1, 100, page - 7, page - 8, page - 6, page, 3 * page - 21, 3 * page, 200_000, 0, 5, page - 14, page - 15, 1]
}

#[test]
fn records_of_all_sizes_come_back() {
    for compression in [Compression::None, Compression::Snappy, Compression::Zstd] {
        for segment_bytes in [DEFAULT_SEGMENT_BYTES, 4 * PAGE_BYTES as u64] {
            let vfs = FaultVfs::new();
            let wal = open(&vfs, WalOptions { segment_bytes, compression, ..options() });
            let mut records: Vec<Vec<u8>> = sizes().into_iter().map(noise).collect();
            records.extend(sizes().into_iter().map(|n| vec![7; n]));
            for pair in records.chunks(2) {
                let pair: Vec<&[u8]> = pair.iter().map(Vec::as_slice).collect();
                assert_eq!(wal.log(&pair, OnFailure::Refuse).expect("log"), Logged::Written);
            }
            wal.close().expect("close");
            assert!(read_all(&vfs).expect("read") == records, "{compression:?}, segments of {segment_bytes}");
        }
    }
}

#[test]
fn compressed_records_are_smaller_and_only_then_kept() {
    let size = |compression| {
        let vfs = FaultVfs::new();
        let wal = open(&vfs, WalOptions { compression, ..options() });
        for _ in 0..50 {
            let _ = wal.log(&[&vec![1; 5000], &noise(100)], OnFailure::Refuse).expect("log");
        }
        wal.stats().record_part_bytes
    };
    assert!(size(Compression::None) >= 50 * 5114);
    assert!(size(Compression::Snappy) < 50 * 400);
    assert!(size(Compression::Zstd) < 50 * 200);
}

#[test]
fn every_start_opens_a_new_segment_and_a_torn_end_is_cut() {
    let vfs = FaultVfs::new();
    for start in 0..3u8 {
        let wal = open(&vfs, options());
        assert_eq!(wal.current_segment(), u64::from(start));
        let _ = wal.log(&[&[start; 10]], OnFailure::Refuse).expect("log");
        std::mem::forget(wal); // the process died: no padding
    }
    let path = segment_path(Path::new(DIR), 2);
    vfs.corrupt(&path, |bytes| bytes.truncate(9)).expect("tear");
    let Err(WalError::Corrupt(fault)) = read_all(&vfs) else { panic!("a torn record was read") };
    assert_eq!((fault.segment, fault.offset), (2, 0));
    repair(&vfs, Path::new(DIR), &fault).expect("repair");
    assert_eq!(read_all(&vfs).expect("repaired"), [vec![0; 10], vec![1; 10]]);
}

#[test]
fn repair_drops_all_behind_the_fault() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, WalOptions { segment_bytes: 2 * PAGE_BYTES as u64, ..options() });
    for i in 0..20u8 {
        let _ = wal.log(&[&vec![i; 10_000]], OnFailure::Refuse).expect("log");
    }
    wal.close().expect("close");
    let segments = list_segments(&vfs, Path::new(DIR)).expect("list");
    assert!(segments.len() > 3);
    vfs.corrupt(&segments[1].path, |bytes| bytes[25_000] ^= 1).expect("rot");
    let Err(WalError::Corrupt(fault)) = read_all(&vfs) else { panic!("rot was not seen") };
    assert_eq!((fault.segment, fault.offset), (1, 20_014));
    assert!(fault.to_string().starts_with("corruption in segment /data/wal/00000001 at 20014: unexpected checksum"));
    repair(&vfs, Path::new(DIR), &fault).expect("repair");
    let left = read_all(&vfs).expect("repaired");
    assert_eq!(left, (0..left.len() as u8).map(|i| vec![i; 10_000]).collect::<Vec<_>>());
    assert_eq!(left.len(), 8);
    assert_eq!(list_segments(&vfs, Path::new(DIR)).expect("list").len(), 2);
}

/// What a loss of power leaves when it takes the end of one page and not the next page.
#[test]
fn the_newest_segment_ends_at_a_hole() {
    for (later, expected) in [(false, 1), (true, 3)] {
        let vfs = FaultVfs::new();
        let wal = open(&vfs, options());
        // The second record ends its page: 14 bytes of headers and 10 of the first record are in it, too.
        let _ = wal.log(&[&[1; 10], &noise(PAGE_BYTES - 24), &[3; 10]], OnFailure::Refuse).expect("log");
        let path = segment_path(Path::new(DIR), 0);
        vfs.corrupt(&path, |bytes| bytes[17..PAGE_BYTES].fill(0)).expect("lose");
        if later {
            // A segment that was not the newest at the loss was synced: its padding is another writer's.
            wal.next_segment().expect("switch");
            let _ = wal.log(&[&[4; 10]], OnFailure::Refuse).expect("log");
            assert_eq!(read_all(&vfs).expect("read").len(), expected);
            continue;
        }
        let Err(WalError::Corrupt(fault)) = read_all(&vfs) else { panic!("the hole was not seen") };
        assert_eq!(fault.offset, PAGE_BYTES as u64);
        repair(&vfs, Path::new(DIR), &fault).expect("repair");
        assert_eq!(read_all(&vfs).expect("read").len(), expected);
    }
}

/// A page that is lost within a record does not join the parts around it.
#[test]
fn parts_around_a_lost_page_are_not_joined() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, options());
    let _ = wal.log(&[&noise(5 * PAGE_BYTES)], OnFailure::Refuse).expect("log");
    vfs.corrupt(&segment_path(Path::new(DIR), 0), |bytes| bytes[PAGE_BYTES..2 * PAGE_BYTES].fill(0)).expect("lose");
    let Err(WalError::Corrupt(fault)) = read_all(&vfs) else { panic!("the lost page was not seen") };
    assert_eq!((fault.offset, fault.why.as_str()), (0, "page ends inside a record"));
}

#[test]
fn a_tail_reader_follows_the_writer() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, options());
    let segment = list_segments(&vfs, Path::new(DIR)).expect("list").remove(0);
    let mut tail = TailReader::open(&vfs, segment).expect("open");
    assert_eq!(tail.next_record().expect("empty"), None);
    for n in [5, 70_000, 0, 32_000, 3, 1_200_000, 9] {
        let _ = wal.log(&[&noise(n), &noise(n + 1)], OnFailure::Refuse).expect("log");
        for n in [n, n + 1] {
            assert_eq!(tail.next_record().expect("read").expect("it is there").bytes, noise(n));
        }
        assert_eq!(tail.next_record().expect("read"), None);
        // A write that fails halfway is no record, and what takes its place is.
        vfs.set_faults(Faults { eio_at: Some(0), ..Faults::default() });
        assert!(wal.log(&[&noise(90_000)], OnFailure::Refuse).is_err());
        assert_eq!(tail.next_record().expect("read"), None);
    }
}

#[test]
fn a_failed_write_leaves_no_trace_and_kept_records_come_first() {
    for fault in
        [Faults { gone_from: Some(0), ..Faults::default() }, Faults { space_bytes: Some(70_000), ..Faults::default() }]
    {
        let vfs = FaultVfs::new();
        let wal = open(&vfs, options());
        let _ = wal.log(&[b"one"], OnFailure::Refuse).expect("log");
        vfs.set_faults(fault);
        assert!(wal.log(&[&noise(100_000)], OnFailure::Refuse).is_err());
        assert_eq!(wal.log(&[&noise(100_001)], OnFailure::Keep).expect("kept"), Logged::Kept);
        assert!(wal.log(&[b"refused"], OnFailure::Refuse).is_err(), "nothing overtakes what is kept");
        assert!(wal.stats().backlog_bytes > 100_000 && wal.stats().writes_failed >= 2);
        assert!(!wal.works());
        assert!(wal.write_fault().is_some_and(|e| e.to_string().contains("/data/wal/00000000")));
        vfs.set_faults(Faults::default());
        assert_eq!(wal.log(&[b"two"], OnFailure::Refuse).expect("log"), Logged::Written);
        assert_eq!(wal.stats().backlog_bytes, 0);
        wal.close().expect("close");
        assert_eq!(read_all(&vfs).expect("read"), [b"one".to_vec(), noise(100_001), b"two".to_vec()]);
    }
}

/// Nobody writes while everybody is refused, so that the log is asked whether it works.
#[test]
fn a_log_that_is_asked_knows_whether_it_works() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, WalOptions { segment_bytes: 4 * PAGE_BYTES as u64, ..options() });
    let _ = wal.log(&[&noise(3 * PAGE_BYTES)], OnFailure::Refuse).expect("log");
    assert!(wal.works());
    for faults in
        [Faults { gone_from: Some(0), ..Faults::default() }, Faults { space_bytes: Some(0), ..Faults::default() }]
    {
        vfs.set_faults(faults);
        assert!(!wal.works(), "{faults:?}");
    }
    vfs.set_faults(Faults { no_new_files: true, ..Faults::default() });
    let _ = wal.log(&[b"one"], OnFailure::Refuse).expect("there is room in the segment");
    assert!(wal.works());
    assert!(wal.log(&[&noise(2 * PAGE_BYTES)], OnFailure::Refuse).is_err());
    assert!(!wal.works(), "the next segment cannot be made");
    vfs.set_faults(Faults::default());
    assert!(wal.works());
    let _ = wal.log(&[b"two"], OnFailure::Refuse).expect("log");
    assert_eq!(wal.current_segment(), 1);
    wal.close().expect("close");
    assert_eq!(read_all(&vfs).expect("read"), [noise(3 * PAGE_BYTES), b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn a_sync_that_failed_is_remembered_until_one_works() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, options());
    for faulty in [false, true, true, false] {
        vfs.set_faults(Faults { no_syncs: faulty, ..Faults::default() });
        let _ = wal.log(&[b"one"], OnFailure::Refuse).expect("log");
        assert_eq!(wal.sync().is_err(), faulty);
        assert_eq!(wal.sync_fault().is_some(), faulty);
    }
    vfs.set_faults(Faults { no_syncs: true, ..Faults::default() });
    let _ = wal.log(&[b"one"], OnFailure::Refuse).expect("log");
    assert!(wal.sync().is_err() && wal.next_segment().is_err());
    vfs.set_faults(Faults::default());
    let _ = wal.next_segment().expect("syncs the old one");
    wal.sync().expect("nothing is left to be synced");
    assert!(wal.sync_fault().is_none());
}

#[test]
fn what_waits_for_a_full_disk_is_bounded() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, WalOptions { backlog_bytes: 50_000, ..options() });
    vfs.set_faults(Faults { gone_from: Some(0), ..Faults::default() });
    let outcomes: Vec<_> = (0..10).map(|_| wal.log(&[&noise(20_000)], OnFailure::Keep)).collect();
    assert!(matches!(outcomes[0], Ok(Logged::Kept)) && matches!(outcomes[9], Err(WalError::BacklogFull { .. })));
    assert!(wal.stats().backlog_bytes <= 50_000);
}

#[test]
fn many_threads_log_whole_batches_in_their_own_order() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, WalOptions { segment_bytes: 8 * PAGE_BYTES as u64, ..options() });
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let wal = &wal;
            scope.spawn(move || {
                for i in 0..200u8 {
                    let _ = wal.log(&[&[thread, i, 0], &[thread, i, 1]], OnFailure::Refuse).expect("log");
                }
            });
        }
    });
    wal.close().expect("close");
    assert!(matches!(wal.log(&[b"late"], OnFailure::Refuse), Err(WalError::Closed)));
    let all = read_all(&vfs).expect("read");
    for thread in 0..4u8 {
        let own: Vec<_> = all.iter().filter(|r| r[0] == thread).map(|r| (r[1], r[2])).collect();
        assert_eq!(own, (0..200).flat_map(|i| [(i, 0), (i, 1)]).collect::<Vec<_>>());
    }
    assert!(all.chunks(2).all(|pair| pair[0][..2] == pair[1][..2]), "batches are not mixed");
}

#[test]
fn the_syncing_thread_syncs() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, WalOptions { sync_every: Duration::from_millis(1), ..options() });
    let _ = wal.log(&[b"x"], OnFailure::Refuse).expect("log");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while wal.stats().unsynced_bytes > 0 {
        assert!(std::time::Instant::now() < deadline, "never synced");
        std::thread::yield_now();
    }
    assert!(wal.stats().syncs > 0);
}

#[test]
fn a_checkpoint_keeps_what_is_needed() {
    let vfs = FaultVfs::new();
    let wal = open(&vfs, WalOptions { segment_bytes: PAGE_BYTES as u64, ..options() });
    let labels = |i: u64| Labels::from_pairs([("__name__", "m".to_owned()), ("i", i.to_string())]);
    let help = |t: i64| format!("help {t}");
    for t in 0..100i64 {
        let mut records = vec![Vec::new(); 5];
        let i = t as u64 % 10;
        SeriesRecord::encode([(SeriesRef(i), &labels(i))], &mut records[0]);
        SamplesRecord::encode([(SeriesRef(i), TimestampMs(t), t as f64)], &mut records[1]);
        let range = TimeRange { min: TimestampMs(0), max: TimestampMs(t) };
        TombstonesRecord::encode([TombstoneEntry { series: SeriesRef(i), range }], &mut records[2]);
        let exemplar =
            Exemplar { series: SeriesRef(i), labels: labels(1), t: TimestampMs(t), v: 1.0, timestamped: true };
        ExemplarsRecord::encode([&exemplar], &mut records[3]);
        let text = help(t);
        let metadata =
            MetadataEntry { series: SeriesRef(i), metric_type: MetricType::Gauge, unit: b"", help: text.as_bytes() };
        MetadataRecord::encode([metadata], &mut records[4]);
        // An unknown record makes segments fill up, and is left out of checkpoints.
        records.push(vec![200; 10_000]);
        let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        let _ = wal.log(&records, OnFailure::Refuse).expect("log");
    }
    let before = list_segments(&vfs, Path::new(DIR)).expect("list").len();
    let stats = wal.checkpoint(&mut |s| s.0 != 3, TimestampMs(30)).expect("checkpoint").expect("there is enough");
    // It holds one of each for every time up to some; series 3 is gone.
    let is_needed = |t: &i64| *t >= 30 && (t % 10 != 3 || *t >= stats.samples as i64);
    let needless = (0..stats.samples as i64).filter(|t| !is_needed(t)).count() as u64;
    assert!(stats.series_dropped * 10 == stats.series && needless > 30);
    assert_eq!((stats.samples_dropped, stats.exemplars_dropped), (needless, needless));
    assert!(list_segments(&vfs, Path::new(DIR)).expect("list").len() < before / 2);
    wal.close().expect("close");
    let all = read_all(&vfs).expect("read");
    let times: Vec<i64> = all
        .iter()
        .filter(|r| RecordType::of(r) == Some(RecordType::Samples))
        .flat_map(|r| SamplesRecord::decode(r).expect("samples").map(|s| s.expect("a sample").t.0).collect::<Vec<_>>())
        .collect();
    assert_eq!(times, (30..100).filter(is_needed).collect::<Vec<_>>());
    let entries: Vec<(u64, String)> = all
        .iter()
        .filter(|r| RecordType::of(r) == Some(RecordType::Metadata))
        .flat_map(|r| MetadataRecord::decode(r).expect("metadata"))
        .map(|e| e.expect("an entry"))
        .map(|e| (e.series.0, String::from_utf8(e.help.to_vec()).expect("text")))
        .collect();
    assert!(entries.contains(&(9, help(99))) && !entries.contains(&(9, help(9))));
    let checkpoint = last_checkpoint(&vfs, Path::new(DIR)).expect("list").expect("it is there");
    let dir: &dyn Vfs = &vfs;
    assert_eq!(dir.list(Path::new(DIR)).expect("list").iter().filter(|e| e.is_dir).count(), 1, "{checkpoint:?}");
}
