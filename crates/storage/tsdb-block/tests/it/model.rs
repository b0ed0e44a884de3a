//! Random series, deletions and merges against maps in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{FaultVfs, Vfs};
use firesteel_model::{Labels, MatchType, Matcher};
use firesteel_storage::{LabelsWanted, Queryable, Selection};
use firesteel_tsdb_block::{Block, BlockSpec, Ulid, WriteOptions, compact, write_block};
use proptest::prelude::*;

use super::data::{Data, open, range, read, select, write};

fn labels() -> impl Strategy<Value = Labels> {
    let pairs = (0u8..4, 0u8..3, prop::option::of(0u8..40), prop::option::of(0u8..3));
    pairs.prop_map(|(name, job, instance, odd)| {
        let mut pairs = vec![("__name__", format!("metric_{name}")), ("job", format!("j{job}"))];
        pairs.extend(instance.map(|i| ("instance", format!("host-{i}.example"))));
        pairs.extend(odd.map(|i| ("odd", ["j1", "x\n", "é"][i as usize].to_owned())));
        Labels::from_pairs(pairs)
    })
}

fn data(times: std::ops::Range<i64>) -> impl Strategy<Value = Data> {
    let samples = prop::collection::btree_map(times, -1e3..1e3, 0..30);
    prop::collection::btree_map(labels(), samples, 1..60)
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let names = prop::sample::select(vec!["__name__", "job", "instance", "odd", "none"]);
    let values = prop::sample::select(vec![
        "",
        ".*",
        ".+",
        "metric_1",
        "metric_[12]",
        "j1",
        "j1|j2",
        "j1|",
        "host-1.*",
        "host-(1|2|30).example",
        "x\n",
        "é",
        "[^x]*",
    ]);
    let types =
        prop::sample::select(vec![MatchType::Equal, MatchType::NotEqual, MatchType::Regexp, MatchType::NotRegexp]);
    (types, names, values).prop_map(|(kind, name, value)| Matcher::new(kind, name, value).expect("a pattern"))
}

fn matches(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|m| m.matches(labels.value(m.name())))
}

fn expected(data: &Data, (min, max): (i64, i64), matchers: &[Matcher]) -> Data {
    let mut wanted = data.clone();
    wanted.retain(|labels, samples| {
        samples.retain(|t, _| (min..=max).contains(t));
        !samples.is_empty() && matches(matchers, labels)
    });
    wanted
}

fn check_queries(block: &Arc<Block>, data: &Data, matchers: &[Matcher]) {
    for (min, max) in [(i64::MIN, i64::MAX), (100, 500), (300, 300), (5000, 6000)] {
        assert_eq!(select(block, range(min, max), matchers), expected(data, (min, max), matchers), "{matchers:?}");
    }
}

/// Only some labels are the whole sets without the others, in the same order.
fn check_some_labels(block: &Arc<Block>, matchers: &[Matcher]) {
    let querier = block.querier(range(i64::MIN, i64::MAX)).expect("a querier");
    let what = Selection { matchers, ..Selection::default() };
    let whole = querier.select(&what).expect("a selection");
    for names in [&[][..], &["instance"], &["__name__", "none", "odd"]] {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let some = querier.select(&Selection { labels: LabelsWanted::Only(&names), ..what }).expect("a selection");
        let without = whole.series().iter().map(|entry| {
            Labels::from_pairs(entry.labels.iter().filter(|(name, _)| names.iter().any(|wanted| wanted == name)))
        });
        assert!(some.series().iter().map(|entry| entry.labels.clone()).eq(without), "{names:?} {matchers:?}");
    }
}

/// Names and values are of all series, whether deleted or not.
fn check_labels(block: &Arc<Block>, data: &Data, matchers: &[Matcher]) {
    let fit = || data.iter().filter(|(l, s)| !s.is_empty() && matches(matchers, l)).map(|(l, _)| l);
    let querier = block.querier(range(i64::MIN, i64::MAX)).expect("a querier");
    let what = Selection { matchers, ..Selection::default() };
    let names: BTreeSet<&str> = fit().flat_map(|l| l.iter().map(|(name, _)| name)).collect();
    let found = querier.label_names(&what).expect("names");
    assert!(found.iter().map(|n| &**n).eq(names), "{matchers:?}");
    for name in ["__name__", "instance", "odd", "none"] {
        let values: BTreeSet<&str> = fit().filter_map(|l| l.get(name)).collect();
        let found = querier.label_values(name, &what).expect("values");
        assert!(found.iter().map(|v| &**v).eq(values.iter().copied()), "{name} {matchers:?}: {found:?}");
        let limited = querier.label_values(name, &Selection { limit: 2, ..what }).expect("values");
        assert!(limited.iter().map(|v| &**v).eq(values.into_iter().take(2)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(
        data in data(0..1000),
        queries in prop::collection::vec(prop::collection::vec(matcher(), 0..4), 8),
        deletions in prop::collection::vec((0i64..1000, 0i64..300, prop::collection::vec(matcher(), 1..3)), 0..4),
    ) {
        let vfs = FaultVfs::new();
        let dir = Path::new("/data");
        vfs.create_dir_all(dir).expect("a directory");
        let Some(meta) = write(&vfs, dir, 1, &data) else {
            prop_assert!(data.values().all(BTreeMap::is_empty));
            prop_assert!(vfs.list(dir).expect("list").is_empty());
            return Ok(());
        };
        let held = data.values().filter(|s| !s.is_empty());
        prop_assert_eq!(meta.stats.num_series, held.count() as u64);
        prop_assert_eq!(meta.stats.num_samples, data.values().map(|s| s.len() as u64).sum::<u64>());
        let block = open(&vfs, dir, &meta);
        for matchers in &queries {
            check_queries(&block, &data, matchers);
            check_some_labels(&block, matchers);
            check_labels(&block, &data, matchers);
        }

        let mut left = data.clone();
        for (from, len, matchers) in &deletions {
            block.delete(&vfs, range(*from, from + len), matchers).expect("a deletion");
            for (labels, samples) in &mut left {
                if matches(matchers, labels) {
                    samples.retain(|t, _| !(*from..=from + len).contains(t));
                }
            }
        }
        // As it is open, opened again, and rewritten without what is deleted.
        let again = open(&vfs, dir, &meta);
        for block in [&block, &again] {
            for matchers in queries.iter().take(3) {
                check_queries(block, &left, matchers);
            }
        }
        let spec = BlockSpec::rewritten(Ulid::from_parts(1, 1), &again.meta());
        let mut source = again.source().expect("a source");
        let written = write_block(&vfs, dir, &spec, &mut source, &mut WriteOptions::default()).expect("a write");
        match written {
            None => prop_assert!(left.values().all(BTreeMap::is_empty)),
            Some(meta) => {
                let clean = open(&vfs, dir, &meta);
                prop_assert!(clean.tombstones().is_empty());
                check_queries(&clean, &left, &[]);
                prop_assert_eq!(meta.stats.num_samples, left.values().map(|s| s.len() as u64).sum::<u64>());
            }
        }
    }

    #[test]
    fn blocks_merge(parts in prop::collection::vec((data(0..200), 0i64..300, any::<bool>()), 1..5)) {
        let vfs = FaultVfs::new();
        let dir = Path::new("/data");
        vfs.create_dir_all(dir).expect("a directory");
        let mut blocks = Vec::new();
        let mut union = Data::new();
        for (i, (data, shift, delete)) in parts.iter().enumerate() {
            // A sample's value follows from series and time, so overlapping blocks agree.
            let part: Data = data
                .iter()
                .map(|(l, s)| (l.clone(), s.keys().map(|t| (t + shift, (t + shift) as f64 + l.len() as f64)).collect()))
                .collect();
            let Some(meta) = write(&vfs, dir, i as u128, &part) else { continue };
            let block = open(&vfs, dir, &meta);
            let mut left = part.clone();
            if *delete {
                let one = [Matcher::equal("__name__", "metric_1")];
                block.delete(&vfs, range(100, 250), &one).expect("a deletion");
                for (_, samples) in left.iter_mut().filter(|(l, _)| l.metric_name() == "metric_1") {
                    samples.retain(|t, _| !(100..=250).contains(t));
                }
            }
            for (labels, samples) in left.into_iter().filter(|(_, s)| !s.is_empty()) {
                union.entry(labels).or_default().extend(samples);
            }
            blocks.push(block);
        }
        if blocks.is_empty() {
            return Ok(());
        }
        let meta = compact(&vfs, dir, &blocks, Ulid::from_parts(2, 2), &mut WriteOptions::default()).expect("a merge");
        match meta {
            None => {
                prop_assert!(union.is_empty());
                prop_assert!(blocks.iter().all(|b| b.meta().compaction.deletable));
            }
            Some(meta) => {
                let merged = open(&vfs, dir, &meta);
                let querier = merged.querier(range(i64::MIN, i64::MAX)).expect("a querier");
                prop_assert_eq!(read(&*querier, range(i64::MIN, i64::MAX), &[]), union);
                prop_assert_eq!(meta.compaction.level, 2);
                prop_assert_eq!(meta.compaction.parents.len(), blocks.len());
                prop_assert_eq!(meta.compaction.sources.len(), blocks.len());
            }
        }
    }
}
