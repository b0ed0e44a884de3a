//! Histogram and XOR2 chunks that no appender wrote: an error or an answer, never a panic, and no memory beyond the bytes'.

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Histogram};
use proptest::prelude::*;

use super::super::*;
use super::histogram_golden::{floating, integer};
use crate::Encoding;

const ENCODINGS: [Encoding; 6] = [
    Encoding::Xor,
    Encoding::Histogram,
    Encoding::FloatHistogram,
    Encoding::Xor2,
    Encoding::HistogramSt,
    Encoding::FloatHistogramSt,
];

/// Reads all there is; returns how many samples.
fn walk(bytes: &[u8], encoding: Encoding) -> Result<usize, ChunkError> {
    let mut reader = SampleReader::new(bytes, encoding, 300)?;
    let (mut h, mut f, mut n) = (Histogram::default(), FloatHistogram::default(), 0);
    while let Some((_, kind)) = reader.advance()? {
        if kind == SampleKind::Histogram {
            reader.histogram(&mut h)?;
        }
        reader.float_histogram(&mut f)?;
        n += 1;
    }
    Ok(n)
}

fn chunks() -> Vec<(Vec<u8>, Encoding)> {
    let mut all = Vec::new();
    for with_starts in [false, true] {
        let mut int = HistogramAppender::new(with_starts);
        let mut float = FloatHistogramAppender::new(with_starts);
        for i in 0..20 {
            let (t, start) = (TimestampMs(1_700_000_000_000 + 15_000 * i), TimestampMs(i / 4));
            let count = 9 + i;
            let h = integer(&format!("0;3;0.001;{i};{count};{i}.25;-2:2,1:1;2,1,1;0:1;{count};"));
            int.append(None, start, t, &h).expect("room");
            let h = floating(&format!("0;-53;0;0;{count};{i}.25;0:3;{count},{i}.5,3;;;1,2.5,3"));
            float.append(None, start, t, &h).expect("room");
        }
        all.push((int.bytes().to_vec(), if with_starts { Encoding::HistogramSt } else { Encoding::Histogram }));
        all.push((
            float.bytes().to_vec(),
            if with_starts { Encoding::FloatHistogramSt } else { Encoding::FloatHistogram },
        ));
    }
    let mut xor2 = Xor2Appender::new();
    for i in 0..20i64 {
        xor2.append(TimestampMs(i / 3), TimestampMs(15_000 * i + i % 3), (i as f64).sqrt()).expect("room");
    }
    all.push((xor2.bytes().to_vec(), Encoding::Xor2));
    all
}

#[test]
fn every_prefix_of_a_chunk_fails() {
    for (chunk, encoding) in chunks() {
        for n in 0..chunk.len() {
            assert!(walk(&chunk[..n], encoding).is_err(), "{encoding:?}, {n} bytes of {}", chunk.len());
        }
    }
}

#[test]
fn impossible_layouts_are_refused_before_memory_is_taken() {
    // Zero threshold 0, schema 0, one span of 2^32−1 buckets.
    let mut bits = super::super::bit_buffer::BitBuffer::with_header(HISTOGRAM_HEADER_BYTES);
    bits.put(0, 8);
    bits.put_varbit(0);
    bits.put_varbit_unsigned(1);
    bits.put_varbit_unsigned(u64::from(u32::MAX));
    bits.put_varbit(0);
    bits.put_varbit_unsigned(0);
    assert!(matches!(walk(bits.bytes(), Encoding::Histogram), Err(ChunkError::BadLayout { .. })));
    let mut bits = super::super::bit_buffer::BitBuffer::with_header(HISTOGRAM_HEADER_BYTES);
    bits.put(0, 8);
    bits.put_varbit(60);
    bits.put_varbit_unsigned(0);
    bits.put_varbit_unsigned(0);
    bits.put(0, 64);
    let why = walk(bits.bytes(), Encoding::Histogram).expect_err("an unknown schema");
    assert!(why.to_string().ends_with("or -53 for custom buckets, got schema 60"), "{why}");
    assert!(matches!(
        HistogramAppender::resume(&[0, 0, 0], Encoding::Xor).map(|a| a.samples()),
        Err(ChunkError::OtherEncoding { encoding: 1 })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for encoding in ENCODINGS {
            let _ = walk(&bytes, encoding);
        }
        let _ = HistogramAppender::resume(&bytes, Encoding::Histogram);
        let _ = FloatHistogramAppender::resume(&bytes, Encoding::FloatHistogramSt);
        let _ = Xor2Appender::resume(&bytes);
    }

    #[test]
    fn a_flipped_bit(at in any::<prop::sample::Index>(), which in 0usize..5) {
        let (mut chunk, encoding) = chunks().swap_remove(which);
        let bit = at.index(chunk.len() * 8);
        chunk[bit / 8] ^= 1 << (bit % 8);
        let _ = walk(&chunk, encoding);
        if let Ok(mut open) = HistogramAppender::resume(&chunk, Encoding::Histogram) {
            let h = integer("0;3;0.001;90;990;7;-3:9;100,0,0,0,0,0,0,0,0;;;");
            let _ = open.append(None, TimestampMs(0), TimestampMs(1 << 50), &h);
        }
    }
}
