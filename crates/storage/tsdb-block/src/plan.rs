//! Which blocks to compact next (`tsdb/compact.go`, `LeveledCompactor`).
//!
//! Blocks that overlap come first. Then groups that fill an aligned range, or lie before the newest block; the newest block
//! itself is left alone, so that it can be backed up. Then single blocks with many tombstones. Blocks of a partial view
//! (stale or selected series) are only ever compacted with their like.

use std::sync::Arc;

use crate::{BlockMeta, Hint, Marks};

/// A block share of tombstones above which it is rewritten.
const TOMBSTONE_SHARE: f64 = 0.05;

/// A block that may be compacted.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub meta: Arc<BlockMeta>,
    pub marks: Marks,
}

/// What the planner goes by.
pub struct PlanOptions<'a> {
    /// Lengths of time in milliseconds, ascending; see [`block_ranges`].
    pub ranges: &'a [i64],
    /// Compact overlapping blocks.
    pub overlapping: bool,
    /// Stop before the oldest block for which this holds (it is not uploaded yet, say), so that there are no gaps.
    pub hold_back: &'a dyn Fn(&BlockMeta) -> bool,
}

impl std::fmt::Debug for PlanOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanOptions").field("ranges", &self.ranges).finish_non_exhaustive()
    }
}

/// Returns the lengths of blocks: `min_ms` times 1, 3, 9, …, ten of them or as many as `max_ms` allows.
pub fn block_ranges(min_ms: i64, max_ms: i64) -> Vec<i64> {
    std::iter::successors(Some(min_ms), |ms| ms.checked_mul(3)).take(10).take_while(|&ms| ms <= max_ms).collect()
}

/// Returns which of `blocks` to compact into one, as indexes in order of time; none when there is nothing to do.
pub fn plan(blocks: &[Candidate], options: &PlanOptions<'_>) -> Vec<usize> {
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    // Blocks are looked at in the order of their names, which is that of their making.
    order.sort_by_key(|&i| blocks[i].meta.ulid);
    let held = order.iter().position(|&i| (options.hold_back)(&blocks[i].meta)).unwrap_or(order.len());
    order.truncate(held);
    order.retain(|&i| !blocks[i].marks.no_compact && !blocks[i].marks.deletion);
    let class = |i: usize| {
        let compaction = &blocks[i].meta.compaction;
        match (compaction.has(Hint::StaleSeries), compaction.has(Hint::SelectedSeries)) {
            (true, _) => 1,
            (_, true) => 2,
            _ => 0,
        }
    };
    for wanted in 0..3 {
        let mut group: Vec<usize> = order.iter().copied().filter(|&i| class(i) == wanted).collect();
        group.sort_by_key(|&i| blocks[i].meta.min_time);
        let planned = plan_class(blocks, &group, options);
        if !planned.is_empty() {
            return planned;
        }
    }
    Vec::new()
}

fn plan_class(blocks: &[Candidate], group: &[usize], options: &PlanOptions<'_>) -> Vec<usize> {
    let meta = |i: usize| &*blocks[i].meta;
    if options.overlapping {
        let found = overlapping(blocks, group);
        if !found.is_empty() {
            return found;
        }
    }
    let Some((_, older)) = group.split_last() else { return Vec::new() };
    let found = fill_range(blocks, older, options.ranges);
    if !found.is_empty() {
        return found;
    }
    let middle = options.ranges.get(options.ranges.len() / 2).copied().unwrap_or(i64::MAX);
    for &i in older.iter().rev() {
        let stats = meta(i).stats;
        if meta(i).max_time - meta(i).min_time < middle {
            // A small block only if nothing of it is left.
            if stats.num_tombstones > 0 && stats.num_tombstones >= stats.num_series {
                return vec![i];
            }
            break;
        }
        if stats.num_tombstones as f64 / (stats.num_series + 1) as f64 > TOMBSTONE_SHARE {
            return vec![i];
        }
    }
    Vec::new()
}

/// Returns the first run of blocks each of which begins before those before it end.
fn overlapping(blocks: &[Candidate], group: &[usize]) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    let Some((&first, rest)) = group.split_first() else { return found };
    let (mut end, mut before) = (blocks[first].meta.max_time, first);
    for &i in rest {
        let meta = &blocks[i].meta;
        if meta.min_time < end {
            if found.is_empty() {
                found.push(before);
            }
            found.push(i);
        } else if !found.is_empty() {
            break;
        }
        end = end.max(meta.max_time);
        before = i;
    }
    found
}

fn fill_range(blocks: &[Candidate], older: &[usize], ranges: &[i64]) -> Vec<usize> {
    let meta = |i: usize| &*blocks[i].meta;
    let Some(newest_begin) = older.last().map(|&i| meta(i).min_time) else { return Vec::new() };
    for &length in ranges.get(1..).unwrap_or(&[]) {
        for part in aligned(blocks, older, length) {
            if part.iter().any(|&i| meta(i).compaction.failed) {
                continue;
            }
            if let [first, .., last] = part[..] {
                let (begin, end) = (meta(first).min_time, meta(last).max_time);
                if end - begin == length || end <= newest_begin {
                    return part;
                }
            }
        }
    }
    Vec::new()
}

/// Splits blocks by ranges of a length, aligned to the epoch; blocks that fit into none are left out.
fn aligned(blocks: &[Candidate], group: &[usize], length: i64) -> Vec<Vec<usize>> {
    let mut parts = Vec::new();
    let mut at = 0;
    while let Some(&first) = group.get(at) {
        let end = blocks[first].meta.min_time.div_euclid(length).saturating_mul(length).saturating_add(length);
        let inside = group[at..].iter().take_while(|&&i| blocks[i].meta.max_time <= end).count();
        if inside > 0 {
            parts.push(group[at..at + inside].to_vec());
        }
        at += inside.max(1);
    }
    parts
}
