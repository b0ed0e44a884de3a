//! Which blocks are compacted next.

use std::sync::Arc;

use firesteel_tsdb_block::{
    BlockMeta, BlockSpec, BlockStats, Candidate, Hint, Marks, PlanOptions, Ulid, block_ranges, plan,
};

/// `(from, to)`, and what else matters by letters: `f` failed, `n` no-compact mark, `d` deletion mark, `s` stale series,
/// `h` held back, `t` many tombstones, `T` nothing but tombstones.
type Block = (i64, i64, &'static str);

fn candidate(number: usize, &(from, to, traits): &Block) -> Candidate {
    let spec = BlockSpec::of_head(Ulid::from_parts(number as u64 + 1, 1), from, to);
    let has = |c: char| traits.contains(c);
    let mut compaction = spec.compaction;
    compaction.failed = has('f');
    if has('s') {
        compaction.set(Hint::StaleSeries);
    }
    let num_tombstones = if has('t') { 10 } else { 100 * u64::from(has('T')) };
    let stats = BlockStats { num_series: 100, num_tombstones, ..BlockStats::default() };
    let (ulid, version, extra) = (spec.ulid, if has('h') { 7 } else { 1 }, serde_json::Map::new());
    let meta = BlockMeta { ulid, min_time: from, max_time: to, stats, compaction, version, extra };
    Candidate { meta: Arc::new(meta), marks: Marks { no_compact: has('n'), deletion: has('d') } }
}

fn check(name: &str, blocks: &[Block], expected: &[usize]) {
    let candidates: Vec<Candidate> = blocks.iter().enumerate().map(|(i, b)| candidate(i, b)).collect();
    let options = PlanOptions { ranges: &[20, 60, 180, 540, 1620], overlapping: true, hold_back: &|m| m.version == 7 };
    assert_eq!(plan(&candidates, &options), expected, "{name}");
}

#[test]
fn plans() {
    check("nothing", &[], &[]);
    check("the newest is left alone", &[(0, 20, ""), (20, 40, ""), (40, 60, "")], &[]);
    check("a full range", &[(0, 20, ""), (20, 40, ""), (40, 60, ""), (60, 80, "")], &[0, 1, 2]);
    check("whatever the order of making", &[(60, 80, ""), (40, 60, ""), (0, 20, ""), (20, 40, "")], &[2, 3, 1]);
    check("a gap before the newest", &[(0, 20, ""), (40, 60, ""), (60, 80, ""), (80, 100, "")], &[0, 1]);
    check("not yet, another may come", &[(0, 20, ""), (20, 40, ""), (60, 80, "")], &[]);
    check("one that failed", &[(0, 20, ""), (20, 40, "f"), (40, 60, ""), (60, 80, "")], &[]);
    check("one that is marked", &[(0, 20, ""), (20, 40, "n"), (40, 60, ""), (60, 80, ""), (80, 100, "")], &[0, 2]);
    check("one that is to go", &[(0, 20, ""), (20, 40, "d"), (40, 60, ""), (60, 80, ""), (80, 100, "")], &[0, 2]);
    check("one that is held back", &[(0, 20, ""), (20, 40, "h"), (40, 60, ""), (60, 80, ""), (80, 100, "")], &[]);
    check(
        "smaller ranges first",
        &[(0, 60, ""), (60, 120, ""), (120, 180, ""), (180, 200, ""), (200, 220, ""), (220, 240, ""), (240, 260, "")],
        &[3, 4, 5],
    );
    check("then larger ones", &[(0, 60, ""), (60, 120, ""), (120, 180, ""), (180, 200, "")], &[0, 1, 2]);
    check("negative times", &[(-60, -40, ""), (-40, -20, ""), (-20, 0, ""), (0, 20, "")], &[0, 1, 2]);
    check("overlapping", &[(0, 20, ""), (20, 40, ""), (30, 50, ""), (60, 80, "")], &[1, 2]);
    check("overlapping newest", &[(0, 20, ""), (10, 30, "")], &[0, 1]);
    check(
        "overlapping in a chain",
        &[(0, 20, ""), (10, 60, ""), (30, 40, ""), (50, 70, ""), (70, 90, "")],
        &[0, 1, 2, 3],
    );
    check("first run only", &[(0, 20, ""), (10, 20, ""), (20, 40, ""), (40, 60, ""), (50, 70, "")], &[0, 1]);
    check("touching is not overlapping", &[(0, 20, ""), (20, 40, "")], &[]);
    check("tombstones in a large block", &[(0, 540, "t"), (540, 560, "")], &[0]);
    check("not in a small one", &[(0, 20, "t"), (20, 40, "")], &[]);
    check("a small one if nothing is left", &[(0, 20, "T"), (20, 40, "")], &[0]);
    check("stale series among their like", &[(0, 20, "s"), (10, 30, ""), (20, 40, "s"), (30, 50, "s")], &[2, 3]);
    check("ordinary blocks first", &[(0, 20, "s"), (10, 30, "s"), (0, 20, ""), (10, 30, "")], &[2, 3]);
}

#[test]
fn ranges_triple_up_to_the_maximum() {
    const HOUR: i64 = 3_600_000;
    assert_eq!(block_ranges(2 * HOUR, 36 * HOUR), [2 * HOUR, 6 * HOUR, 18 * HOUR]);
    assert_eq!(block_ranges(2 * HOUR, 31 * 24 * HOUR), [2, 6, 18, 54, 162, 486].map(|h| h * HOUR));
    assert_eq!(block_ranges(2 * HOUR, 2 * HOUR), [2 * HOUR]);
    assert_eq!(block_ranges(1, i64::MAX).len(), 10);
}

#[test]
fn origins_are_handed_on() {
    let meta = |number, hints: &[Hint]| {
        let mut meta = (*candidate(number, &(number as i64 * 10, 100, "")).meta).clone();
        for &hint in hints {
            meta.compaction.set(hint);
        }
        meta.compaction.level = number as u32 + 1;
        meta
    };
    let (a, b) = (meta(1, &[Hint::OutOfOrder]), meta(2, &[Hint::OutOfOrder, Hint::StaleSeries]));
    let spec = BlockSpec::compacted(Ulid::from_parts(9, 9), &[&a, &b]);
    assert_eq!((spec.min_time, spec.max_time, spec.compaction.level), (10, 100, 4));
    assert_eq!(spec.compaction.sources, [a.ulid, b.ulid]);
    assert_eq!(spec.compaction.parents, [a.desc(), b.desc()]);
    assert_eq!(spec.compaction.hints, ["from-out-of-order", "from-stale-series"]);
    let mixed = BlockSpec::compacted(Ulid::from_parts(9, 9), &[&a, &meta(3, &[])]);
    assert_eq!(mixed.compaction.hints, [""; 0]);
}
