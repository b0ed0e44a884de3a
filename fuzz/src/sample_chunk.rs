//! Chunks of every encoding: walked, read into reused memory, and taken up by an appender.

use firesteel_base::TimestampMs;
use firesteel_model::{FloatHistogram, Histogram};
use firesteel_storage::Encoding;
use firesteel_storage::chunkenc::{FloatHistogramAppender, HistogramAppender, SampleKind, SampleReader, Xor2Appender};

/// The first byte chooses the encoding, the rest is the chunk.
pub fn sample_chunk(data: &[u8]) {
    let Some((&which, chunk)) = data.split_first() else { return };
    let encoding = match which % 6 {
        0 => Encoding::Xor,
        1 => Encoding::Histogram,
        2 => Encoding::FloatHistogram,
        3 => Encoding::Xor2,
        4 => Encoding::HistogramSt,
        _ => Encoding::FloatHistogramSt,
    };
    let samples = chunk.first_chunk::<2>().map_or(0, |count| u32::from(u16::from_be_bytes(*count)));
    let Ok(mut reader) = SampleReader::new(chunk, encoding, samples) else { return };
    let (mut int, mut float) = (Histogram::default(), FloatHistogram::default());
    while let Ok(Some((_, kind))) = reader.advance() {
        if kind == SampleKind::Histogram && reader.histogram(&mut int).is_err() {
            break;
        }
        if reader.float_histogram(&mut float).is_err() {
            break;
        }
        assert!(
            float.positive_buckets.len() + float.negative_buckets.len() <= chunk.len() * 8,
            "more buckets than bits"
        );
    }
    let (start, t) = (TimestampMs(1), TimestampMs(1 << 60));
    if let Ok(mut open) = HistogramAppender::resume(chunk, encoding) {
        let _ = open.append(None, start, t, &int);
    }
    if let Ok(mut open) = FloatHistogramAppender::resume(chunk, encoding) {
        let _ = open.append(None, start, t, &float);
    }
    if encoding == Encoding::Xor2
        && let Ok(mut open) = Xor2Appender::resume(chunk)
    {
        let _ = open.append(start, t, 1.5);
    }
}
