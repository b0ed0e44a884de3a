//! The steps an expression is evaluated at.

use firesteel_base::TimestampMs;

/// `n` moments, `step_ms` apart. There is always at least one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Grid {
    pub(crate) start: i64,
    pub(crate) step_ms: i64,
    pub(crate) n: usize,
    /// Whether the end is the start; a range shorter than its step has one step too.
    is_instant: bool,
}

impl Grid {
    /// Returns the grid of an instant query.
    pub(crate) fn instant(at: TimestampMs) -> Self {
        Self { start: at.0, step_ms: 1, n: 1, is_instant: true }
    }

    /// Returns the steps `start, start + step … <= end`, or `None` when the range is inverted.
    pub(crate) fn range(start: i64, end: i64, step_ms: i64) -> Option<Self> {
        let width = end.checked_sub(start).filter(|width| *width >= 0)?;
        let n = usize::try_from(width / step_ms.max(1)).ok()?.checked_add(1)?;
        Some(Self { start, step_ms: step_ms.max(1), n, is_instant: width == 0 })
    }

    /// Returns the time of step `i`.
    #[inline]
    pub(crate) fn at(&self, i: usize) -> i64 {
        self.start.saturating_add(self.step_ms.saturating_mul(i as i64))
    }

    /// Returns the time of the last step.
    pub(crate) fn last(&self) -> i64 {
        self.at(self.n.saturating_sub(1))
    }

    /// Returns whether order matters to the caller: the answer to an instant query is not sorted.
    pub(crate) fn is_instant(&self) -> bool {
        self.is_instant
    }

    /// Returns the first step alone.
    pub(crate) fn first(self) -> Self {
        Self { n: 1, is_instant: true, ..self }
    }
}
