//! Both ways with a reference promtool: it lists, analyses and dumps our blocks, and we read the blocks it makes.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use firesteel_base::vfs::{OsVfs, Vfs};
use firesteel_model::{Labels, Matcher};
use firesteel_testkit::peer;
use firesteel_tsdb_block::{Block, Ulid, WriteOptions, compact};

use super::data::{Data, open, range, select, write};

const T0: i64 = 1_700_000_000_000;

fn data(shift: i64) -> Data {
    let labels = |i: i64| {
        let pairs = [("__name__", "ours".to_owned()), ("i", i.to_string()), ("path", format!("/{}", i % 3))];
        Labels::from_pairs(pairs)
    };
    // Values follow from the time, so that blocks agree where they overlap.
    let samples = |i: i64| (0..200).map(move |k| (T0 + shift + k * 1000, ((shift / 1000 + k) * i % 17) as f64));
    (0..50).map(|i| (labels(i), samples(i).collect())).collect()
}

fn run(program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Parses what `promtool tsdb dump` prints: `{a="b"} value time`.
fn parse_dump(text: &str) -> Data {
    let mut data = Data::new();
    for line in text.lines() {
        let (head, t) = line.rsplit_once(' ').expect("a time");
        let (labels, v) = head.rsplit_once(' ').expect("a value");
        let inside = labels.trim_start_matches('{').trim_end_matches('}');
        let pairs = inside.split("\", ").map(|pair| pair.split_once("=\"").expect("a pair"));
        let labels = Labels::from_pairs(pairs.map(|(n, v)| (n, v.trim_end_matches('"'))));
        data.entry(labels).or_default().insert(t.parse().expect("a time"), v.parse().expect("a value"));
    }
    data
}

#[test]
fn a_reference_reads_our_blocks() {
    let Some(promtool) = peer("promtool") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path();
    OsVfs.create_dir_all(&path.join("wal")).expect("a directory");
    // Two that overlap, made one; and one behind them, with a deletion.
    let (first, second, third) = (data(0), data(100_000), data(500_000));
    let parents: Vec<Arc<Block>> = [(1, &first), (2, &second)]
        .map(|(n, d)| open(&OsVfs, path, &write(&OsVfs, path, n, d).expect("samples")))
        .into();
    let merged = compact(&OsVfs, path, &parents, Ulid::from_parts(1_700_000_000_000, 3), &mut WriteOptions::default());
    let merged = merged.expect("a merge").expect("samples");
    for parent in &parents {
        OsVfs.remove_dir_all(parent.dir()).expect("remove");
    }
    let behind = open(&OsVfs, path, &write(&OsVfs, path, 4, &third).expect("samples"));
    let deleted = range(T0 + 520_000, T0 + 560_000);
    assert_eq!(behind.delete(&OsVfs, deleted, &[Matcher::equal("i", "7")]).expect("a deletion"), 1);

    let list = run(&promtool, &["tsdb", "list", path.to_str().expect("UTF-8")]);
    let row = |ulid: &Ulid| {
        let row = list.lines().find(|l| l.starts_with(&ulid.to_string())).unwrap_or_else(|| panic!("not in {list}"));
        row.split_whitespace().skip(4).map(|n| n.parse().expect("a number")).collect::<Vec<u64>>()
    };
    assert_eq!(row(&merged.ulid)[..3], [merged.stats.num_samples, merged.stats.num_chunks, merged.stats.num_series]);
    assert_eq!(row(&behind.ulid()), [10_000, behind.meta().stats.num_chunks, 50, behind.size_bytes()]);

    let name = merged.ulid.to_string();
    let analysis = run(&promtool, &["tsdb", "analyze", path.to_str().expect("UTF-8"), &name]);
    for line in ["Label names: 3", "Postings (unique label pairs): 54", "Postings entries (total label pairs): 150"] {
        assert!(analysis.contains(line), "{line}: {analysis}");
    }

    let mut wanted = first;
    for (labels, samples) in second.into_iter().chain(third) {
        wanted.entry(labels).or_default().extend(samples);
    }
    for (labels, samples) in &mut wanted {
        if labels.value("i") == "7" {
            samples.retain(|t, _| !(deleted.min.0..=deleted.max.0).contains(t));
        }
    }
    let dump = parse_dump(&run(&promtool, &["tsdb", "dump", path.to_str().expect("UTF-8")]));
    assert!(dump == wanted, "{} and {} series", dump.len(), wanted.len());
}

#[test]
fn we_read_a_references_blocks() {
    let Some(promtool) = peer("promtool") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let (text, out) = (dir.path().join("in"), dir.path().join("out"));
    let mut page = String::from("# TYPE theirs gauge\n");
    let mut wanted = Data::new();
    for i in 0..40 {
        let labels = Labels::from_pairs([("__name__", "theirs".to_owned()), ("i", i.to_string())]);
        let samples = wanted.entry(labels).or_default();
        // Across several blocks of two hours.
        for k in 0..300 {
            let t = T0 / 1000 + k * 60;
            page.push_str(&format!("theirs{{i=\"{i}\"}} {} {t}\n", (k * i) % 13));
            samples.insert(t * 1000, ((k * i) % 13) as f64);
        }
    }
    page.push_str("# EOF\n");
    std::fs::write(&text, page).expect("a file");
    let args =
        ["tsdb", "create-blocks-from", "openmetrics", text.to_str().expect("UTF-8"), out.to_str().expect("UTF-8")];
    run(&promtool, &args);
    let mut found = Data::new();
    let mut blocks = Vec::new();
    for entry in OsVfs.list(&out).expect("list").into_iter().filter(|e| Ulid::from_string(&e.name).is_ok()) {
        let block = Block::open(&OsVfs, &out.join(entry.name)).expect("a block");
        for (labels, samples) in select(&block, range(i64::MIN, i64::MAX), &[]) {
            found.entry(labels).or_default().extend(samples);
        }
        blocks.push(block);
    }
    assert!(blocks.len() > 1);
    assert!(found == wanted);
    let meta = compact(&OsVfs, &out, &blocks, Ulid::from_parts(1, 1), &mut WriteOptions::default());
    let merged = open(&OsVfs, &out, &meta.expect("a merge").expect("samples"));
    assert!(select(&merged, range(i64::MIN, i64::MAX), &[]) == wanted);
}
