//! What the log costs a sample: encoding records, and handing them to the system with and without compression; `no-disk` is
//! all of it but the system's write.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use firesteel_base::TimestampMs;
use firesteel_base::vfs::{DirEntry, Mapped, OsVfs, Vfs, VfsFile};
use firesteel_model::SeriesRef;
use firesteel_tsdb_wal::records::SamplesRecord;
use firesteel_tsdb_wal::{Compression, OnFailure, Wal, WalOptions};

const SAMPLES: u64 = 1000;

fn rows(scrape: u64) -> impl Iterator<Item = (SeriesRef, TimestampMs, f64)> {
    (0..SAMPLES).map(move |i| (SeriesRef(1000 + i), TimestampMs(1_700_000_000_000), (i * 37 % 251 + scrape) as f64))
}

/// Takes everything and keeps nothing.
#[derive(Clone, Copy, Debug)]
struct NoDisk;

impl Vfs for NoDisk {
    fn create(&self, _: &Path) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(*self))
    }
    fn open_write(&self, _: &Path) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(*self))
    }
    fn open_read(&self, _: &Path) -> io::Result<Arc<dyn VfsFile>> {
        Ok(Arc::new(*self))
    }
    fn list(&self, _: &Path) -> io::Result<Vec<DirEntry>> {
        Ok(Vec::new())
    }
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove_file(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn remove_dir_all(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn hard_link(&self, _: &Path, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl VfsFile for NoDisk {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }
    fn write_all_at(&self, bytes: &[u8], _: u64) -> io::Result<()> {
        black_box(bytes);
        Ok(())
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }
    fn map(&self) -> io::Result<Mapped> {
        Ok(Mapped::Owned(Vec::new()))
    }
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
    let disk: Arc<dyn Vfs> = Arc::new(OsVfs);
    let no_disk: Arc<dyn Vfs> = Arc::new(NoDisk);
    for (name, compression, vfs) in [
        ("none/no-disk", Compression::None, &no_disk),
        ("snappy/no-disk", Compression::Snappy, &no_disk),
        ("none", Compression::None, &disk),
        ("snappy", Compression::Snappy, &disk),
        ("zstd", Compression::Zstd, &disk),
    ] {
        let dir = tempfile::tempdir().expect("a directory");
        let options = WalOptions { compression, segment_bytes: 1 << 24, ..WalOptions::default() };
        let wal = Wal::open(Arc::clone(vfs), dir.path(), options).expect("open");
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
