//! XOR chunks of 120 samples: nanoseconds a sample to append and to decode, over kinds of data that servers hold.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use firesteel_base::TimestampMs;
use firesteel_storage::chunkenc::{XorAppender, XorChunk, XorDecoder};
use std::hint::black_box;

const SAMPLES: usize = 120;
const CHUNKS: usize = 256;

struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

type Series = Vec<(TimestampMs, f64)>;

fn series(noise: &mut Noise, mut value: impl FnMut(&mut Noise, usize) -> f64, jitter: u64) -> Series {
    let mut t = 1_700_000_000_000i64;
    (0..SAMPLES)
        .map(|i| {
            t += 15_000;
            (TimestampMs(t + (noise.next() % (jitter + 1)) as i64), value(noise, i))
        })
        .collect()
}

fn kinds() -> Vec<(&'static str, Vec<Series>)> {
    let mut noise = Noise(88172645463325252);
    let mut many =
        |make: &mut dyn FnMut(&mut Noise) -> Series| (0..CHUNKS).map(|_| make(&mut noise)).collect::<Vec<_>>();
    let constant = many(&mut |n| series(n, |_, _| 1.0, 0));
    let counter = many(&mut |n| {
        let mut total = (n.next() % 1_000_000) as f64;
        series(
            n,
            move |n, _| {
                total += (n.next() % 200) as f64;
                total
            },
            0,
        )
    });
    let jitter = many(&mut |n| {
        let mut total = (n.next() % 1_000_000) as f64;
        series(
            n,
            move |n, _| {
                total += if n.next() % 3 == 0 { (n.next() % 50) as f64 } else { 0.0 };
                total
            },
            3,
        )
    });
    let gauge = many(&mut |n| series(n, |n, _| (n.next() % 100_000) as f64 / 1000.0, 0));
    vec![("constant", constant), ("counter", counter), ("counter-jitter", jitter), ("gauge", gauge)]
}

fn xor(c: &mut Criterion) {
    for (name, all) in kinds() {
        let mut group = c.benchmark_group("xor");
        group.throughput(Throughput::Elements((SAMPLES * CHUNKS) as u64));
        group.bench_function(format!("append/{name}"), |b| {
            let mut out = vec![0u8; 4096];
            b.iter_batched(
                || (),
                |()| {
                    for series in &all {
                        let mut appender = XorAppender::new();
                        for &(t, v) in series {
                            appender.append(&mut out, t, v).expect("4 KiB hold 120 samples");
                        }
                        black_box(&mut out);
                    }
                },
                BatchSize::SmallInput,
            );
        });
        let chunks: Vec<Vec<u8>> = all
            .iter()
            .map(|series| {
                let mut chunk = XorChunk::new();
                for &(t, v) in series {
                    chunk.push(t, v).expect("a chunk holds 120 samples");
                }
                chunk.into_bytes()
            })
            .collect();
        group.bench_function(format!("decode/{name}"), |b| {
            let (mut t, mut v) = ([TimestampMs(0); SAMPLES], [0.0; SAMPLES]);
            b.iter(|| {
                for chunk in &chunks {
                    let mut decoder = XorDecoder::new(chunk).expect("our own chunk");
                    assert_eq!(decoder.decode_batch(&mut t, &mut v), Ok(SAMPLES));
                    black_box((&mut t, &mut v));
                }
            });
        });
    }
}

criterion_group!(benches, xor);
criterion_main!(benches);
