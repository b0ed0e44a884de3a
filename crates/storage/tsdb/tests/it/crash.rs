//! Power is lost, or the disk fails, at any moment of appending, cutting, mapping, compacting, deleting, forgetting, moving
//! stale series, or at a clean stop: what was synced is there again, nothing is made up, and nothing deleted returns.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Matcher, stale_nan};
use firesteel_storage::{AppendOptions, Appendable as _, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions, Retention};

use crate::database::{Answer, answer, series};
use crate::dice::{Dice, over_seeds, seeds_or};

fn options(dir: &Path, vfs: &FaultVfs, memory_snapshot: bool) -> DbOptions {
    DbOptions {
        memory_snapshot,
        retention: Retention::UNLIMITED,
        min_block_duration: Duration::from_mins(2),
        max_block_duration: Duration::from_mins(18),
        wal_segment_bytes: 32 << 10,
        no_lockfile: true,
        background: false,
        low_space_bytes: 0,
        out_of_order_window: Duration::from_mins(10),
        out_of_order_cap: 4,
        vfs: Arc::new(vfs.clone()) as Arc<dyn Vfs>,
        ..DbOptions::new(dir)
    }
}

/// What was done, as far as the database said so.
#[derive(Default)]
struct History {
    /// Samples of each series that may be there, in order; true: they must be.
    samples: BTreeMap<String, BTreeMap<i64, (u64, bool)>>,
    /// Samples that must not be there any more.
    deleted: BTreeSet<(String, i64)>,
    /// Samples that a deletion was about when it failed: they may be there or not.
    doubtful: BTreeSet<(String, i64)>,
    t: i64,
}

impl History {
    fn append(&mut self, db: &Db, dice: &mut Dice) {
        self.t += 1000 + dice.below(9000) as i64;
        let mut appender = db.appender();
        let mut batch = SampleBatch::default();
        let of_time = 10 + (self.t / 300_000) as usize % 20;
        for i in (0..4).chain([of_time]) {
            let Ok(found) = appender.series(&series(i), &SeriesMeta::default()) else { return };
            let v = if dice.below(10) == 0 { stale_nan() } else { (self.t % 1009) as f64 * i as f64 };
            batch.push(found, TimestampMs(self.t), v);
            let of_series = self.samples.entry(format!("{:?}", series(i))).or_default();
            of_series.insert(self.t, (v.to_bits(), false));
        }
        for _ in 0..dice.below(4) {
            // Late, at a time that has seen nothing yet.
            let (i, t) = (dice.below(2) as usize, self.t - dice.below(500_000) as i64);
            let (labels, v) = (format!("{:?}", series(i)), (t % 1013) as f64);
            let of_series = self.samples.entry(labels.clone()).or_default();
            let key = (labels, t);
            if of_series.last_key_value().is_none_or(|(last, _)| t > *last)
                || of_series.contains_key(&t)
                || self.deleted.contains(&key)
                || self.doubtful.contains(&key)
            {
                continue;
            }
            let Ok(found) = appender.series(&series(i), &SeriesMeta::default()) else { return };
            batch.push(found, TimestampMs(t), v);
            of_series.insert(t, (v.to_bits(), false));
        }
        appender.append(&batch, AppendOptions::default(), &mut Vec::new());
        // Whether it failed or not: the samples may be there, and must be once a sync succeeds.
        let _ = appender.commit();
    }

    /// Everything that is in memory is on disk now.
    fn synced(&mut self, held: &Answer) {
        for (labels, samples) in held {
            let Some(of_series) = self.samples.get_mut(labels) else { continue };
            for (t, _) in samples.iter().filter(|s| !self.doubtful.contains(&(labels.clone(), s.0))) {
                of_series.get_mut(t).expect("appended").1 = true;
            }
        }
    }

    fn delete(&mut self, db: &Db, dice: &mut Dice) {
        let i = dice.below(4) as usize;
        let max = self.t - dice.below(400_000) as i64;
        let min = max - dice.below(600_000) as i64;
        let (range, one) =
            (TimeRange { min: TimestampMs(min), max: TimestampMs(max) }, Matcher::equal("i", &i.to_string()));
        let done = db.delete(range, &[one]);
        let labels = format!("{:?}", series(i));
        let Some(of_series) = self.samples.get_mut(&labels) else { return };
        let within: Vec<i64> = of_series.range(min..=max).map(|(t, _)| *t).collect();
        for t in within {
            match done {
                Ok(_) => {
                    of_series.remove(&t);
                    self.deleted.insert((labels.clone(), t));
                }
                Err(_) => {
                    of_series.get_mut(&t).expect("is there").1 = false;
                    self.doubtful.insert((labels.clone(), t));
                }
            }
        }
    }

    fn forget_before(&mut self, t: i64) {
        for sample in self.samples.values_mut().flat_map(|s| s.range_mut(..t)) {
            sample.1.1 = false;
        }
    }

    fn check(&mut self, found: &Answer, what: &str) {
        for (labels, samples) in found {
            let of_series = self.samples.get(labels);
            for (t, v) in samples {
                assert!(!self.deleted.contains(&(labels.clone(), *t)), "{what}: {labels} at {t} was deleted");
                let known = of_series.and_then(|s| s.get(t)).map(|s| s.0);
                assert_eq!(known, Some(*v), "{what}: {labels} at {t} was never appended");
            }
        }
        for (labels, of_series) in &mut self.samples {
            let there: BTreeSet<i64> = found.get(labels).into_iter().flatten().map(|s| s.0).collect();
            of_series.retain(|t, (_, must)| {
                assert!(!*must || there.contains(t), "{what}: {labels} at {t} was synced and is lost");
                there.contains(t)
            });
        }
    }
}

fn live(seed: u64, dir: &Path) {
    let dice = &mut Dice::of_seed(seed);
    let mut vfs = FaultVfs::new();
    (&vfs as &dyn Vfs).create_dir_all(dir).expect("a directory");
    for dir in dir.ancestors() {
        vfs.sync_dir(dir).expect("syncs");
    }
    let mut history = History { t: 1_700_000_000_000, ..History::default() };
    for life in 0..3 {
        let what = format!("seed {seed}, life {life}");
        // Upstream's snapshot is written by some lives only; the others write the log further behind it.
        let memory_snapshot = dice.below(2) == 0;
        let what = format!("{what}, memory_snapshot: {memory_snapshot}");
        let db = Db::open(options(dir, &vfs, memory_snapshot)).unwrap_or_else(|e| panic!("{what}: {e}"));
        history.check(&answer(&db), &what);
        let (mut faulty, mut forgot) = (false, false);
        for _ in 0..20 + dice.below(30) {
            if dice.below(12) == 0 {
                faulty = true;
                vfs.set_faults(match dice.below(4) {
                    0 => Faults { eio_at: Some(dice.below(60)), ..Faults::default() },
                    1 => Faults { space_bytes: Some(dice.below(200_000)), ..Faults::default() },
                    2 => Faults { gone_from: Some(dice.below(60)), ..Faults::default() },
                    _ => Faults::default(),
                });
            }
            match dice.below(16) {
                0 => {
                    let _ = db.compact();
                }
                1 => {
                    let _ = db.map_chunks();
                }
                2 => history.delete(&db, dice),
                3 => {
                    let _ = db.clean_tombstones();
                }
                4 => {
                    let _ = db.reload_blocks();
                }
                5 => {
                    let held = answer(&db);
                    if db.sync().is_ok() && db.health().refuses_pushes().is_none() {
                        history.synced(&held);
                    }
                }
                7 => {
                    let _ = db.compact_stale_series();
                }
                6 if dice.below(4) == 0 => {
                    forgot = true;
                    db.set_retention(Retention::of_time(Duration::from_millis(900_000)));
                    // No block ends later than the range of the newest sample.
                    history.forget_before(history.t + 120_000 - 900_000);
                    let _ = db.reload_blocks();
                    db.set_retention(Retention::UNLIMITED);
                }
                _ => (0..dice.below(20)).for_each(|_| history.append(&db, dice)),
            }
        }
        vfs.set_faults(Faults::default());
        if !faulty && !forgot {
            // Without faults nothing of memory differs from what was done.
            let held = answer(&db);
            let n: usize = held.values().map(Vec::len).sum();
            assert_eq!(n, history.samples.values().flat_map(BTreeMap::values).count(), "{what}");
        }
        if dice.below(2) == 0 {
            // Stopped and not killed; the disk may fail or fill up meanwhile.
            let held = answer(&db);
            vfs.set_faults(match dice.below(6) {
                0 => Faults { eio_at: Some(dice.below(25)), ..Faults::default() },
                1 => Faults { gone_from: Some(dice.below(25)), ..Faults::default() },
                2 => Faults { space_bytes: Some(dice.below(400_000)), ..Faults::default() },
                _ => Faults::default(),
            });
            let closed = db.close();
            vfs.set_faults(Faults::default());
            if closed.is_ok() {
                history.synced(&held);
            }
        }
        let how = match dice.below(4) {
            0 => Crash::LoseAll,
            1 => Crash::LoseNothing,
            _ => Crash::Dice { seed: dice.below(u64::MAX) },
        };
        let after = vfs.crash(how);
        drop(db);
        vfs = after;
    }
    let db = Db::open(options(dir, &vfs, dice.below(2) == 0)).expect("opens");
    history.check(&answer(&db), &format!("seed {seed}, at the end"));
}

#[test]
fn no_crash_loses_what_was_synced_or_brings_back_what_was_deleted() {
    over_seeds(seeds_or(1..=1000), live);
}
