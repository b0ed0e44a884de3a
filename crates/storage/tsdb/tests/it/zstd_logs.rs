//! `wal_compression: Zstd`: log, checkpoint and log of late samples are packed with it, and any start reads any of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use firesteel_tsdb::{Db, DbOptions};
use firesteel_tsdb_wal::Compression;

use crate::database::{Model, answer, append};

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Returns how many zstd frames the files in `dir` hold.
fn frames(dir: &Path) -> usize {
    let mut found = 0;
    for entry in fs::read_dir(dir).expect("lists").flatten().filter(|e| e.path().is_file()) {
        let bytes = fs::read(entry.path()).expect("reads");
        found += bytes.windows(4).filter(|w| *w == MAGIC).count();
    }
    found
}

#[test]
fn every_log_is_packed_and_read_whatever_the_next_start_says() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = |wal_compression| DbOptions {
        wal_compression,
        wal_segment_bytes: 32 << 10,
        min_block_duration: Duration::from_secs(1200),
        out_of_order_window: Duration::from_mins(10),
        ..DbOptions::new(dir.path())
    };
    let sub = |name: &str| dir.path().join(name);
    let mut model = Model::default();
    let mut t = 1_700_000_000_000;
    for (start, compression) in
        [Compression::Zstd, Compression::Snappy, Compression::None, Compression::Zstd].into_iter().enumerate()
    {
        let db = Db::open(options(compression)).expect("opens");
        assert_eq!(answer(&db), model.0, "start {start}");
        for round in 0..150 {
            t += 15_000;
            let rows: Vec<_> = (0..100).map(|i| (i, t, (t % 1_000_000) as f64 + i as f64)).collect();
            append(&db, &rows);
            model.add(&rows);
            let late: Vec<_> = (0..100).map(|i| (i, t - 40_000, 0.5)).collect();
            append(&db, &late);
            model.add(&late);
            if start == 0 && round == 99 {
                // Too little for a block as yet.
                assert!(frames(&sub("wal")) > 100 && frames(&sub("wbl")) > 50);
            }
        }
        for samples in model.0.values_mut() {
            samples.sort_unstable();
        }
        if start == 0 {
            db.compact().expect("compacts");
            let checkpoint = fs::read_dir(sub("wal"))
                .expect("lists")
                .flatten()
                .find(|e| e.file_name().to_string_lossy().starts_with("checkpoint."))
                .expect("a checkpoint");
            assert!(frames(&checkpoint.path()) > 0);
        }
        db.close().expect("closes");
    }
}
