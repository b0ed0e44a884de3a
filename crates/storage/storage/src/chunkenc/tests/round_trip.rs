//! Whatever is appended is decoded again, in any batches, and an appender can be taken up from the bytes.

use firesteel_base::TimestampMs;
use proptest::prelude::*;

use super::{decode, encode};
use crate::chunkenc::{ChunkFull, XorAppender, XorChunk, XorDecoder};

fn check(samples: &[(i64, u64)]) {
    let chunk = encode(samples);
    for batch in [1, 2, 3, 7, 120, 1000] {
        assert_eq!(decode(&chunk, batch).expect("our own chunk"), samples, "in batches of {batch}");
    }
}

#[test]
fn corners() {
    check(&[]);
    check(&[(0, 0)]);
    check(&[(i64::MIN, u64::MAX), (i64::MAX, 0)]);
    check(&[(i64::MAX, 1), (i64::MIN, 1 << 63), (0, 3), (i64::MIN, 2), (i64::MAX, 2)]);
    check(&[(5, 1.0f64.to_bits()); 70]);
}

/// Each delta of deltas around the edges of the field widths.
#[test]
fn edges_of_time_fields() {
    for n in [14, 17, 20, 63] {
        let half = 1i64 << (n - 1);
        for dod in [half - 1, half, half.wrapping_add(1), -half + 2, -half + 1, -half, -half - 1] {
            let second = 1000;
            let third = second + (1000i64).wrapping_add(dod);
            check(&[(0, 1), (second, 1), (third, 1), (third.wrapping_add(1000), 7), (9, 9)]);
        }
    }
}

#[test]
fn an_appender_without_room_leaves_the_chunk_alone() {
    let samples: Vec<(i64, u64)> = (0..200).map(|i| (i * 977 + i % 7, (i as f64 * 1.7).sqrt().to_bits())).collect();
    let whole = encode(&samples);
    let mut out = [0u8; 4096];
    let mut appender = XorAppender::new();
    for &(t, v) in &samples {
        let before = appender;
        let mut room = appender.byte_len();
        while let Err(e) = appender.append(&mut out[..room], TimestampMs(t), f64::from_bits(v)) {
            assert_eq!(appender, before);
            let ChunkFull::Bytes { need } = e else { panic!("{e}") };
            assert!(need > room && need <= before.byte_len() + XorAppender::MAX_SAMPLE_BYTES);
            room = need;
        }
        assert_eq!(appender.byte_len(), room, "exactly what was asked for");
    }
    appender.write_header(&mut out);
    assert_eq!(out[..appender.byte_len()], whole);
}

#[test]
fn a_chunk_counts_to_65535() {
    let mut chunk = XorChunk::new();
    for i in 0..65535 {
        chunk.push(TimestampMs(i), 1.0).expect("it can count so far");
    }
    assert_eq!(chunk.push(TimestampMs(65535), 1.0), Err(ChunkFull::Samples));
    assert_eq!(XorDecoder::new(&chunk.into_bytes()).expect("it has a header").samples_left(), 65535);
}

#[test]
fn an_open_chunk_is_read_as_far_as_it_is_visible() {
    let samples: Vec<(i64, u64)> = (0..50).map(|i| (i * 15_000, (i as f64).to_bits())).collect();
    let chunk = encode(&samples);
    let mut decoder = XorDecoder::with_samples(&chunk, 33);
    let (mut t, mut v) = ([TimestampMs(0); 64], [0.0; 64]);
    assert_eq!(decoder.decode_batch(&mut t, &mut v), Ok(33));
    assert_eq!(t[32].0, 32 * 15_000);
    assert_eq!(decoder.decode_batch(&mut t, &mut v), Ok(0));
}

/// Times and values as they come: regular with jitter, gaps, repeats, few digits, and noise.
fn samples() -> impl Strategy<Value = Vec<(i64, u64)>> {
    let step =
        prop_oneof![4 => Just(15_000i64), 2 => 14_990i64..15_010, 1 => -1_000_000i64..1_000_000, 1 => any::<i64>()];
    let value = prop_oneof![
        3 => Just(None),
        2 => (0u32..1000).prop_map(|v| Some((v as f64).to_bits())),
        2 => (0.0f64..1e9).prop_map(|v| Some(v.to_bits())),
        1 => any::<u64>().prop_map(Some),
    ];
    (any::<i32>(), prop::collection::vec((step, value), 0..150)).prop_map(|(start, steps)| {
        let (mut t, mut v) = (i64::from(start), 0);
        let mut all = Vec::with_capacity(steps.len());
        for (step, value) in steps {
            t = t.wrapping_add(step);
            v = value.unwrap_or(v);
            all.push((t, v));
        }
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_samples(samples in samples()) {
        check(&samples);
    }

    #[test]
    fn resuming_continues_the_same_bytes(samples in samples(), cut in 0usize..150) {
        let cut = cut.min(samples.len());
        let (before, after) = samples.split_at(cut);
        // Taken up from bytes, an appender that has seen no window assumes one of 64 bits, as upstream's does.
        prop_assume!(before.windows(2).any(|w| w[0].1 != w[1].1));
        let mut bytes = encode(before);
        let mut appender = XorAppender::resume(&bytes).expect("our own chunk");
        bytes.resize(8192, 0);
        for &(t, v) in after {
            appender.append(&mut bytes, TimestampMs(t), f64::from_bits(v)).expect("there is room");
        }
        appender.write_header(&mut bytes);
        bytes.truncate(appender.byte_len());
        prop_assert_eq!(bytes, encode(&samples));
    }

    /// What a snapshot keeps beside the bytes is all that goes on needs: no window has to be assumed.
    #[test]
    fn resuming_with_the_tail_goes_on_as_if_nothing_had_been(samples in samples(), cut in 1usize..150) {
        let (before, after) = samples.split_at(cut.min(samples.len()));
        let Some(last) = before.last() else { return Ok(()) };
        let mut chunk = XorChunk::new();
        for &(t, v) in before {
            chunk.push(TimestampMs(t), f64::from_bits(v)).expect("there is room");
        }
        let open = *chunk.appender();
        let mut bytes = chunk.into_bytes();
        let mut appender = XorAppender::resume_with(&bytes, TimestampMs(last.0), open.tail()).expect("our own chunk");
        prop_assert_eq!(appender, open);
        bytes.resize(8192, 0);
        for &(t, v) in after {
            appender.append(&mut bytes, TimestampMs(t), f64::from_bits(v)).expect("there is room");
        }
        appender.write_header(&mut bytes);
        bytes.truncate(appender.byte_len());
        prop_assert_eq!(bytes, encode(&samples));
    }
}
