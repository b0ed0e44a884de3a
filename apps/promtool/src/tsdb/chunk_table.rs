//! The extended part of `tsdb analyze`: samples, bytes and buckets of chunks as bars.

use std::fmt::Write as _;

use firesteel_model::{FloatHistogram, Matcher};
use firesteel_storage::chunkenc::SampleReader;
use firesteel_storage::{ChunkView, Encoding};
use firesteel_tsdb_block::{Block, BlockError};

/// Figures of one kind of chunks, one number a chunk.
#[derive(Default)]
struct Figures {
    samples: Vec<u64>,
    bytes: Vec<u64>,
    buckets: Vec<u64>,
}

/// Returns the part's text.
pub(super) fn chunk_table(block: &Block, matchers: &[Matcher]) -> Result<String, BlockError> {
    let (mut floats, mut histograms, mut total) = (Figures::default(), Figures::default(), 0);
    block.walk_chunks(matchers, |chunk| {
        total += 1;
        let is_float = matches!(chunk.encoding, Encoding::Xor | Encoding::Xor2);
        let figures = if is_float { &mut floats } else { &mut histograms };
        figures.samples.push(u64::from(chunk.samples));
        figures.bytes.push(chunk.bytes.as_slice().len() as u64);
        if !is_float {
            figures.buckets.push(buckets(chunk));
        }
    })?;
    let mut out = String::from("\nCompaction analysis:\n\n");
    bars("samples per float chunk", floats.samples, total, &mut out);
    bars("bytes per float chunk", floats.bytes, total, &mut out);
    bars("samples per histogram chunk", histograms.samples, total, &mut out);
    bars("bytes per histogram chunk", histograms.bytes, total, &mut out);
    bars("buckets per histogram chunk", histograms.buckets, total, &mut out);
    Ok(out)
}

/// Returns the buckets of all samples together, up to a fault if there is one, as upstream counts them.
fn buckets(chunk: &ChunkView) -> u64 {
    let Ok(mut reader) = SampleReader::of(chunk) else { return 0 };
    let (mut h, mut n) = (FloatHistogram::default(), 0);
    while let Ok(Some(_)) = reader.advance() {
        if reader.float_histogram(&mut h).is_err() {
            break;
        }
        n += (h.positive_buckets.len() + h.negative_buckets.len()) as u64;
    }
    n
}

fn bars(what: &str, mut numbers: Vec<u64>, total: u64, out: &mut String) {
    numbers.sort_unstable();
    let (Some(&least), Some(&greatest)) = (numbers.first(), numbers.last()) else {
        let _ = write!(out, "{what}: N/A\n\n");
        return;
    };
    let (start, end, step) = scale(least, greatest);
    let mut counts = vec![0u64; ((end - start) / step + 1) as usize];
    for n in &numbers {
        if let Some(count) = counts.get_mut(((n - start) / step) as usize) {
            *count += 1;
        }
    }
    let average = numbers.iter().sum::<u64>() / numbers.len() as u64;
    let _ = writeln!(out, "{what} (min/avg/max): {least}/{average}/{greatest}");
    let digits = |n: u64| n.to_string().len();
    let (left, right) = (digits(end), digits(end + step));
    let width = digits(counts.iter().copied().max().unwrap_or(0));
    for (i, count) in counts.iter().enumerate() {
        let from = i as u64 * step + start;
        let bar = "#".repeat((100 * count / total.max(1)) as usize);
        let _ = writeln!(out, "[{:left$}, {:right$}]: {count:width$} {bar}", from + 1, from + step);
    }
    out.push('\n');
}

/// Returns where bars start and end and how wide they are (`cmd/promtool/tsdb.go`, `generateBucket`).
fn scale(least: u64, greatest: u64) -> (u64, u64, u64) {
    let wanted = (greatest - least) / 10;
    let mut step = 10;
    while step < wanted && step <= 10_000 {
        step *= 10;
    }
    (least - least % step, greatest - greatest % step + step, step)
}
