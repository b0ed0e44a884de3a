//! A page of 1,000 samples into an appender that does nothing: what parsing and identifying a sample costs.
//!
//! `cargo bench -p firesteel-scrape`; criterion's element is one sample. `node_exporter` is a real page of the corpus
//! (`FIRESTEEL_CORPUS`), measured in bytes, beside a plain scan for the ends of its lines: the known page is to reach at
//! least 1/15 of its speed, the new one 1/60.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use firesteel_base::TimestampMs;
use firesteel_expfmt::Format;
use firesteel_model::{Labels, Metadata, SeriesRef};
use firesteel_scrape::{Ingester, MetadataStore, Page, SampleRules, TargetCache};
use firesteel_storage::{
    AppendError, AppendOptions, Appendable, Appender, Committed, Exemplar, HistogramSample, Rejected, SampleBatch,
    SeriesMeta, StorageError,
};

struct Null;

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
        std::hint::black_box(rows.len());
    }
    fn append_histograms(&mut self, _: &[HistogramSample], _: AppendOptions, _: &mut Vec<Rejected>) {}
    fn append_exemplars(&mut self, _: &[Exemplar], _: &mut Vec<Rejected>) {}
    fn metadata(&mut self, _: SeriesRef, _: &Metadata) {}
    fn commit(self: Box<Self>) -> Result<Committed, StorageError> {
        Ok(Committed::default())
    }
}

/// About 103 bytes a sample, four tenths of them histogram buckets, as the load of the design's figures.
fn page(round: u64) -> Vec<u8> {
    let mut out = String::new();
    for family in 0..40 {
        out.push_str(&format!("# HELP http_request_duration_seconds_{family} How long requests took.\n"));
        out.push_str(&format!("# TYPE http_request_duration_seconds_{family} histogram\n"));
        for le in 0..10 {
            out.push_str(&format!(
                "http_request_duration_seconds_{family}_bucket{{handler=\"/api/v1/thing{family}\",method=\"GET\",code=\"200\",le=\"0.{le}\"}} {}\n",
                1000 * le + family + round
            ));
        }
    }
    for i in 0..350 {
        if i % 35 == 0 {
            out.push_str(&format!("# TYPE process_operations_{}_total counter\n", i / 35));
        }
        out.push_str(&format!(
            "process_operations_{}_total{{shard=\"{i}\",zone=\"eu-central-1a\",instance_type=\"m5.large\",queue=\"default\"}} {}\n",
            i / 35,
            i * 12345 + round
        ));
    }
    for i in 0..250 {
        if i % 25 == 0 {
            out.push_str(&format!("# TYPE node_memory_state_{}_bytes gauge\n", i / 25));
        }
        out.push_str(&format!(
            "node_memory_state_{}_bytes{{node=\"worker-{i}\",numa=\"0\",region=\"eu-central-1\",type=\"anonymous\"}} {}.{}\n",
            i / 25,
            i * 777 + round,
            i % 10
        ));
    }
    out.into_bytes()
}

fn bench(c: &mut Criterion) {
    let pages: Vec<Vec<u8>> = (0..8).map(page).collect();
    let rules = SampleRules {
        target_labels: vec![("instance".into(), "127.0.0.1:9100".into()), ("job".into(), "node".into())],
        honor_timestamps: true,
        ..SampleRules::default()
    };
    let mut group = c.benchmark_group("ingest");
    group.throughput(Throughput::Elements(1000));
    let scrape = |ingester: &mut Ingester, cache: &mut TargetCache, store: &mut MetadataStore, t: i64| {
        let body = &pages[t as usize % pages.len()];
        let page = Page {
            body,
            format: firesteel_scrape::PageFormat::Lines(Format::Text),
            scrape_time: TimestampMs(t),
            now: TimestampMs(t),
        };
        let (counts, result) = ingester.ingest(page, &rules, cache, store, &Null);
        assert!(result.is_ok() && counts.scraped == 1000);
    };
    let (mut ingester, mut cache, mut store) = (Ingester::new(), TargetCache::new(), MetadataStore::default());
    let mut t = 0;
    group.bench_function("known page", |b| {
        b.iter(|| {
            t += 1;
            scrape(&mut ingester, &mut cache, &mut store, t);
        });
    });
    group.bench_function("new page", |b| {
        b.iter(|| {
            t += 1;
            scrape(&mut ingester, &mut TargetCache::new(), &mut MetadataStore::default(), t);
        });
    });
    group.finish();
}

/// A real page beside the fastest that anything can do with it: finding the ends of its lines.
fn node_exporter(c: &mut Criterion) {
    // Without the corpus there is no such page.
    let Some(corpus) = std::env::var_os("FIRESTEEL_CORPUS") else { return };
    let body = std::fs::read(std::path::Path::new(&corpus).join("exposition/text/node_exporter-e2e-output.txt"));
    let body = body.expect("the corpus has the page");
    let rules = SampleRules { honor_timestamps: true, ..SampleRules::default() };
    let mut group = c.benchmark_group("node_exporter");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("ends of lines", |b| {
        b.iter(|| memchr::memchr_iter(b'\n', &body).map(|at| at & 1).sum::<usize>());
    });
    let (mut ingester, mut cache, mut store) = (Ingester::new(), TargetCache::new(), MetadataStore::default());
    let mut t = 0;
    let mut scrape = |cache: &mut TargetCache, store: &mut MetadataStore| {
        t += 1;
        let format = firesteel_scrape::PageFormat::Lines(Format::Text);
        let page = Page { body: &body, format, scrape_time: TimestampMs(t), now: TimestampMs(t) };
        let (counts, result) = ingester.ingest(page, &rules, cache, store, &Null);
        assert!(result.is_ok() && counts.scraped > 1000);
    };
    group.bench_function("known page", |b| b.iter(|| scrape(&mut cache, &mut store)));
    group.bench_function("new page", |b| b.iter(|| scrape(&mut TargetCache::new(), &mut MetadataStore::default())));
    group.finish();
}

criterion_group!(benches, bench, node_exporter);
criterion_main!(benches);
