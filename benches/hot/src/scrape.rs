//! A page of 1,000 lines, known and new, into an appender that does nothing.

use std::hint::black_box;

use firesteel_base::TimestampMs;
use firesteel_expfmt::Format;
use firesteel_model::{Labels, Metadata, SeriesRef};
use firesteel_scrape::{Ingester, MetadataStore, Page, SampleRules, TargetCache};
use firesteel_storage::{
    AppendError, AppendOptions, Appendable, Appender, Committed, Exemplar, HistogramSample, Rejected, SampleBatch,
    SeriesMeta, StorageError,
};

pub(crate) const LINES: u64 = 1_000;

pub(crate) struct Null;

impl Appendable for Null {
    fn appender(&self) -> Box<dyn Appender + '_> {
        Box::new(NullAppender(0))
    }
}

struct NullAppender(u64);

impl Appender for NullAppender {
    fn series(&mut self, _: &Labels, _: &SeriesMeta<'_>) -> Result<SeriesRef, AppendError> {
        self.0 += 1;
        Ok(SeriesRef(self.0))
    }
    fn known(&self, _: &Labels) -> Option<SeriesRef> {
        None
    }
    fn append(&mut self, rows: &SampleBatch, _: AppendOptions, _: &mut Vec<Rejected>) {
        black_box(rows.len());
    }
    fn append_histograms(&mut self, _: &[HistogramSample], _: AppendOptions, _: &mut Vec<Rejected>) {}
    fn append_exemplars(&mut self, _: &[Exemplar], _: &mut Vec<Rejected>) {}
    fn metadata(&mut self, _: SeriesRef, _: &Metadata) {}
    fn commit(self: Box<Self>) -> Result<Committed, StorageError> {
        Ok(Committed::default())
    }
}

fn page(round: u64) -> Vec<u8> {
    let mut out = String::from("# TYPE app_operations_total counter\n");
    for i in 0..LINES {
        out.push_str(&format!(
            "app_operations_total{{operation=\"operation-{i:04}\",component=\"storage-engine\",result=\"success\",\
             zone=\"zone-{}\"}} {}.{}\n",
            i % 3,
            i * 1_234 + round,
            i % 10
        ));
    }
    out.into_bytes()
}

/// Histograms of ten buckets and counters with their `_created` lines, as OpenMetrics.
fn openmetrics_page(round: u64) -> Vec<u8> {
    let mut out = String::from("# TYPE request_seconds histogram\n");
    for i in 0..LINES / 20 {
        let labels = format!("handler=\"/api/v1/resource/{i}\",method=\"GET\"");
        for le in 1..=9 {
            out.push_str(&format!("request_seconds_bucket{{{labels},le=\"{le}.0\"}} {}\n", le * (round + i)));
        }
        out.push_str(&format!("request_seconds_bucket{{{labels},le=\"+Inf\"}} {}\n", 9 * (round + i)));
        out.push_str(&format!("request_seconds_count{{{labels}}} {}\n", 9 * (round + i)));
        out.push_str(&format!("request_seconds_created{{{labels}}} 1700000000.5\n"));
    }
    out.push_str("# TYPE operations counter\n");
    for i in 0..LINES / 5 {
        out.push_str(&format!("operations_total{{operation=\"operation-{i:04}\"}} {}\n", i * 1_234 + round));
        out.push_str(&format!("operations_created{{operation=\"operation-{i:04}\"}} 1700000000.5\n"));
    }
    out.push_str("# EOF\n");
    out.into_bytes()
}

fn openmetrics(rounds: u64, rules: SampleRules) {
    let pages: Vec<Vec<u8>> = (0..4).map(openmetrics_page).collect();
    let (mut ingester, mut cache, mut store) = (Ingester::new(), TargetCache::new(), MetadataStore::default());
    for round in 0..=rounds {
        let t = TimestampMs(1_700_000_000_000 + round as i64 * 5_000);
        let body = &pages[round as usize % pages.len()];
        let format = firesteel_scrape::PageFormat::Lines(Format::OpenMetrics);
        let page = Page { body, format, scrape_time: t, now: t };
        let (counts, result) = ingester.ingest(page, &rules, &mut cache, &mut store, &Null);
        assert!(result.is_ok() && counts.scraped > 0);
    }
}

pub(crate) fn classic_as_native(rounds: u64) {
    openmetrics(rounds, SampleRules { custom_buckets: true, ..SampleRules::default() });
}

pub(crate) fn with_starts(rounds: u64) {
    openmetrics(rounds, SampleRules { starts: true, ..SampleRules::default() });
}

fn scrape(rounds: u64, forget: bool) {
    let pages: Vec<Vec<u8>> = (0..4).map(page).collect();
    let rules = SampleRules {
        target_labels: vec![("instance".into(), "127.0.0.1:9100".into()), ("job".into(), "node".into())],
        honor_timestamps: true,
        ..SampleRules::default()
    };
    let (mut ingester, mut cache, mut store) = (Ingester::new(), TargetCache::new(), MetadataStore::default());
    for round in 0..=rounds {
        if forget {
            cache = TargetCache::new();
        }
        let t = TimestampMs(1_700_000_000_000 + round as i64 * 5_000);
        let body = &pages[round as usize % pages.len()];
        let page = Page { body, format: firesteel_scrape::PageFormat::Lines(Format::Text), scrape_time: t, now: t };
        let (counts, result) = ingester.ingest(page, &rules, &mut cache, &mut store, &Null);
        assert!(result.is_ok() && counts.scraped == LINES);
    }
}

pub(crate) fn known(rounds: u64) {
    scrape(rounds, false);
}

pub(crate) fn new(rounds: u64) {
    scrape(rounds, true);
}
