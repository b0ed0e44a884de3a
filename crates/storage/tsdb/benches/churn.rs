//! What churn leaves in memory: series are replaced by as many others, and blocks are cut of the old ones.
//!
//! Blocks are of two minutes, a sample every 15 seconds; eight rounds of the old, forty of the new, appended on a thread of
//! their own, as pushes are. Run: `cargo bench -p firesteel-tsdb --bench churn [-- SERIES]`.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod population;

use std::sync::Arc;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_model::SeriesRef;
use firesteel_storage::{AppendOptions, Appendable, SampleBatch, SeriesMeta};
use firesteel_tsdb::{Db, DbOptions, set_give_back};
use population::{labels, step};

/// As the server has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PER_TARGET: usize = 1000;
const STEP_MS: i64 = 15_000;
const BLOCK_ROUNDS: i64 = 8;

fn main() {
    set_give_back(collect);
    let series = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(50_000);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let options = DbOptions {
        min_block_duration: Duration::from_mins(2),
        max_block_duration: Duration::from_mins(20),
        background: false,
        ..DbOptions::new(dir.path())
    };
    let db = Db::open(options).expect("opens");
    let targets = series / PER_TARGET;
    let show = |what: &str, db: &Db| {
        let rss = rss_bytes();
        let heap = db.head_heap_bytes();
        println!("{what:<22} {:>8} kB resident, {:>8} kB of them the head's own", rss / 1024, heap / 1024);
    };
    show("empty", &db);
    append(&db, 0..targets, 0..BLOCK_ROUNDS);
    show("old series", &db);
    append(&db, targets..2 * targets, BLOCK_ROUNDS..2 * BLOCK_ROUNDS);
    show("new series beside them", &db);
    append(&db, targets..2 * targets, 2 * BLOCK_ROUNDS..6 * BLOCK_ROUNDS);
    show("48 rounds", &db);
    db.compact().expect("compacts");
    std::thread::sleep(Duration::from_millis(200));
    show("after truncation", &db);
    println!("{} series, {} blocks", db.head_stats().series, db.blocks().len());
}

fn collect() {
    #[expect(unsafe_code, reason = "the bindings have no safe way to collect")]
    // SAFETY: it may be called on any thread at any time, and takes nothing that is in use.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}

/// Scrapes these targets in these rounds.
fn append(db: &Arc<Db>, targets: std::ops::Range<usize>, rounds: std::ops::Range<i64>) {
    let db = Arc::clone(db);
    let work = move || {
        let base = 1_700_000_000_000i64;
        let (mut batch, mut rejected) = (SampleBatch::default(), Vec::new());
        let mut values = vec![0.0; targets.len() * PER_TARGET];
        for round in rounds {
            for (target, values) in targets.clone().zip(values.chunks_mut(PER_TARGET)) {
                let mut appender = db.appender();
                batch.clear();
                for (i, value) in values.iter_mut().enumerate() {
                    let series: SeriesRef =
                        appender.series(&labels(target, i), &SeriesMeta::default()).expect("is or becomes known");
                    step(value, i, round);
                    batch.push(series, TimestampMs(base + round * STEP_MS), *value);
                }
                appender.append(&batch, AppendOptions::default(), &mut rejected);
                assert_eq!(appender.commit().expect("commits").appended, PER_TARGET);
            }
        }
    };
    std::thread::spawn(work).join().expect("no append panics");
}

fn rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|l| l.starts_with("RssAnon:")).expect("a kernel since 4.5");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}
