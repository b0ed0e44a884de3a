//! The time of reading real pages, beside the fastest that anything can do with them: finding the ends of their lines.
//!
//! The three take turns within each round, so that what disturbs the machine disturbs all, and it is the thread's own time
//! that counts: a long page would be interrupted more often than a short scan.

use std::hint::black_box;
use std::path::Path;

use firesteel_base::TimestampMs;
use firesteel_expfmt::Format;
use firesteel_scrape::{Ingester, MetadataStore, Page, PageFormat, SampleRules, TargetCache};
use rustix::time::{ClockId, clock_gettime};

use crate::scrape::Null;

/// Prints a line for each file: name, bytes, and nanoseconds of the scan, the known page and the new one (medians).
pub(crate) fn time(rounds: usize, files: &[&str]) -> bool {
    files.iter().all(|file| one(rounds.max(3), Path::new(file)))
}

/// Returns how long this thread has run.
fn own_time_ns() -> u64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

fn one(rounds: usize, file: &Path) -> bool {
    let Ok(body) = std::fs::read(file) else {
        eprintln!("cannot read {}", file.display());
        return false;
    };
    let format = if body.ends_with(b"# EOF\n") { Format::OpenMetrics } else { Format::Text };
    let rules = SampleRules {
        target_labels: vec![("instance".into(), "127.0.0.1:9100".into()), ("job".into(), "node".into())],
        honor_timestamps: true,
        ..SampleRules::default()
    };
    let mut ingester = Ingester::new();
    let mut t = 0;
    let mut scrape = |cache: &mut TargetCache, store: &mut MetadataStore| {
        t += 1;
        let page =
            Page { body: &body, format: PageFormat::Lines(format), scrape_time: TimestampMs(t), now: TimestampMs(t) };
        let (counts, result) = ingester.ingest(page, &rules, cache, store, &Null);
        assert!(result.is_ok() && counts.scraped > 0, "{}", file.display());
    };
    let (mut cache, mut store) = (TargetCache::new(), MetadataStore::default());
    scrape(&mut cache, &mut store);
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        let mut took = |at: usize, work: &mut dyn FnMut()| {
            // The first of two warms the caches of what stood back meanwhile.
            work();
            let start = own_time_ns();
            work();
            times[at].push(own_time_ns().saturating_sub(start));
        };
        took(0, &mut || {
            black_box(memchr::memchr_iter(b'\n', black_box(&body)).map(|at| at & 1).sum::<usize>());
        });
        took(1, &mut || scrape(&mut cache, &mut store));
        took(2, &mut || scrape(&mut TargetCache::new(), &mut MetadataStore::default()));
    }
    let [scan, known, new] = times.map(|mut times| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    });
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    println!("{name} {} {scan} {known} {new}", body.len());
    true
}
