//! The time of reading real pages, beside the fastest that anything can do with them: finding the ends of their lines.
//!
//! The three take turns within each round, so that what disturbs the machine disturbs all.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use firesteel_base::TimestampMs;
use firesteel_expfmt::Format;
use firesteel_scrape::{Ingester, MetadataStore, Page, PageFormat, SampleRules, TargetCache};

use crate::scrape::Null;

/// Prints a line for each file: name, bytes, and nanoseconds of the scan, the known page and the new one (medians).
pub(crate) fn time(rounds: usize, files: &[&str]) -> bool {
    files.iter().all(|file| one(rounds.max(3), Path::new(file)))
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
            let start = Instant::now();
            work();
            times[at].push(start.elapsed().as_nanos() as u64);
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
