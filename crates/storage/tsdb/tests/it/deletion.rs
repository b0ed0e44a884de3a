//! What is deleted is gone: at once, after restarts, after cleaning, and in what compaction makes.

use std::time::Duration;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_model::{MatchType, Matcher};
use firesteel_tsdb::Db;

use crate::blocks::{fill, options};
use crate::database::{Answer, Model, answer, append};

const MINUTE: i64 = 60_000;
const START: i64 = 1_700_000_100_000;

fn range(min: i64, max: i64) -> TimeRange {
    TimeRange { min: TimestampMs(min), max: TimestampMs(max) }
}

fn delete(model: &mut Answer, series: &str, min: i64, max: i64) {
    for (_, samples) in model.iter_mut().filter(|(labels, _)| labels.contains(&format!("\"i\": \"{series}\""))) {
        samples.retain(|s| s.0 < min || s.0 > max);
    }
    model.retain(|_, samples| !samples.is_empty());
}

#[test]
fn what_is_deleted_never_returns() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path());
    let mut db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, START, START + 20 * MINUTE);
    db.compact().expect("compacts");
    // Over blocks and head; one series whole.
    let one = [Matcher::equal("i", "1")];
    db.delete(range(START + 5 * MINUTE, START + 19 * MINUTE), &one).expect("deletes");
    delete(&mut model.0, "1", START + 5 * MINUTE, START + 19 * MINUTE);
    let two = [Matcher::new(MatchType::Regexp, "i", "2|x").expect("a matcher")];
    db.delete(TimeRange::ALL, &two).expect("deletes");
    delete(&mut model.0, "2", i64::MIN, i64::MAX);
    assert_eq!(answer(&db), model.0);
    for round in 0..4 {
        db.close().expect("closes");
        db = Db::open(options.clone()).expect("opens");
        assert_eq!(answer(&db), model.0, "round {round}");
        // Samples of a deleted series are taken again.
        fill(&db, &mut model, START + (20 + round * 5) * MINUTE, START + (25 + round * 5) * MINUTE);
        assert_eq!(answer(&db), model.0, "round {round}");
        match round {
            0 => db.clean_tombstones().expect("cleans"),
            _ => db.compact().expect("compacts"),
        }
        assert!(db.blocks().iter().all(|b| b.stats.num_tombstones == 0 || round > 0), "{:#?}", db.blocks());
        assert_eq!(answer(&db), model.0, "round {round}");
    }
}

#[test]
fn a_block_of_which_nothing_is_left_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Db::open(options(dir.path())).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, START, START + 20 * MINUTE);
    db.compact().expect("compacts");
    let before = db.blocks();
    let first = &before[0];
    db.delete(range(first.min_time, first.max_time - 1), &[]).expect("deletes");
    for samples in model.0.values_mut() {
        samples.retain(|s| s.0 >= first.max_time);
    }
    model.0.retain(|_, samples| !samples.is_empty());
    assert_eq!(answer(&db), model.0);
    assert_eq!(db.blocks().len(), before.len());
    db.clean_tombstones().expect("cleans");
    assert_eq!((db.blocks().len(), answer(&db)), (before.len() - 1, model.0));
}

#[test]
fn deleting_in_the_head_survives_its_cut() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path());
    let db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    fill(&db, &mut model, START, START + 2 * MINUTE);
    db.delete(TimeRange::ALL, &[Matcher::equal("i", "3")]).expect("deletes");
    delete(&mut model.0, "3", i64::MIN, i64::MAX);
    fill(&db, &mut model, START + 2 * MINUTE, START + 20 * MINUTE);
    db.compact().expect("compacts");
    assert!(!db.blocks().is_empty());
    assert_eq!(answer(&db), model.0);
    db.close().expect("closes");
    let db = Db::open(options).expect("opens");
    assert_eq!(answer(&db), model.0);
    append(&db, &[(3, START + 20 * MINUTE, 1.0)]);
    model.add(&[(3, START + 20 * MINUTE, 1.0)]);
    assert_eq!(answer(&db), model.0);
}

#[test]
fn what_is_deleted_stays_so_when_its_block_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = options(dir.path());
    for cut_first in [true, false] {
        let dir = dir.path().join(cut_first.to_string());
        let options = firesteel_tsdb::DbOptions { dir, ..options.clone() };
        let db = Db::open(options.clone()).expect("opens");
        let mut model = Model::default();
        fill(&db, &mut model, START, START + 5 * MINUTE);
        if cut_first {
            db.compact().expect("compacts");
        }
        db.map_chunks().expect("maps");
        // All that the oldest range has, whether a block has it or the head; then the block goes, or none is made.
        let end = (START / (2 * MINUTE) + 1) * 2 * MINUTE;
        db.delete(range(START, end - 1), &[]).expect("deletes");
        model.0.values_mut().for_each(|samples| samples.retain(|s| s.0 >= end));
        model.0.retain(|_, samples| !samples.is_empty());
        db.clean_tombstones().expect("cleans");
        db.compact().expect("compacts");
        assert_eq!(answer(&db), model.0);
        db.close().expect("closes");
        let db = Db::open(options).expect("opens");
        assert_eq!(answer(&db), model.0, "cut first: {cut_first}");
    }
}

#[test]
fn late_samples_are_deleted_and_later_ones_are_not_hidden() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = firesteel_tsdb::DbOptions { out_of_order_window: Duration::from_hours(1), ..options(dir.path()) };
    let mut db = Db::open(options.clone()).expect("opens");
    let mut model = Model::default();
    append(&db, &[(1, START + 20 * MINUTE, 1.0)]);
    model.add(&[(1, START + 20 * MINUTE, 1.0)]);
    for n in 0..40 {
        append(&db, &[(1, START + n * 1000, 2.0)]);
    }
    db.delete(range(START, START + 5 * MINUTE), &[Matcher::equal("i", "1")]).expect("deletes");
    assert_eq!(answer(&db), model.0);
    // Somebody brings better ones.
    append(&db, &[(1, START + 3000, 3.0), (1, START + 4000, 3.0)]);
    model.add(&[(1, START + 3000, 3.0), (1, START + 4000, 3.0)]);
    model.0.values_mut().for_each(|samples| samples.sort_unstable());
    for round in 0..3 {
        assert_eq!(answer(&db), model.0, "round {round}");
        let t = START + (21 + 4 * round) * MINUTE;
        append(&db, &[(1, t, 1.0)]);
        model.add(&[(1, t, 1.0)]);
        db.compact().expect("compacts");
        db.close().expect("closes");
        db = Db::open(options.clone()).expect("opens");
    }
    assert_eq!(answer(&db), model.0);
}
