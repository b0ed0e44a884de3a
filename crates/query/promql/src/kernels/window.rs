//! Windows that move along a series: `(end - range, end]` for each step, found by two indexes that only go forward.

use firesteel_base::TimestampMs;

use crate::cancel::Stop;
use crate::tile::RowMut;

/// The windows of all steps.
#[derive(Clone, Debug)]
pub(crate) struct Windows {
    /// Where the first step's window ends, the selector's offset or `@` applied.
    pub(crate) first_end: i64,
    /// How far each next window lies; 0 when `@` pins them all to one place.
    pub(crate) stride_ms: i64,
    pub(crate) range_ms: i64,
    pub(crate) n: usize,
    /// A row of a subquery may take minutes: asked once in a while within it.
    pub(crate) stop: Stop,
}

/// Samples in windows between two looks at the clock: some milliseconds even for what sorts them.
const LOOK_EVERY: usize = 1 << 18;

impl Windows {
    /// Returns where the window of step `i` ends (its last moment).
    #[inline]
    pub(crate) fn end(&self, i: usize) -> i64 {
        self.first_end.saturating_add(self.stride_ms.saturating_mul(i as i64))
    }

    /// Returns where the window of step `i` begins (the moment before its first).
    #[inline]
    pub(crate) fn start(&self, i: usize) -> i64 {
        self.end(i).saturating_sub(self.range_ms)
    }

    /// Returns how many windows hold each sample.
    pub(crate) fn overlap(&self) -> u64 {
        let windows = self.range_ms.checked_div(self.stride_ms).map_or(0, i64::unsigned_abs);
        windows.min(self.n as u64)
    }

    /// Returns the range in seconds as Go's `Duration.Seconds` computes it.
    pub(crate) fn range_seconds(&self) -> f64 {
        go_seconds(self.range_ms)
    }
}

/// Returns milliseconds as seconds, rounding like Go's `time.Duration.Seconds`: whole seconds and nanoseconds apart.
pub(crate) fn go_seconds(ms: i64) -> f64 {
    (ms / 1000) as f64 + (ms % 1000 * 1_000_000) as f64 / 1e9
}

/// How many samples the windows held.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct WindowCounts {
    /// Every window in full.
    pub(crate) total: u64,
    /// Every sample of a window that lies after the end of the window before.
    pub(crate) read: u64,
}

/// One window that holds samples: those from `lo` up to `hi`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) step: usize,
    pub(crate) lo: usize,
    pub(crate) hi: usize,
    /// The moment before its first.
    pub(crate) start: i64,
    /// Its last moment.
    pub(crate) end: i64,
}

/// Calls `f(step, lo, hi)` for each window that holds samples `lo..hi`, and writes what it returns into `row`.
#[inline(always)]
pub(crate) fn fill(
    t: &[TimestampMs],
    windows: &Windows,
    row: &mut RowMut<'_>,
    mut f: impl FnMut(usize, usize, usize) -> Option<f64>,
) -> WindowCounts {
    fill_with(t, windows, row, |row, Window { step, lo, hi, .. }| {
        if let Some(v) = f(step, lo, hi) {
            row.set(step, v);
        }
    })
}

/// The same for functions that look at the window's ends, or write several windows at once.
#[inline(always)]
pub(crate) fn fill_with(
    t: &[TimestampMs],
    windows: &Windows,
    row: &mut RowMut<'_>,
    mut f: impl FnMut(&mut RowMut<'_>, Window),
) -> WindowCounts {
    let (mut lo, mut hi) = (0, 0);
    let (mut lo_moved, mut hi_moved) = (0, 0);
    let mut counts = WindowCounts::default();
    let mut end = windows.first_end;
    let mut unwatched = 0;
    for step in 0..windows.n {
        let start = end.saturating_sub(windows.range_ms);
        let before = hi;
        hi = first_after(t, hi, hi_moved, end);
        let lo_before = lo;
        lo = first_after(&t[..hi], lo, lo_moved, start);
        (lo_moved, hi_moved) = (lo - lo_before, hi - before);
        if lo < hi {
            counts.total += (hi - lo) as u64;
            unwatched += hi - lo;
            if unwatched > LOOK_EVERY {
                unwatched = 0;
                // Whoever asked for the row looks again before it uses it.
                if windows.stop.is_raised() {
                    break;
                }
            }
            counts.read += (hi - before.max(lo)) as u64;
            f(row, Window { step, lo, hi, start, end });
        }
        end = end.saturating_add(windows.stride_ms);
    }
    counts
}

/// Returns the first place from `from` on whose time lies after `moment`, or the end.
///
/// Windows of a grid move by about as many samples each time, so the place after `expected` ones is looked at first.
#[inline(always)]
pub(crate) fn first_after(t: &[TimestampMs], from: usize, expected: usize, moment: i64) -> usize {
    let mut at = (from + expected).min(t.len());
    while at > from && t[at - 1].0 > moment {
        at -= 1;
    }
    while t.get(at).is_some_and(|t| t.0 <= moment) {
        at += 1;
    }
    at
}
