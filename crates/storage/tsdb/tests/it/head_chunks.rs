//! Sealed chunks in files: whatever happens to the files or the machine, answers are those of the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_model::stale_nan;
use firesteel_tsdb::{Db, DbOptions, Retention};

use crate::database::{Answer, Model, answer, append};

fn options(dir: &Path, vfs: &FaultVfs) -> DbOptions {
    DbOptions {
        vfs: Arc::new(vfs.clone()) as Arc<dyn Vfs>,
        samples_per_chunk: 8,
        min_block_duration: Duration::from_secs(600),
        wal_segment_bytes: 32 << 10,
        no_lockfile: true,
        ..DbOptions::new(dir)
    }
}

fn files(vfs: &FaultVfs, dir: &Path) -> usize {
    vfs.list(&dir.join("chunks_head")).map_or(0, |files| files.len())
}

/// A generator whose every seed tells another story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

type Rows = Vec<(usize, i64, f64)>;

fn of(batches: &[Rows], from: i64) -> Answer {
    let mut model = Model::default();
    for rows in batches {
        model.add(rows);
    }
    since(&model.0, from)
}

fn since(answer: &Answer, from: i64) -> Answer {
    let kept = |samples: &Vec<(i64, u64)>| samples.iter().copied().filter(|s| s.0 >= from).collect::<Vec<_>>();
    answer.iter().map(|(l, s)| (l.clone(), kept(s))).filter(|(_, s)| !s.is_empty()).collect::<BTreeMap<_, _>>()
}

/// A series that went and came again is known by two references after a restart; what came under the second is older than what
/// is mapped under the first since.
#[test]
fn chunks_of_two_references_are_put_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let mut model = Model::default();
    let open = |vfs: &FaultVfs| Db::open(DbOptions { background: false, ..options(dir.path(), vfs) }).expect("opens");
    let mut t = 0;
    let mut fill = |db: &Db, n: i64, which: &[usize], model: &mut Model| {
        for _ in 0..n {
            t += 10_000;
            let rows: Rows = which.iter().map(|i| (*i, t, t as f64)).collect();
            append(db, &rows);
            model.add(&rows);
        }
    };
    let db = open(&vfs);
    fill(&db, 10, &[1, 2], &mut model);
    fill(&db, 120, &[2], &mut model);
    db.compact().expect("compacts");
    drop(db);
    let mut disk = vfs.crash(Crash::LoseNothing);
    for round in 0..5 {
        let db = open(&disk);
        assert_eq!(answer(&db), model.0, "round {round}");
        // A start lets go of series whose samples are all in blocks; the log still has their records.
        assert_eq!(db.head_stats().series, if round == 0 { 1 } else { 2 });
        fill(&db, 21, &[1, 2], &mut model);
        db.map_chunks().expect("maps");
        assert_eq!(answer(&db), model.0, "round {round}");
        disk = disk.crash(Crash::LoseNothing);
    }
}

#[test]
fn mapped_chunks_are_read_and_not_replayed() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let mut model = Model::default();
    for round in 0..4i64 {
        let db = Db::open(options(dir.path(), &vfs)).expect("opens");
        assert_eq!(answer(&db), model.0, "round {round}");
        let replay = db.replay_stats();
        assert_eq!(replay.mmap_chunks > 0, round > 0);
        // Only the open chunks come from the log.
        assert!(replay.samples <= 20 * 16, "{replay:?}");
        for step in 0..100 {
            let t = 1_000_000 + (round * 100 + step) * 1000;
            let rows: Rows = (0..20).map(|i| (i, t, (step * i as i64) as f64)).collect();
            append(&db, &rows);
            model.add(&rows);
            if step == 50 {
                db.compact().expect("compacts");
                assert_eq!(db.head_stats().chunk_bytes, 0, "all that is sealed is in files");
            }
        }
        assert_eq!(answer(&db), model.0);
        db.close().expect("closes");
    }
}

#[test]
fn broken_files_are_filled_from_the_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(options(dir.path(), &vfs)).expect("opens");
    let mut model = Model::default();
    for step in 0..200i64 {
        let rows: Rows = (0..20).map(|i| (i, 1_000_000 + step * 1000, (step * i as i64) as f64)).collect();
        append(&db, &rows);
        model.add(&rows);
    }
    db.close().expect("closes");
    let path = dir.path().join("chunks_head/000001");
    let len = vfs.open_read(&path).and_then(|f| f.len()).expect("is there") as usize;
    type Break = fn(&mut Vec<u8>, usize);
    let breaks: [(&str, Break); 6] = [
        ("magic", |bytes, _| bytes[0] ^= 1),
        ("cut", |bytes, len| bytes.truncate(len / 2)),
        ("rot", |bytes, len| bytes[len / 3] ^= 8),
        ("rubbish behind", |bytes, _| bytes.extend([7; 100])),
        ("empty", |bytes, _| bytes.clear()),
        ("zeros behind", |bytes, _| bytes.extend([0; 10_000])),
    ];
    for (what, change) in breaks {
        let broken = vfs.crash(Crash::LoseNothing);
        broken.corrupt(&path, |bytes| change(bytes, len)).expect("is there");
        for _ in 0..2 {
            let db = Db::open(options(dir.path(), &broken)).expect("opens");
            assert_eq!(answer(&db), model.0, "{what}");
            assert_eq!(db.replay_stats().unknown_refs, 0);
            db.close().expect("closes");
        }
    }
    vfs.remove_dir_all(&dir.path().join("chunks_head")).expect("removes");
    let db = Db::open(options(dir.path(), &vfs)).expect("opens");
    assert_eq!(answer(&db), model.0, "all files gone");
}

/// Appends, mapping, truncation, checkpoints and restarts until power is lost: what opens then is a prefix of the batches,
/// whole ones, with all that was synced.
#[test]
fn power_is_lost_over_files_and_log() {
    for seed in 0..150u64 {
        let dir = tempfile::tempdir().expect("a directory");
        let mut dice = Dice(seed);
        let mut vfs = FaultVfs::new();
        vfs.create_dir_all(dir.path()).expect("a directory");
        dir.path().ancestors().for_each(|dir| vfs.sync_dir(dir).expect("syncs"));
        let retention = (seed % 3 == 0).then(|| Duration::from_secs(700));
        let options = |vfs: &FaultVfs| DbOptions {
            retention: retention.map_or(Retention::UNLIMITED, Retention::of_time),
            ..options(dir.path(), vfs)
        };
        let mut db = Db::open(options(&vfs)).expect("opens");
        let mut batches: Vec<Rows> = Vec::new();
        let mut synced = 0;
        let mut t = 1_000_000;
        for life in 0..3 {
            for _ in 0..dice.below(120) {
                t += 1000 + dice.below(20_000) as i64;
                let n = 1 + dice.below(8) as usize;
                let first = dice.below(6) as usize;
                let rows: Rows = (first..first + n).map(|i| (i, t, dice.below(1000) as f64)).collect();
                append(&db, &rows);
                batches.push(rows);
                match dice.below(20) {
                    0 => {
                        db.sync().expect("syncs");
                        synced = batches.len();
                    }
                    1 => db.compact().expect("compacts"),
                    2 => db.roll_snapshot().expect("writes a snapshot"),
                    _ => {}
                }
            }
            if dice.below(3) == 0 {
                db.close().expect("closes");
                synced = batches.len();
            }
            let after = vfs.crash(match dice.below(4) {
                0 => Crash::LoseAll,
                1 => Crash::LoseNothing,
                _ => Crash::Dice { seed: seed * 10 + life },
            });
            drop(db);
            db = Db::open(options(&after)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            let from = retention.map_or(i64::MIN, |r| t - r.as_millis() as i64);
            let got = since(&answer(&db), from);
            let whole = (synced..=batches.len()).rev().find(|&n| of(&batches[..n], from) == got);
            let Some(whole) = whole else {
                let all = of(&batches, from);
                panic!("seed {seed}, life {life}: {synced} of {} synced; got {got:?} of {all:?}", batches.len())
            };
            batches.truncate(whole);
            synced = whole;
            vfs = after;
        }
    }
}

#[test]
fn a_disk_that_fails_keeps_chunks_in_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(options(dir.path(), &vfs)).expect("opens");
    let mut model = Model::default();
    let mut step = 0;
    for phase in 0..6 {
        vfs.set_faults(match phase {
            1 => Faults { space_bytes: Some(0), ..Faults::default() },
            3 => Faults { gone_from: Some(0), ..Faults::default() },
            5 => Faults { eio_at: Some(30), ..Faults::default() },
            _ => Faults::default(),
        });
        for _ in 0..30 {
            step += 1;
            let rows: Rows = (0..20).map(|i| (i, step * 1000, step as f64)).collect();
            append(&db, &rows);
            model.add(&rows);
        }
        db.compact().expect("compacts");
        assert_eq!(answer(&db), model.0, "phase {phase}");
        if phase != 5 {
            assert_eq!(db.head_stats().chunk_bytes > 0, phase % 2 == 1, "phase {phase}");
        }
    }
    vfs.set_faults(Faults::default());
    db.compact().expect("compacts");
    assert!(db.sync().is_ok() && files(&vfs, dir.path()) > 0);
    let after = vfs.crash(Crash::LoseNothing);
    drop(db);
    let db = Db::open(options(dir.path(), &after)).expect("opens");
    assert_eq!(answer(&db), model.0);
}

/// What a start reads of the log is what came after the snapshot, and answers are the same with it, without it, and with one
/// that does not fit.
#[test]
fn a_snapshot_bounds_the_replay() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let db = Db::open(options(dir.path(), &vfs)).expect("opens");
    let mut model = Model::default();
    let mut step = 0;
    let mut write = |db: &Arc<Db>, model: &mut Model, steps: usize| {
        for _ in 0..steps {
            step += 1;
            let stale = step % 50 == 20;
            let rows: Rows = (0..20)
                .map(|i| {
                    (
                        i + step / 100,
                        1_000_000 + step as i64 * 1000,
                        if stale { stale_nan() } else { (step * i) as f64 },
                    )
                })
                .collect();
            append(db, &rows);
            model.add(&rows);
        }
    };
    write(&db, &mut model, 203);
    db.roll_snapshot().expect("writes");
    write(&db, &mut model, 17);
    let stats = db.head_stats();
    let after = vfs.crash(Crash::LoseNothing);
    drop(db);
    let open = |vfs: &FaultVfs| Db::open(options(dir.path(), vfs)).expect("opens");
    let path = dir.path().join("firesteel/head_snapshot");
    let len = after.open_read(&path).and_then(|f| f.len()).expect("is there") as usize;
    {
        let copy = after.crash(Crash::LoseNothing);
        let db = open(&copy);
        let replay = db.replay_stats();
        assert_eq!(answer(&db), model.0);
        assert!(replay.snapshot_chunks >= 20 && replay.samples <= 17 * 20, "{replay:?}");
        assert_eq!((replay.unknown_refs, replay.undecodable_records, replay.series), (0, 0, 22));
        assert_eq!((db.head_stats().series, db.head_stats().stale_series), (stats.series, stats.stale_series));
        // Goes on where it was, and once more from a snapshot of that.
        let mut model = Model(model.0.clone());
        let rows: Rows = (0..30).map(|i| (i, 2_000_000, 1.0)).collect();
        append(&db, &rows);
        model.add(&rows);
        db.roll_snapshot().expect("writes");
        let copy = copy.crash(Crash::LoseNothing);
        drop(db);
        assert_eq!(answer(&open(&copy)), model.0);
    }
    type Break = fn(&mut Vec<u8>, usize);
    let breaks: [(&str, Break); 5] = [
        ("magic", |bytes, _| bytes[3] ^= 1),
        ("rot", |bytes, len| bytes[len / 2] ^= 1),
        ("cut", |bytes, len| bytes.truncate(len - 30)),
        ("cut between blocks", |bytes, _| bytes.truncate(8)),
        ("empty", |bytes, _| bytes.clear()),
    ];
    for (what, change) in breaks {
        let broken = after.crash(Crash::LoseNothing);
        broken.corrupt(&path, |bytes| change(bytes, len)).expect("is there");
        let db = open(&broken);
        assert_eq!(answer(&db), model.0, "{what}");
        assert_eq!(db.replay_stats().snapshot_chunks, 0, "{what}");
    }
    // Beside another log.
    let bytes = (&after as &dyn Vfs).read(&path).expect("is there");
    let other = FaultVfs::new();
    let db = open(&other);
    let rows: Rows = (0..5).map(|i| (i, 3_000_000, 5.0)).collect();
    append(&db, &rows);
    let want = answer(&db);
    db.close().expect("closes");
    other.create_dir_all(&dir.path().join("firesteel")).expect("a directory");
    other.create(&path).and_then(|file| file.write_all_at(&bytes, 0)).expect("writes");
    let db = open(&other);
    assert_eq!((answer(&db), db.replay_stats().snapshot_chunks), (want, 0));
    // Without files of chunks the log must be read from its begin.
    after.remove_dir_all(&dir.path().join("chunks_head")).expect("removes");
    let db = open(&after);
    assert_eq!((answer(&db), db.replay_stats().snapshot_chunks), (model.0, 0));
}

/// Many series, some of whose chunks are in files that came before the snapshot and after it: all shards are filled beside
/// each other, and what follows goes on in the chunks that were open.
#[test]
fn a_snapshot_of_many_series_fills_the_head() {
    let dir = tempfile::tempdir().expect("a directory");
    let vfs = FaultVfs::new();
    let options = |vfs: &FaultVfs| DbOptions { background: false, ..options(dir.path(), vfs) };
    let db = Db::open(options(&vfs)).expect("opens");
    let mut model = Model::default();
    let mut write = |db: &Arc<Db>, steps: std::ops::Range<i64>| {
        for step in steps {
            // Some end early, some come late.
            let of_step = (step as usize * 60)..(step as usize * 60 + 3000);
            let rows: Rows = of_step.map(|i| (i, 1_000_000 + step * 5000, (i as i64 * step % 17) as f64)).collect();
            append(db, &rows);
            model.add(&rows);
        }
        model.0.clone()
    };
    write(&db, 0..13);
    db.map_chunks().expect("maps");
    write(&db, 13..21);
    db.roll_snapshot().expect("writes");
    let mut want = write(&db, 21..30);
    // Those after the snapshot lie in files, too.
    db.map_chunks().expect("maps");
    let mut vfs = vfs.crash(Crash::LoseNothing);
    drop(db);
    for round in 0..2 {
        let db = Db::open(options(&vfs)).expect("opens");
        assert!(answer(&db) == want, "round {round}");
        let replay = db.replay_stats();
        let series = want.len() as u64;
        assert!(replay.mmap_chunks > series && replay.snapshot_chunks > 0 && replay.series == series, "{replay:?}");
        assert_eq!((replay.unknown_refs, db.head_stats().series), (0, series));
        want = write(&db, 30 + 3 * round..33 + 3 * round);
        assert!(answer(&db) == want, "round {round}");
        db.roll_snapshot().expect("writes");
        let after = vfs.crash(Crash::LoseNothing);
        drop(db);
        vfs = after;
    }
    let file = dir.path().join("chunks_head/000001");
    vfs.corrupt(&file, |bytes| bytes[20] ^= 1).expect("is there");
    let db = Db::open(options(&vfs)).expect("opens");
    assert_eq!(db.replay_stats().snapshot_chunks, 0);
    assert!(answer(&db) == want);
}
