//! What the log costs a sample: encoding records, and handing them to the system with and without compression.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use firesteel_base::TimestampMs;
use firesteel_base::vfs::OsVfs;
use firesteel_model::SeriesRef;
use firesteel_tsdb::wal::records::SamplesRecord;
use firesteel_tsdb::wal::{Compression, OnFailure, Wal, WalOptions};

const SAMPLES: u64 = 1000;

fn rows(scrape: u64) -> impl Iterator<Item = (SeriesRef, TimestampMs, f64)> {
    (0..SAMPLES).map(move |i| (SeriesRef(1000 + i), TimestampMs(1_700_000_000_000), (i * 37 % 251 + scrape) as f64))
}

fn wal(c: &mut Criterion) {
    let mut group = c.benchmark_group("wal");
    group.throughput(Throughput::Elements(SAMPLES));
    let mut record = Vec::new();
    group.bench_function("encode", |b| {
        b.iter(|| {
            record.clear();
            SamplesRecord::encode(rows(1), &mut record);
            black_box(&record);
        });
    });
    group.bench_function("decode", |b| {
        b.iter(|| {
            let samples = SamplesRecord::decode(&record).expect("our own record");
            black_box(samples.map_while(Result::ok).map(|s| s.v).sum::<f64>())
        });
    });
    for (name, compression) in
        [("none", Compression::None), ("snappy", Compression::Snappy), ("zstd", Compression::Zstd)]
    {
        let dir = tempfile::tempdir().expect("a directory");
        let options = WalOptions { compression, segment_bytes: 1 << 24, ..WalOptions::default() };
        let wal = Wal::open(Arc::new(OsVfs), dir.path(), options).expect("open");
        let mut scrape = 0;
        group.bench_function(format!("encode+log/{name}"), |b| {
            b.iter(|| {
                scrape += 1;
                record.clear();
                SamplesRecord::encode(rows(scrape), &mut record);
                let _ = wal.log(&[&record], OnFailure::Refuse).expect("log");
                if scrape % 2000 == 0 {
                    wal.truncate(wal.current_segment()).expect("truncate");
                }
            });
        });
    }
}

criterion_group!(benches, wal);
criterion_main!(benches);
