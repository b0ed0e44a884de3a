//! XOR chunks of 120 samples of a counter.

use std::hint::black_box;

use firesteel_base::TimestampMs;
use firesteel_storage::chunkenc::{XorAppender, XorDecoder};

pub(crate) const SAMPLES: u64 = 120;

fn fill(out: &mut [u8]) {
    let mut appender = XorAppender::new();
    for i in 0..SAMPLES as i64 {
        let t = TimestampMs(1_700_000_000_000 + i * 15_000 + i % 3);
        appender.append(out, t, (i * 37 % 1_000 + i * 100) as f64).expect("4 KiB hold 120 samples");
    }
}

pub(crate) fn append(rounds: u64) {
    let mut out = vec![0; 4_096];
    for _ in 0..rounds {
        fill(&mut out);
        black_box(&mut out);
    }
}

pub(crate) fn decode(rounds: u64) {
    let mut chunk = vec![0; 4_096];
    fill(&mut chunk);
    let (mut t, mut v) = ([TimestampMs(0); SAMPLES as usize], [0.0; SAMPLES as usize]);
    for _ in 0..rounds {
        let mut decoder = XorDecoder::with_samples(&chunk, SAMPLES as u32);
        assert_eq!(decoder.decode_batch(&mut t, &mut v), Ok(SAMPLES as usize));
        black_box((&mut t, &mut v));
    }
}
