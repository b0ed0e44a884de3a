//! Blocks of other programs.

use std::collections::BTreeMap;
use std::path::Path;

use firesteel_base::vfs::{FaultVfs, OsVfs, Vfs};
use firesteel_model::Matcher;
use firesteel_storage::{Encoding, Queryable, Selection};
use firesteel_testkit::corpus;
use firesteel_tsdb_block::{Block, BlockSpec, Ulid, WriteOptions, repair_index_version, write_block};

use super::data::{range, select};

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

/// Copies a block into memory, where it may be changed.
fn copied(dir: &Path) -> FaultVfs {
    let vfs = FaultVfs::new();
    copy(&vfs, dir, Path::new("/block"));
    vfs
}

fn copy(vfs: &FaultVfs, from: &Path, to: &Path) {
    vfs.create_dir_all(to).expect("a directory");
    for entry in OsVfs.list(from).expect("list") {
        let (from, to) = (from.join(&entry.name), to.join(&entry.name));
        if entry.is_dir {
            copy(vfs, &from, &to);
        } else {
            let file = vfs.create(&to).expect("a file");
            file.write_all_at(&(&OsVfs as &dyn Vfs).read(&from).expect("a read"), 0).expect("a write");
        }
    }
}

#[test]
fn version_1_of_the_index() {
    let Some(dir) = corpus("tsdb/index_format_v1") else { return };
    let block = Block::open(&OsVfs, &dir).expect("a block");
    assert_eq!(block.index_version(), 1);
    let all = select(&block, range(ALL.0, ALL.1), &[]);
    assert_eq!(all.len() as u64, block.meta().stats.num_series);
    assert_eq!(all.values().map(|s| s.len() as u64).sum::<u64>(), block.meta().stats.num_samples);
    // It holds {foo="bar"} and {bar="0"} to {bar="99"} twice over.
    let querier = block.querier(range(ALL.0, ALL.1)).expect("a querier");
    let values = querier.label_values("bar", &Selection::default()).expect("values");
    assert_eq!(values.len(), 100);
    assert!(values.is_sorted());
    let one = select(&block, range(ALL.0, ALL.1), &[Matcher::equal("bar", "7")]);
    assert_eq!(one.keys().map(|l| l.value("bar")).collect::<Vec<_>>(), ["7"]);

    // Written anew it is version 2 and says the same.
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new("/data")).expect("a directory");
    let spec = BlockSpec::rewritten(Ulid::from_parts(1, 1), &block.meta());
    let mut source = block.source().expect("a source");
    let meta = write_block(&vfs, Path::new("/data"), &spec, &mut source, &mut WriteOptions::default());
    let meta = meta.expect("a write").expect("samples");
    let again = Block::open(&vfs, &Path::new("/data").join(meta.ulid.to_string())).expect("a block");
    assert_eq!(again.index_version(), 2);
    assert_eq!(select(&again, range(ALL.0, ALL.1), &[]), all);
}

#[test]
fn a_block_whose_version_was_written_wrongly_is_repaired() {
    let Some(dir) = corpus("tsdb/repair_index_version/01BZJ9WJQPWHGNC2W4J9TA62KC") else { return };
    let vfs = copied(&dir);
    let block = Path::new("/block");
    vfs.create_dir_all(&block.join("chunks")).expect("a directory");
    assert!(Block::open(&vfs, block).is_err());
    assert!(repair_index_version(&vfs, block).expect("a repair"));
    assert!(!repair_index_version(&vfs, block).expect("nothing to do"));
    let open = Block::open(&vfs, block).expect("a block");
    assert_eq!((open.index_version(), open.meta().version), (2, 1));
    assert_eq!(open.meta().stats.num_series, 88910);
}

#[test]
fn a_snapshot_of_prometheus_reads_as_its_own_dump() {
    let Some(dir) = corpus("tsdb") else { return };
    let block = Block::open(&OsVfs, &dir.join("prometheus-2.42-snapshot/01M7XXWF0JWZM474PSDQ3PVAWR")).expect("a block");
    let dump = std::fs::read_to_string(dir.join("prometheus-2.42-snapshot.dump.txt")).expect("a dump");
    let mut wanted: BTreeMap<&str, BTreeMap<i64, f64>> = BTreeMap::new();
    for line in dump.lines() {
        // {a="b"} value time
        let (head, t) = line.rsplit_once(' ').expect("a time");
        let (labels, v) = head.rsplit_once(' ').expect("a value");
        wanted.entry(labels).or_default().insert(t.parse().expect("a time"), v.parse().expect("a value"));
    }
    // The dump of that version leaves histograms out; those chunks are another's to decode.
    let all = range(ALL.0, ALL.1);
    let querier = block.querier(all).expect("a querier");
    let selected = querier.select(&Selection::default()).expect("a selection");
    assert_eq!(selected.series().len() as u64, block.meta().stats.num_series);
    let mut histograms = 0;
    for (i, series) in selected.series().iter().enumerate() {
        let mut chunks = Vec::new();
        selected.chunks(i, &mut chunks).expect("chunks");
        if chunks.iter().all(|c| c.encoding == Encoding::Xor) {
            let one: Vec<Matcher> = series.labels.iter().map(|(n, v)| Matcher::equal(n, v)).collect();
            let mut found = select(&block, all, &one);
            // Others may have more labels.
            found.retain(|labels, _| labels == &series.labels);
            let text = series.labels.to_string();
            assert_eq!(found.get(&series.labels).map(bits), wanted.get(text.as_str()).map(bits), "{text}");
        } else {
            histograms += chunks.iter().map(|c| u64::from(c.samples)).sum::<u64>();
        }
    }
    assert_eq!(histograms + 7214, block.meta().stats.num_samples);
}

fn bits(samples: &BTreeMap<i64, f64>) -> Vec<(i64, u64)> {
    samples.iter().map(|(&t, v)| (t, if v.is_nan() { 0 } else { v.to_bits() })).collect()
}
