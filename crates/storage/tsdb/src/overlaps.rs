//! Which blocks overlap, for the warning at reload. Grouping and words are upstream's (`tsdb/db.go`, `OverlappingBlocks`).

use firesteel_go_compat::format_go_duration;
use firesteel_tsdb_block::BlockMeta;

/// Describes the groups of overlapping blocks of a list sorted by least time; `None` if there are none.
pub(crate) fn describe(blocks: &[&BlockMeta]) -> Option<String> {
    let (first, rest) = blocks.split_first()?;
    let mut groups: Vec<Vec<&BlockMeta>> = Vec::new();
    let mut pending = vec![*first];
    let mut continues = true;
    for block in rest {
        let before = pending.len();
        pending.retain(|p| block.min_time < p.max_time);
        continues &= pending.len() == before;
        if !pending.is_empty() {
            match groups.last_mut().filter(|_| continues) {
                Some(group) => group.push(block),
                None => groups.push(pending.iter().copied().chain([*block]).collect()),
            }
            continues = true;
        }
        pending.push(block);
    }
    let lines: Vec<String> = groups.iter().map(|group| line(group)).collect();
    if lines.is_empty() { None } else { Some(lines.join("\n")) }
}

fn line(group: &[&BlockMeta]) -> String {
    let min = group.iter().map(|b| b.min_time).max().unwrap_or(0).max(0);
    let max = group.iter().map(|b| b.max_time).min().unwrap_or(i64::MAX);
    let range = |from: i64, to: i64| format_go_duration((to - from) / 1000 * 1_000_000_000);
    let members: Vec<String> = group
        .iter()
        .map(|b| {
            let (from, to) = (b.min_time, b.max_time);
            format!("<ulid: {}, mint: {from}, maxt: {to}, range: {}>", b.ulid, range(from, to))
        })
        .collect();
    let n = group.len();
    format!("[mint: {min}, maxt: {max}, range: {}, blocks: {n}]: {}", range(min, max), members.join(", "))
}

#[cfg(test)]
mod tests {
    use firesteel_tsdb_block::Ulid;

    use super::*;

    fn check(ranges: &[(i64, i64)], expected: &[&str]) {
        let blocks: Vec<BlockMeta> = ranges
            .iter()
            .zip(1u128..)
            .map(|((min, max), i)| {
                let ulid = Ulid::from(i);
                let text = format!(r#"{{"ulid":"{ulid}","minTime":{min},"maxTime":{max},"version":1}}"#);
                BlockMeta::parse(text.as_bytes(), std::path::Path::new("x")).expect("a meta")
            })
            .collect();
        let found = describe(&blocks.iter().collect::<Vec<_>>()).unwrap_or_default();
        let heads: Vec<&str> = found.lines().map(|l| l.split(']').next().unwrap_or("")).collect();
        assert_eq!(heads, expected, "{found}");
    }

    #[test]
    fn groups_are_upstreams() {
        check(&[(0, 10), (10, 20), (20, 30)], &[]);
        check(&[(0, 20_000), (10_000, 20_000)], &["[mint: 10000, maxt: 20000, range: 10s, blocks: 2"]);
        // One block over two that do not touch each other.
        let two = ["[mint: 10, maxt: 20, range: 0s, blocks: 2", "[mint: 30, maxt: 40, range: 0s, blocks: 2"];
        check(&[(0, 100), (10, 20), (30, 40)], &two);
        check(&[(0, 30), (10, 40), (20, 50)], &["[mint: 20, maxt: 30, range: 0s, blocks: 3"]);
    }
}
