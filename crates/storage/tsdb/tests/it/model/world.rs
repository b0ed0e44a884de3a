//! A database and the store beside it, and what happens to both.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::vfs::{Crash, FaultVfs, Vfs};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{Labels, MatchType, Matcher};
use firesteel_storage::{
    AppendOptions, Appendable as _, Exemplar, ExemplarQueryable as _, HistogramSample, Queryable as _, SampleBatch,
    Selection, SeriesMeta,
};
use firesteel_tsdb::{Db, DbOptions, Retention};
use firesteel_tsdb_block::Hint;

use super::exemplars::{self, Exemplars};
use super::store::{Judged, Store};
use super::values::{Given, Kind, Value, decode};
use crate::dice::Dice;

const MINUTE: i64 = 60_000;
const BLOCK_MS: i64 = 2 * MINUTE;
const START: i64 = 1_700_000_100_000;
/// Series that are there all the time.
const STEADY: usize = 6;
const EXEMPLARS_MAX: usize = 10;

type Row = (usize, i64, Given);

struct World {
    dir: PathBuf,
    vfs: FaultVfs,
    db: Arc<Db>,
    store: Store,
    exemplars: Exemplars,
    kinds: Vec<Kind>,
    /// The newest sample of each series, to be sent again.
    sent: BTreeMap<usize, (i64, Given)>,
    t: i64,
    cap: u16,
    samples_per_chunk: u16,
    memory_snapshot: bool,
    backups: usize,
    /// A series whose late samples come in numbers.
    bursting: Option<usize>,
    dice: Dice,
    what: String,
}

fn labels(i: usize) -> Labels {
    let (name, number) = (format!("m{}", i % 2), i.to_string());
    let mut pairs = vec![("__name__", name.as_str()), ("i", number.as_str())];
    if !i.is_multiple_of(3) {
        pairs.push(("job", if i.is_multiple_of(2) { "a" } else { "b" }));
    }
    Labels::from_pairs(pairs)
}

fn range((min, max): (i64, i64)) -> TimeRange {
    TimeRange { min: TimestampMs(min), max: TimestampMs(max) }
}

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

/// Returns every sample that a selection brings, by time; overlapping chunks bring a time more than once.
fn answer(db: &Db, within: (i64, i64), matchers: &[Matcher]) -> BTreeMap<Labels, BTreeMap<i64, Vec<Value>>> {
    let querier = db.querier(range(within)).expect("is open");
    let selected = querier.select(&Selection { matchers, ..Selection::default() }).expect("selects");
    let mut out = BTreeMap::new();
    for (i, entry) in selected.series().iter().enumerate() {
        let (mut chunks, mut samples) = (Vec::new(), Vec::new());
        selected.chunks(i, &mut chunks).expect("chunks are there");
        assert!(chunks.is_sorted_by_key(|chunk| chunk.min), "chunks are sorted");
        for chunk in &chunks {
            decode(chunk, &mut samples);
        }
        let mut by_time: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        for (t, value) in samples.into_iter().filter(|(t, _)| (within.0..=within.1).contains(t)) {
            by_time.entry(t).or_default().push(value);
        }
        let known = out.insert(entry.labels.clone(), by_time);
        assert!(known.is_none(), "{:?} twice", entry.labels);
    }
    out.retain(|_, samples| !samples.is_empty());
    out
}

impl World {
    fn options(&self) -> DbOptions {
        let options = options(&self.dir, &self.vfs, self.cap, self.samples_per_chunk, self.store.window_ms);
        DbOptions { memory_snapshot: self.memory_snapshot, ..options }
    }

    fn matcher(&mut self) -> Matcher {
        let dice = &mut self.dice;
        let number = dice.below(STEADY as u64 + 4).to_string();
        let (kind, name, value) = match dice.below(8) {
            0 => (MatchType::NotEqual, "i", number.as_str()),
            1 => (MatchType::Equal, "job", ""),
            2 => (MatchType::NotEqual, "job", "a"),
            3 => (MatchType::Equal, "__name__", "m1"),
            4 => (MatchType::Regexp, "i", "[0-2]|1."),
            5 => (MatchType::NotRegexp, "job", "a|c"),
            _ => (MatchType::Equal, "i", number.as_str()),
        };
        Matcher::new(kind, name, value).expect("compiles")
    }

    fn some_range(&mut self) -> (i64, i64) {
        let max = self.t + 20_000 - self.dice.below(30 * MINUTE as u64) as i64;
        (max - self.dice.below(10 * MINUTE as u64) as i64, max)
    }

    /// Compares all that is stored, and a part of it.
    fn check(&mut self) {
        self.compare(ALL, &[]);
        let within = self.some_range();
        let matchers: Vec<Matcher> = (0..=self.dice.below(2)).map(|_| self.matcher()).collect();
        self.compare(within, &matchers);
        assert_eq!(self.held_exemplars(), self.exemplars.answer(), "{}: exemplars", self.what);
    }

    fn held_exemplars(&self) -> exemplars::Answer {
        let found = self.db.exemplars(TimeRange::ALL, &[&[]]);
        found.into_iter().map(|of| (of.labels, of.exemplars.iter().map(|e| (e.t.0, e.v.to_bits())).collect())).collect()
    }

    fn compare(&self, within: (i64, i64), matchers: &[Matcher]) {
        let what = &self.what;
        let matches = |labels: &Labels| matchers.iter().all(|m| m.matches(labels.value(m.name())));
        let want = self.store.answer(within, matches);
        let got = answer(&self.db, within, matchers);
        for (labels, samples) in &want {
            let got = got.get(labels);
            for (t, values) in samples {
                let Some(found) = got.and_then(|of| of.get(t)) else {
                    panic!("{what}: {labels:?} at {t} (now {}) is missing: {values:?}", self.t);
                };
                for value in found {
                    assert!(values.contains(value), "{what}: {labels:?} at {t}: {value:?}, not one of {values:?}");
                }
            }
        }
        for (labels, samples) in &got {
            let want = want.get(labels).map_or(&[][..], Vec::as_slice);
            for t in samples.keys() {
                let known = want.binary_search_by_key(t, |s| s.0).is_ok() || self.store.may_be_back(labels, *t);
                assert!(known, "{what}: {labels:?} at {t} (now {}) should not be there", self.t);
            }
        }
        let querier = self.db.querier(range(within)).expect("is open");
        let selection = Selection { matchers, ..Selection::default() };
        let values = querier.label_values("i", &selection).expect("values");
        assert!(values.is_sorted() && want.keys().all(|l| values.iter().any(|v| **v == *l.value("i"))), "{what}");
        let names = querier.label_names(&selection).expect("names");
        assert!(names.is_sorted() && (want.is_empty() || names.iter().any(|n| **n == *"i")), "{what}: {names:?}");
    }

    fn rows(&mut self) -> Vec<Row> {
        let t = self.t;
        let mut rows: Vec<Row> = Vec::new();
        let n = ((t - START) / 5000) as u64;
        let of_time = 10 + ((t - START) / (7 * MINUTE)) as usize;
        for i in (0..STEADY).chain([of_time]) {
            let dice = &mut self.dice;
            let kind = self.kinds[i % self.kinds.len()];
            match dice.below(40) {
                0..4 => continue,
                4 => rows.push((i, t, Given::stale())),
                5 => rows.push((i, t, Kind::ALL[dice.below(8) as usize].roll(n, dice))),
                6 => {
                    if let Some((t, value)) = self.sent.get(&i) {
                        rows.push((i, *t, value.clone()));
                    }
                }
                7 => {
                    if let Some((t, _)) = self.sent.get(&i) {
                        rows.push((i, *t, kind.roll(n + 7, dice)));
                    }
                }
                8..12 => {
                    let by = dice.below((self.store.window_ms * 5 / 4).max(30_000) as u64) as i64;
                    rows.push((i, t - by, kind.roll(n, dice)));
                }
                _ => rows.push((i, t, kind.roll(n, dice))),
            }
            if dice.one_in(30) {
                // A second one of the series in the batch, of whatever kind.
                let by = dice.below(4000) as i64 - 2000;
                rows.push((i, t + by, Kind::ALL[dice.below(8) as usize].roll(n, dice)));
            }
        }
        if let Some(i) = self.bursting {
            let (kind, dice) = (self.kinds[i % self.kinds.len()], &mut self.dice);
            for _ in 0..=dice.below(6) {
                let by = dice.below(self.store.window_ms.max(30_000) as u64) as i64;
                rows.push((i, t - by, kind.roll(n, dice)));
            }
        }
        rows
    }

    fn append(&mut self) {
        self.t += 500 + self.dice.below(12_000) as i64;
        let mut rows = self.rows();
        rows.retain(|(i, t, _)| self.store.can_judge(&labels(*i), *t));
        if rows.is_empty() {
            return;
        }
        let db = Arc::clone(&self.db);
        let mut appender = db.appender();
        let first = rows.iter().find(|r| r.2.is_float()).unwrap_or(&rows[0]).1;
        let bounds = self.store.bounds(first);
        // Floats first, as a scrape brings them.
        let mut judged = Vec::new();
        let mut refused = Vec::new();
        let (mut floats, mut histograms): (SampleBatch, Vec<HistogramSample>) = Default::default();
        for is_float in [true, false] {
            for (i, t, given) in rows.iter().filter(|row| row.2.is_float() == is_float) {
                let labels = labels(*i);
                let series = appender.series(&labels, &SeriesMeta::default()).expect("valid labels");
                match given {
                    Given::Float(v) => floats.push(series, TimestampMs(*t), *v),
                    Given::Histogram(_) => histograms.extend(given.sample(series, *t)),
                }
                let value = given.value();
                let verdict = self.store.judge(bounds, &labels, *t, &value);
                judged.push(Judged { labels, t: *t, value, verdict });
            }
        }
        appender.append(&floats, AppendOptions::default(), &mut refused);
        let in_floats = refused.len();
        appender.append_histograms(&histograms, AppendOptions::default(), &mut refused);
        for rejected in &mut refused[in_floats..] {
            rejected.row += floats.len() as u32;
        }
        for (row, row_judged) in judged.iter().enumerate() {
            let got = refused.iter().find(|r| r.row == row as u32).map_or(Ok(()), |r| Err(r.why));
            let Judged { labels, t, value, verdict } = row_judged;
            assert_eq!(got, *verdict, "{}: {labels:?} at {t} (now {}): {value:?}", self.what, self.t);
        }
        for (i, t, given) in rows.iter().filter(|row| !row.2.is_stale()) {
            if self.sent.get(i).is_none_or(|(last, _)| last < t) {
                self.sent.insert(*i, (*t, given.clone()));
            }
        }
        self.append_exemplars(&mut *appender);
        let done = appender.commit().expect("commits");
        let taken = self.store.commit(bounds, judged);
        assert!(done.durable && done.rejected == taken.rejected, "{}: {done:?} {taken:?}", self.what);
        assert!((taken.at_least..=taken.at_most).contains(&done.appended), "{}: {done:?} {taken:?}", self.what);
    }

    /// Two series have exemplars, in order; some come twice.
    fn append_exemplars(&mut self, appender: &mut dyn firesteel_storage::Appender) {
        if !self.dice.one_in(3) {
            return;
        }
        let i = self.dice.below(2) as usize;
        let (labels, t, v) = (labels(i), self.t, self.dice.below(100) as f64);
        let series = appender.series(&labels, &SeriesMeta::default()).expect("valid labels");
        let trace = Labels::from_pairs([("trace_id", t.to_string())]);
        let exemplar = Exemplar { series, labels: trace, t: TimestampMs(t), v, timestamped: true };
        let mut refused = Vec::new();
        appender.append_exemplars(&[exemplar], &mut refused);
        assert!(refused.is_empty(), "{}: {refused:?}", self.what);
        assert!(self.exemplars.add(&labels, t, v));
    }

    fn delete(&mut self) {
        let within = self.some_range();
        let matcher = self.matcher();
        self.db.delete(range(within), std::slice::from_ref(&matcher)).expect("deletes");
        self.store.delete(within, |labels| matcher.matches(labels.value(matcher.name())));
    }

    /// Retention takes whole blocks: what it took is not asked for any more, what is young enough must stay.
    fn forget(&mut self) {
        let kept_ms = 8 * MINUTE + self.dice.below(20 * MINUTE as u64) as i64;
        let before = self.db.blocks();
        self.db.set_retention(Retention::of_time(Duration::from_millis(kept_ms as u64)));
        self.db.reload_blocks().expect("reloads");
        self.db.set_retention(Retention::UNLIMITED);
        let newest = before.iter().map(|b| b.max_time).max().unwrap_or(i64::MIN);
        let left = self.db.blocks();
        let is_gone = |max_time: i64| newest.saturating_sub(max_time) >= kept_ms;
        let gone_end = before.iter().map(|b| b.max_time).filter(|&end| is_gone(end)).max().unwrap_or(i64::MIN);
        let want: Vec<_> = before.iter().filter(|b| !is_gone(b.max_time)).map(|b| b.ulid).collect();
        assert_eq!(left.iter().map(|b| b.ulid).collect::<Vec<_>>(), want, "{}", self.what);
        let held = answer(&self.db, ALL, &[]);
        self.store.forget(|labels, t| t >= gone_end || held.get(labels).is_some_and(|of| of.contains_key(&t)));
    }

    /// A backup opens by itself and holds all, or all that is in blocks.
    fn back_up(&mut self) {
        self.backups += 1;
        let to = self.dir.join(format!("backups/{}", self.backups));
        self.vfs.create_dir_all(&to).expect("creates");
        self.db.snapshot(&to, true).expect("a backup");
        let copy = Db::open(options(&to, &self.vfs, 4, 120, 0)).expect("opens");
        let original = std::mem::replace(&mut self.db, copy);
        let what = format!("{}, in the backup", self.what);
        let what = std::mem::replace(&mut self.what, what);
        self.compare(ALL, &[]);
        self.what = what;
        self.db = original;
    }

    /// Ends the process in some way and starts it again, maybe with other settings.
    fn restart(&mut self) {
        let how = match self.dice.below(4) {
            0 => {
                self.db.close().expect("closes");
                None
            }
            1 => {
                self.db.sync().expect("syncs");
                Some(Crash::LoseAll)
            }
            2 => {
                self.db.sync().expect("syncs");
                Some(Crash::Dice { seed: self.dice.below(u64::MAX) })
            }
            _ => Some(Crash::LoseNothing),
        };
        let after = how.map_or_else(|| self.vfs.clone(), |how| self.vfs.crash(how));
        self.what = format!("{}, then {how:?}", self.what);
        self.memory_snapshot = self.dice.one_in(2);
        if self.dice.one_in(3) {
            self.store.window_ms = [0, 5, 12, 40][self.dice.below(4) as usize] * MINUTE;
            self.cap = [4, 7, 32][self.dice.below(3) as usize];
        }
        self.vfs = after;
        // The old one must not write any more when the new one does.
        let options = self.options();
        self.db = {
            let old = std::mem::replace(&mut self.db, Db::open(nowhere(&self.dir)).expect("opens"));
            drop(old);
            Db::open(options).unwrap_or_else(|e| panic!("{}: {e}", self.what))
        };
        let stats = self.db.replay_stats();
        assert_eq!(
            (stats.unknown_refs, stats.unknown_late_refs, stats.undecodable_records),
            (0, 0, 0),
            "{}",
            self.what
        );
        let in_order = |of: &firesteel_tsdb::BlockMeta| {
            !of.compaction.has(Hint::OutOfOrder) && !of.compaction.has(Hint::StaleSeries)
        };
        self.store.min_valid =
            self.db.blocks().iter().filter(|b| in_order(b)).map(|b| b.max_time).max().unwrap_or(i64::MIN);
        let newest = self.store.newest.unwrap_or(i64::MIN);
        let held = self.held_exemplars();
        // Whatever was cut blocks hold, and cut is what is older than half a block at least.
        let may_be_cut = self.store.min_valid..newest.saturating_sub(BLOCK_MS / 2);
        self.exemplars.restart(may_be_cut, &held);
    }

    fn step(&mut self, step: usize) {
        let what = std::mem::take(&mut self.what);
        let seed = what.split(',').next().unwrap_or_default();
        let kind = self.dice.below(40);
        self.what = format!("{seed}, step {step} ({kind})");
        match kind {
            0..4 => self.db.compact().expect("compacts"),
            4..7 => {
                self.bursting = Some(self.dice.below(STEADY as u64) as usize);
                (0..self.dice.below(12)).for_each(|_| self.append());
                self.bursting = None;
                self.db.map_chunks().expect("maps");
            }
            7..11 => self.delete(),
            11 => self.db.clean_tombstones().expect("cleans"),
            12 => self.db.reload_blocks().expect("reloads"),
            13 => self.forget(),
            14 | 15 => self.db.roll_snapshot().expect("a snapshot"),
            16 => self.back_up(),
            17 => {
                self.store.window_ms = [0, 5, 12, 40][self.dice.below(4) as usize] * MINUTE;
                self.db.set_out_of_order_window(Duration::from_millis(self.store.window_ms as u64)).expect("opens");
            }
            18..22 => self.restart(),
            22 | 23 => {
                self.store.stale_may_go();
                self.exemplars.left.extend(self.store.maybe_gone.iter().cloned());
                self.db.compact_stale_series().expect("moves stale series");
            }
            _ => (0..=self.dice.below(25)).for_each(|_| self.append()),
        }
        self.check();
    }
}

fn options(dir: &Path, vfs: &FaultVfs, cap: u16, samples_per_chunk: u16, window_ms: i64) -> DbOptions {
    DbOptions {
        retention: Retention::UNLIMITED,
        min_block_duration: Duration::from_millis(BLOCK_MS as u64),
        max_block_duration: Duration::from_mins(18),
        wal_segment_bytes: 32 << 10,
        no_lockfile: true,
        background: false,
        low_space_bytes: 0,
        exemplars_max: EXEMPLARS_MAX,
        out_of_order_window: Duration::from_millis(window_ms as u64),
        out_of_order_cap: cap,
        samples_per_chunk,
        vfs: Arc::new(vfs.clone()) as Arc<dyn Vfs>,
        ..DbOptions::new(dir)
    }
}

/// A database of nothing, on a disk of its own.
fn nowhere(dir: &Path) -> DbOptions {
    options(dir, &FaultVfs::new(), 4, 120, 0)
}

/// Lives one life: the same seed lives the same.
pub(super) fn live(seed: u64, dir: &Path) {
    let mut dice = Dice::of_seed(seed);
    let vfs = FaultVfs::new();
    vfs.create_dir_all(dir).expect("a directory");
    for part in dir.ancestors() {
        vfs.sync_dir(part).expect("syncs");
    }
    let mut store = Store::new(BLOCK_MS);
    store.window_ms = [0, 12, 40][dice.below(3) as usize] * MINUTE;
    let (cap, samples_per_chunk) = ([4, 7, 32][dice.below(3) as usize], [4, 9, 120][dice.below(3) as usize]);
    let kinds = (0..=STEADY).map(|_| Kind::ALL[dice.below(8) as usize]).collect();
    let db = Db::open(options(dir, &vfs, cap, samples_per_chunk, store.window_ms)).expect("opens");
    let exemplars = Exemplars::new(EXEMPLARS_MAX);
    let mut world = World {
        dir: dir.to_owned(),
        vfs,
        db,
        store,
        exemplars,
        kinds,
        sent: BTreeMap::new(),
        t: START,
        cap,
        samples_per_chunk,
        memory_snapshot: false,
        backups: 0,
        bursting: None,
        dice,
        what: format!("seed {seed}"),
    };
    (0..60).for_each(|step| world.step(step));
}
