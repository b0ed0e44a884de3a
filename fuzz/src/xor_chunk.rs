//! XOR chunks: decoded in batches of any size alike, and taken up by an appender.

use firesteel_base::TimestampMs;
use firesteel_storage::chunkenc::{XorAppender, XorDecoder};

/// The first byte chooses the size of batches, the rest is the chunk.
pub fn xor_chunk(data: &[u8]) {
    let Some((&batch, chunk)) = data.split_first() else { return };
    let decode = |batch: usize| {
        let (mut t, mut v) = (vec![TimestampMs(0); batch], vec![0.0; batch]);
        let mut all = Vec::new();
        let mut decoder = XorDecoder::new(chunk).ok()?;
        while let n @ 1.. = decoder.decode_batch(&mut t, &mut v).ok()? {
            all.extend(t.iter().zip(&v).take(n).map(|(t, v)| (t.0, v.to_bits())));
        }
        Some(all)
    };
    let (small, large) = (decode(1 + usize::from(batch % 16)), decode(1 << 16));
    assert_eq!(small, large, "batches differ");
    let resumed = XorAppender::resume(chunk).ok();
    assert_eq!(resumed.map(|a| usize::from(a.samples())), large.map(|all| all.len()));
}
