//! Bytes that no appender wrote: an error or an answer, never a panic, and no more samples than the header counts.

use firesteel_base::TimestampMs;
use proptest::prelude::*;

use super::{decode, encode};
use crate::chunkenc::{ChunkError, XorAppender, XorTail};

#[test]
fn every_prefix_of_a_chunk_fails_or_ends() {
    let samples: Vec<(i64, u64)> =
        (0..120).map(|i| (1_700_000_000_000 + i * 15_000 + i % 3, (i as f64 * 0.37).sin().to_bits())).collect();
    let chunk = encode(&samples);
    for n in 0..chunk.len() {
        assert!(decode(&chunk[..n], 50).is_err(), "{n} bytes of {}", chunk.len());
    }
}

#[test]
fn faults_are_named() {
    let check = |bytes: &[u8], expected: ChunkError| assert_eq!(decode(bytes, 8), Err(expected), "{bytes:x?}");
    check(&[], ChunkError::NoHeader { bytes: 0 });
    check(&[0], ChunkError::NoHeader { bytes: 1 });
    check(&[0, 1], ChunkError::Truncated { at_bit: 16 });
    check(
        &[0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ChunkError::VarintOverflow { at_bit: 16 },
    );
    check(&[0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0], ChunkError::Truncated { at_bit: 88 });
    // A second value of 31 leading zeros and 64 significant bits.
    let window = [0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0b1111_1110, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    check(&window, ChunkError::BadWindow { at_bit: 96, leading: 31, significant: 64 });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), batch in 1usize..40) {
        if let Ok(samples) = decode(&bytes, batch) {
            prop_assert_eq!(samples.len(), usize::from(u16::from_be_bytes([bytes[0], bytes[1]])));
        }
        let _ = XorAppender::resume(&bytes);
    }

    #[test]
    fn any_tail(chunk in prop::collection::vec(any::<u8>(), 0..80), delta_ms: i64, last_value: u64, ends: [u8; 3], v: u64) {
        let [spare_bits, leading, trailing] = ends;
        let tail = XorTail { delta_ms, last_value, spare_bits, leading, trailing };
        if let Some(mut appender) = XorAppender::resume_with(&chunk, TimestampMs(delta_ms), tail) {
            prop_assert!(appender.samples() > 0 && appender.byte_len() == chunk.len());
            let mut out = chunk.clone();
            out.resize(chunk.len() + XorAppender::MAX_SAMPLE_BYTES, 0);
            let _full = appender.append(&mut out, TimestampMs(last_value as i64), f64::from_bits(v));
        }
    }

    #[test]
    fn a_flipped_bit(seed in any::<u64>(), at in any::<prop::sample::Index>()) {
        let samples: Vec<(i64, u64)> = (0..60i64).map(|i| (i * 15_000, (seed >> (i % 50)).wrapping_mul(0x9e37) )).collect();
        let mut chunk = encode(&samples);
        let bit = at.index(chunk.len() * 8);
        chunk[bit / 8] ^= 1 << (bit % 8);
        let _ = decode(&chunk, 16);
    }
}
