//! What is kept: by time, by bytes, or by a share of the disk. Rules and words are upstream's (`tsdb/db.go`).

use std::collections::BTreeSet;
use std::time::Duration;

use firesteel_tsdb_block::{BlockMeta, Ulid};

/// Bounds on what is kept; a zero switches a bound off.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Retention {
    /// Blocks that end this much before the newest block are deleted.
    pub time: Duration,
    /// Blocks, log and head chunks may take this much.
    pub size_bytes: u64,
    /// The same as a share of the file system, 0 to 100; goes before `size_bytes`.
    pub percentage: f64,
}

impl Retention {
    /// Keeps everything.
    pub const UNLIMITED: Self = Self { time: Duration::ZERO, size_bytes: 0, percentage: 0.0 };

    /// Keeps what is not older.
    pub const fn of_time(time: Duration) -> Self {
        Self { time, ..Self::UNLIMITED }
    }

    /// Returns the bound in bytes, given the file system's size (0 = not known); 0 = none.
    pub(crate) fn max_bytes(&self, disk_bytes: u64) -> u64 {
        if self.percentage > 0.0 && disk_bytes > 0 {
            return (disk_bytes as f64 * self.percentage / 100.0) as u64;
        }
        self.size_bytes
    }
}

/// Which blocks are to go, and why.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Beyond {
    pub(crate) blocks: BTreeSet<Ulid>,
    pub(crate) by_time: bool,
    pub(crate) by_size: bool,
}

/// Returns the blocks beyond the bounds. `blocks` come with their sizes; `head_bytes` are those of log and head chunks.
pub(crate) fn beyond<'a>(
    blocks: impl IntoIterator<Item = (&'a BlockMeta, u64)>,
    retention: &Retention,
    disk_bytes: u64,
    head_bytes: u64,
) -> Beyond {
    let mut newest_first: Vec<(&BlockMeta, u64)> = blocks.into_iter().collect();
    newest_first.sort_by_key(|(meta, _)| std::cmp::Reverse(meta.max_time));
    let mut out = Beyond::default();
    out.blocks.extend(newest_first.iter().filter(|(meta, _)| meta.compaction.deletable).map(|(meta, _)| meta.ulid));
    let Some(newest) = newest_first.first().map(|(meta, _)| meta.max_time) else { return out };
    let time_ms = i64::try_from(retention.time.as_millis()).unwrap_or(i64::MAX);
    let too_old = |(meta, _): &(&BlockMeta, u64)| newest.saturating_sub(meta.max_time) >= time_ms;
    if time_ms > 0
        && let Some(at) = newest_first.iter().skip(1).position(too_old)
    {
        out.by_time = true;
        out.blocks.extend(newest_first[at + 1..].iter().map(|(meta, _)| meta.ulid));
    }
    let max_bytes = retention.max_bytes(disk_bytes);
    let mut sum = head_bytes;
    let too_much = |(_, bytes): &(&BlockMeta, u64)| {
        sum = sum.saturating_add(*bytes);
        sum > max_bytes
    };
    if max_bytes > 0
        && let Some(at) = newest_first.iter().position(too_much)
    {
        out.by_size = true;
        out.blocks.extend(newest_first[at..].iter().map(|(meta, _)| meta.ulid));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(i: u128, max_time: i64) -> BlockMeta {
        let text = format!(r#"{{"ulid":"{}","minTime":0,"maxTime":{max_time},"version":1}}"#, Ulid::from(i));
        BlockMeta::parse(text.as_bytes(), std::path::Path::new("x")).expect("a meta")
    }

    fn check(retention: Retention, disk_bytes: u64, gone: &[u128], by: (bool, bool)) {
        // Ten bytes each and five of the head.
        let blocks = [block(1, 1000), block(3, 3000), block(2, 2000)];
        let found = beyond(blocks.iter().map(|b| (b, 10)), &retention, disk_bytes, 5);
        let gone: BTreeSet<Ulid> = gone.iter().map(|&i| Ulid::from(i)).collect();
        assert_eq!((&found.blocks, found.by_time, found.by_size), (&gone, by.0, by.1), "{retention:?}");
    }

    #[test]
    fn bounds_are_upstreams() {
        let time = |ms| Retention::of_time(Duration::from_millis(ms));
        let size = |size_bytes| Retention { size_bytes, ..Retention::UNLIMITED };
        let share = |percentage, size_bytes| Retention { size_bytes, percentage, ..Retention::UNLIMITED };
        check(Retention::UNLIMITED, 100, &[], (false, false));
        check(time(2001), 0, &[], (false, false));
        check(time(2000), 0, &[1], (true, false));
        check(time(1), 0, &[1, 2], (true, false));
        check(size(35), 0, &[], (false, false));
        check(size(34), 0, &[1], (false, true));
        check(size(14), 0, &[1, 2, 3], (false, true));
        check(share(30.0, 1), 100, &[1], (false, true));
        // The disk's size is not known: the bytes stand.
        check(share(30.0, 24), 0, &[1, 2], (false, true));
        check(Retention { size_bytes: 24, ..time(2000) }, 0, &[1, 2], (true, true));
    }

    #[test]
    fn marked_blocks_go_whatever_the_bounds() {
        let mut marked = block(7, 10);
        marked.compaction.deletable = true;
        let found = beyond([(&marked, 1)], &Retention::UNLIMITED, 0, 0);
        assert_eq!(found.blocks, BTreeSet::from([Ulid::from(7)]));
    }
}
