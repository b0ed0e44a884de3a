//! Chunks: what goes in comes out, known bytes, and hostile bytes.

use firesteel_base::TimestampMs;

use super::*;

mod golden;
mod histogram_golden;
mod histogram_hostile;
mod hostile;
mod round_trip;

/// Encodes samples given as (time, bits of the value).
fn encode(samples: &[(i64, u64)]) -> Vec<u8> {
    let mut chunk = XorChunk::new();
    for &(t, v) in samples {
        chunk.push(TimestampMs(t), f64::from_bits(v)).expect("test chunks are short");
    }
    chunk.into_bytes()
}

/// Decodes a chunk in batches of `batch` samples.
fn decode(chunk: &[u8], batch: usize) -> Result<Vec<(i64, u64)>, ChunkError> {
    let mut decoder = XorDecoder::new(chunk)?;
    let (mut t, mut v) = (vec![TimestampMs(0); batch], vec![0.0; batch]);
    let mut all = Vec::new();
    loop {
        let n = decoder.decode_batch(&mut t, &mut v)?;
        if n == 0 {
            return Ok(all);
        }
        all.extend(t.iter().zip(&v).take(n).map(|(t, v)| (t.0, v.to_bits())));
    }
}
