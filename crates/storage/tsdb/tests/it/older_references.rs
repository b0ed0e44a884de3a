//! Another program ran on the directory in between, and knows series by references that only the older part of the log tells:
//! a start from a snapshot of ours must take what it logged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_base::vfs::OsVfs;
use firesteel_model::SeriesRef;
use firesteel_storage::{Appendable as _, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_wal::records::SamplesRecord;
use firesteel_tsdb_wal::{Logged, OnFailure, Wal, WalOptions};

use crate::database::{Model, answer, append, series};

const MINUTE: i64 = 60_000;
const START: i64 = 1_700_006_400_000;

fn still(dir: &Path) -> DbOptions {
    DbOptions { background: false, out_of_order_window: Duration::from_hours(10), ..DbOptions::new(dir) }
}

fn reference(db: &Arc<Db>, i: usize) -> SeriesRef {
    db.appender().series(&series(i), &SeriesMeta::default()).expect("is there")
}

/// Logs samples as the reference would: by the first reference of a series that it found in the log, in a new segment.
fn log_as_another(dir: &Path, log: &str, samples: &[(SeriesRef, i64, f64)]) {
    let wal = Wal::open(Arc::new(OsVfs), &dir.join(log), WalOptions::default()).expect("opens");
    let mut record = Vec::new();
    SamplesRecord::encode(samples.iter().map(|&(series, t, v)| (series, TimestampMs(t), v)), &mut record);
    assert_eq!(wal.log(&[&record], OnFailure::Refuse).expect("logs"), Logged::Written);
    wal.close().expect("closes");
}

#[test]
fn samples_under_the_first_reference_of_a_series_that_returned_are_taken() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(still(dir.path())).expect("opens");
    let mut model = Model::default();
    let mut add = |db: &Db, rows: &[(usize, i64, f64)]| {
        append(db, rows);
        model.add(rows);
    };
    // 1 and 3 stop, 2 goes on until their part of the head is a block; then 1 comes back.
    add(&db, &[(1, START, 1.0), (2, START, 1.0), (3, START, 1.0)]);
    let first = [1, 2, 3].map(|i| reference(&db, i));
    for step in 1..100 {
        add(&db, &[(2, START + step * 6 * MINUTE, step as f64)]);
    }
    db.compact().expect("compacts");
    assert_eq!(db.head_stats().series, 1);
    let mut t = START + 600 * MINUTE;
    add(&db, &[(1, t, 2.0), (2, t, 50.0)]);
    let again = reference(&db, 1);
    assert_ne!(again, first[0], "the series was to come back under a new reference");
    db.roll_snapshot().expect("writes");
    add(&db, &[(1, t + MINUTE, 3.0)]);
    db.close().expect("closes");

    t += 2 * MINUTE;
    log_as_another(dir.path(), "wal", &[(first[1], t, 51.0), (first[0], t, 4.0), (first[2], t, 5.0)]);
    log_as_another(dir.path(), "wal", &[(first[0], t + MINUTE, 6.0)]);
    log_as_another(dir.path(), "wbl", &[(first[0], t - 90 * MINUTE, 7.0)]);
    model.add(&[(2, t, 51.0), (1, t, 4.0), (3, t, 5.0), (1, t + MINUTE, 6.0), (1, t - 90 * MINUTE, 7.0)]);
    model.0.values_mut().for_each(|samples| samples.sort_by_key(|s| s.0));

    // The second start reads what the first one wrote of it.
    for start in 0..2 {
        let db = Db::open(still(dir.path())).expect("opens");
        let stats = db.replay_stats();
        assert!(stats.snapshot_chunks > 0, "start {start} read no snapshot: {stats:?}");
        assert_eq!((stats.unknown_refs, stats.unknown_late_refs), (0, 0));
        assert_eq!(answer(&db), model.0, "start {start}");
        let rows = [(1, t + (5 + start) * MINUTE, 8.0), (3, t + (5 + start) * MINUTE, 9.0)];
        append(&db, &rows);
        model.add(&rows);
        if start == 0 {
            db.roll_snapshot().expect("writes");
        }
        db.close().expect("closes");
    }
}
