//! Points of a series as JSON: `[1435781451.781,"1.5"]` after `[1435781466.781,"1.25"]`, a few dozen at a time.
//!
//! A batch is written where room is, so that where its text ends stays in a register, and then copied; the series of an
//! answer have their points at the same times, whose texts are kept.

use std::ops::Range;

use firesteel_base::TimestampMs;
use firesteel_go_compat::{FLOAT_ROOM, push_timestamp_ms, write_json_float};

/// How many points there is room for.
const BATCH: usize = 64;
/// Enough for the text before a value, for times of the next thousand years.
const TIME_TEXT_BYTES: usize = 24;
const POINT_ROOM: usize = TIME_TEXT_BYTES + FLOAT_ROOM;
/// How many texts are kept: enough for a graph as wide as a screen.
const TIME_TEXTS: usize = 2048;
/// What ends a point and begins the next.
const BETWEEN: &[u8] = b"\"],[";
/// How much of it is not for the first point.
const ENDS_ONE: usize = 3;

/// Writes points, and keeps the texts between their values, `"],[1435781451.781,"`.
#[derive(Default)]
pub(crate) struct PointWriter {
    /// By the number of the point.
    known: Vec<TimeText>,
    /// For a batch of points.
    room: Vec<u8>,
}

#[derive(Clone, Copy)]
struct TimeText {
    t: TimestampMs,
    len: usize,
    text: [u8; TIME_TEXT_BYTES],
}

impl PointWriter {
    /// Appends the points of a range, or as many as there are, without the last one's end.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, t: &[TimestampMs], v: &[f64], range: Range<usize>) {
        let end = range.end.min(t.len()).min(v.len());
        let mut i = range.start;
        while i < end {
            self.know(t, i);
            let until = end.min(i + BATCH);
            let known = self.known.get(i..until).unwrap_or_default();
            let (t, v) = (t.get(i..until).unwrap_or_default(), v.get(i..until).unwrap_or_default());
            let n = known.iter().zip(t).take_while(|(known, t)| known.t == **t).count();
            push_known(out, &mut self.room, known, v.get(..n).unwrap_or_default());
            i += n;
            if n < v.len()
                && let (Some(t), Some(v)) = (t.get(n), v.get(n))
            {
                push_other(out, i == 0, *t, *v);
                i += 1;
            }
        }
    }

    /// Keeps the texts of a batch from point `i` on, if all before are kept.
    fn know(&mut self, t: &[TimestampMs], i: usize) {
        let end = t.len().min(i + BATCH).min(TIME_TEXTS);
        if i > self.known.len() {
            return;
        }
        for t in t.get(self.known.len()..end).unwrap_or_default() {
            let mut written = Vec::with_capacity(TIME_TEXT_BYTES);
            push_between(&mut written, self.known.is_empty(), *t);
            let mut text = [0; TIME_TEXT_BYTES];
            let Some(place) = text.get_mut(..written.len()) else { return };
            place.copy_from_slice(&written);
            self.known.push(TimeText { t: *t, len: written.len(), text });
        }
    }
}

/// Appends points whose times are known.
fn push_known(out: &mut Vec<u8>, room: &mut Vec<u8>, known: &[TimeText], v: &[f64]) {
    room.resize(BATCH * POINT_ROOM, 0);
    let mut at = 0;
    for (known, v) in known.iter().zip(v) {
        if let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *place = known.text;
        }
        at = write_json_float(room, at + known.len, *v);
    }
    out.extend_from_slice(room.get(..at).unwrap_or_default());
}

#[inline(never)]
fn push_other(out: &mut Vec<u8>, is_first: bool, t: TimestampMs, v: f64) {
    push_between(out, is_first, t);
    let from = out.len();
    out.resize(from + FLOAT_ROOM, 0);
    let end = write_json_float(out, from, v);
    out.truncate(end);
}

/// Appends what stands before a point's value, the end of the point before included.
fn push_between(out: &mut Vec<u8>, is_first: bool, t: TimestampMs) {
    out.extend_from_slice(if is_first { &BETWEEN[ENDS_ONE..] } else { BETWEEN });
    push_timestamp_ms(out, t.0);
    out.extend_from_slice(b",\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times_and_others() {
        let n = 5_000;
        let grid: Vec<TimestampMs> = (0..n).map(|i| TimestampMs(1_700_000_000_000 + i * 250)).collect();
        let moved: Vec<TimestampMs> = grid.iter().map(|t| TimestampMs(t.0 + (t.0 / 250 % 7) / 6)).collect();
        let far = [TimestampMs(i64::MIN), TimestampMs(-1), TimestampMs(i64::MAX)];
        let mut writer = PointWriter::default();
        for t in [&grid[..100], &grid[..], &grid[50..], &moved[..], &far[..], &grid[..1]] {
            let v: Vec<f64> = (0..t.len()).map(|i| i as f64 / 4.0).collect();
            let mut out = Vec::new();
            for from in (0..t.len()).step_by(256) {
                writer.push(&mut out, t, &v, from..from + 256);
            }
            let mut want = Vec::new();
            for (i, (t, v)) in t.iter().zip(&v).enumerate() {
                push_between(&mut want, i == 0, *t);
                want.extend_from_slice(v.to_string().as_bytes());
            }
            assert!(out == want, "{}", String::from_utf8_lossy(&out));
        }
    }
}
