//! Whatever happens while a block is written, compacted or deleted from: what was there stays, and what is there is whole.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::{Crash, FaultVfs, Faults, Vfs};
use firesteel_model::{Labels, Matcher};
use firesteel_tsdb_block::{Block, BlockError, BlockSpec, TMP_FOR_CREATION, Ulid, WriteOptions, compact, write_block};

use super::data::{Data, open, range, select, source, write};

const DIR: &str = "/data";

fn data(from: i64, series: usize) -> Data {
    let labels = |i: usize| Labels::from_pairs([("__name__", "m".to_owned()), ("i", format!("{i:03}"))]);
    (0..series).map(|i| (labels(i), (from..from + 40).map(|t| (t, (t * i as i64) as f64)).collect())).collect()
}

struct Before {
    vfs: FaultVfs,
    first: Data,
    second: Data,
}

/// Two blocks, safe on disk, that overlap.
fn before() -> Before {
    let vfs = FaultVfs::new();
    vfs.create_dir_all(Path::new(DIR)).expect("a directory");
    vfs.sync_dir(Path::new("/")).expect("sync");
    let (first, second) = (data(0, 30), data(20, 40));
    write(&vfs, Path::new(DIR), 1, &first).expect("samples");
    write(&vfs, Path::new(DIR), 2, &second).expect("samples");
    Before { vfs, first, second }
}

/// Opens every block that has its name, as a start of the database does.
fn blocks(vfs: &FaultVfs) -> Vec<Arc<Block>> {
    let entries = vfs.list(Path::new(DIR)).expect("list");
    let named = entries.iter().filter(|e| e.is_dir && !e.name.ends_with(TMP_FOR_CREATION));
    named.map(|e| Block::open(vfs, &Path::new(DIR).join(&e.name)).expect("a block with its name is whole")).collect()
}

fn everything(block: &Block) -> Data {
    select(block, range(i64::MIN, i64::MAX), &[])
}

fn union(a: &Data, b: &Data) -> Data {
    let mut all = a.clone();
    for (labels, samples) in b {
        all.entry(labels.clone()).or_default().extend(samples);
    }
    all
}

/// Runs `act` with every fault, with and without a crash behind it, and hands what is left to `check`, with whether `act` had
/// said that it was done.
fn each_fault(act: impl Fn(&FaultVfs) -> Result<(), BlockError>, check: impl Fn(&FaultVfs, &Before, bool)) {
    let dry = before();
    dry.vfs.set_faults(Faults::default());
    act(&dry.vfs).expect("no fault yet");
    let calls = dry.vfs.calls();
    assert!(calls > 4, "only {calls} calls");
    check(&dry.vfs, &dry, true);
    check(&dry.vfs.crash(Crash::LoseAll), &dry, true);
    for n in 0..calls {
        for faults in
            [Faults { eio_at: Some(n), ..Faults::default() }, Faults { gone_from: Some(n), ..Faults::default() }]
        {
            let case = before();
            case.vfs.set_faults(faults);
            let done = act(&case.vfs).is_ok();
            case.vfs.set_faults(Faults::default());
            check(&case.vfs, &case, done);
            check(&case.vfs.crash(Crash::LoseAll), &case, done);
            for seed in 0..4 {
                check(&case.vfs.crash(Crash::Dice { seed: seed + n * 1000 }), &case, done);
            }
        }
    }
    for space in [0u64, 1, 100, 1000, 3000, 6000, 9000] {
        let case = before();
        let used = 20_000;
        case.vfs.set_faults(Faults { space_bytes: Some(used + space), ..Faults::default() });
        let done = act(&case.vfs);
        if let Err(e) = &done {
            assert!(e.is_storage_full(), "{e}");
        }
        case.vfs.set_faults(Faults::default());
        check(&case.vfs, &case, done.is_ok());
    }
}

#[test]
fn a_block_is_there_as_a_whole_or_not_at_all() {
    let third = data(100, 50);
    let act = |vfs: &FaultVfs| {
        let spec = BlockSpec::of_head(Ulid::from_parts(3, 3), 100, 140);
        let mut source = source(&third, 9);
        // Small segments, so that there are several.
        let mut options = WriteOptions { segment_bytes: 2000, ..WriteOptions::default() };
        write_block(vfs, Path::new(DIR), &spec, &mut source, &mut options).map(|_| ())
    };
    each_fault(act, |vfs, before, done| {
        let mut found: Vec<Data> = blocks(vfs).iter().map(|b| everything(b)).collect();
        if done || found.len() == 3 {
            assert!(found.contains(&third));
            found.retain(|d| *d != third);
        }
        assert_eq!(found.len(), 2);
        assert!(found.contains(&before.first) && found.contains(&before.second));
    });
}

#[test]
fn parents_stay_when_compaction_fails() {
    let act = |vfs: &FaultVfs| {
        let parents = blocks(vfs);
        compact(vfs, Path::new(DIR), &parents, Ulid::from_parts(3, 3), &mut WriteOptions::default()).map(|_| ())
    };
    each_fault(act, |vfs, before, done| {
        let union = union(&before.first, &before.second);
        let open = blocks(vfs);
        let mut found: Vec<Data> = open.iter().map(|b| everything(b)).collect();
        if done || found.len() == 3 {
            assert!(found.contains(&union));
            found.retain(|d| *d != union);
        }
        assert_eq!(found.len(), 2);
        assert!(found.contains(&before.first) && found.contains(&before.second));
    });
}

#[test]
fn a_deletion_holds_or_does_not() {
    let matcher = || [Matcher::equal("i", "007")];
    let act = |vfs: &FaultVfs| {
        blocks(vfs).iter().try_for_each(|b| b.delete(vfs, range(10, 30), &matcher()).map(|n| assert_eq!(n, 1)))
    };
    each_fault(act, |vfs, before, done| {
        let cut = |data: &Data| {
            let mut data = data.clone();
            for (labels, samples) in &mut data {
                if labels.value("i") == "007" {
                    samples.retain(|t, _| !(10..=30).contains(t));
                }
            }
            data
        };
        let open = blocks(vfs);
        assert_eq!(open.len(), 2);
        for (block, whole) in open.iter().zip([&before.first, &before.second]) {
            let found = everything(block);
            assert!(found == cut(whole) || !done && found == *whole);
        }
    });
}

#[test]
fn a_cancelled_writer_leaves_nothing() {
    let case = before();
    let stop = std::sync::atomic::AtomicBool::new(true);
    let mut options = WriteOptions { cancelled: Some(&stop), ..WriteOptions::default() };
    let parents = blocks(&case.vfs);
    let done = compact(&case.vfs, Path::new(DIR), &parents, Ulid::from_parts(3, 3), &mut options);
    assert!(matches!(done, Err(BlockError::Cancelled)));
    assert_eq!(case.vfs.list(Path::new(DIR)).expect("list").len(), 2);
    assert!(parents.iter().all(|b| !b.meta().compaction.failed));
}

#[test]
fn a_snapshot_is_a_block_of_its_own() {
    let case = before();
    let to = Path::new("/snapshot");
    case.vfs.create_dir_all(to).expect("a directory");
    let parents = blocks(&case.vfs);
    for block in &parents {
        block.snapshot(&case.vfs, to).expect("links");
    }
    case.vfs.remove_dir_all(Path::new(DIR)).expect("remove");
    let meta = parents[0].meta();
    assert_eq!(everything(&open(&case.vfs, to, &meta)), case.first);
    assert_eq!(everything(&parents[0]), case.first, "who holds a block reads on");
}
