//! `sum` and `avg` of histograms: a state for each group and step that has met any.

use std::sync::Arc;

use firesteel_base::FastHashMap;
use firesteel_model::{CounterReset, FloatHistogram};

use crate::annotations::Note;
use crate::tile::{Row, RowMut, SharedHistogram};

/// The states by cell: group × steps + step.
#[derive(Debug, Default)]
pub(crate) struct HistogramStates {
    average: bool,
    cells: FastHashMap<usize, State>,
}

#[derive(Debug, Default)]
struct State {
    /// The sum; none when a float came first, because then nothing comes of it.
    sum: Option<Box<FloatHistogram>>,
    /// Kept instead of the sum once that overflows.
    mean: Option<Box<FloatHistogram>>,
    compensation: Option<Box<FloatHistogram>>,
    count: f64,
    reset_seen: bool,
    not_reset_seen: bool,
    /// Exponential and custom buckets met, and whether the group had a float by then.
    incompatible: Option<bool>,
}

impl HistogramStates {
    pub(crate) fn new(average: bool) -> Self {
        Self { average, cells: FastHashMap::default() }
    }

    /// Returns how many bytes the states take when no histogram takes more than `each`.
    pub(crate) fn bytes(&self, each: u64) -> u64 {
        // A sum or mean, and its compensation.
        self.cells.len() as u64 * (2 * each + size_of::<State>() as u64 + 16)
    }

    /// Adds the histograms of a row to its group, whose cells begin at `first` and whose floats so far are in `floats`.
    pub(crate) fn add(
        &mut self,
        row: Row<'_>,
        first: usize,
        floats: Row<'_>,
        metric: &str,
        mut note: impl FnMut(Note),
    ) {
        for (step, h) in row.histogram_points() {
            let float_seen = floats.get(step).is_some();
            let state = self.cells.entry(first + step).or_default();
            if state.incompatible.is_some() {
                continue;
            }
            state.count += 1.0;
            if state.count == 1.0 && float_seen {
                continue;
            }
            if state.count > 1.0 && state.sum.is_none() {
                continue;
            }
            state.reset_seen |= h.counter_reset == CounterReset::Reset;
            state.not_reset_seen |= h.counter_reset == CounterReset::NotReset;
            let added = match &mut state.sum {
                None => {
                    state.sum = Some(Box::new(FloatHistogram::clone(h)));
                    continue;
                }
                Some(sum) if !self.average => sum.kahan_add(h, &mut state.compensation),
                Some(_) => state.add_to_mean(h),
            };
            match added {
                Ok(added) if added.bounds_reconciled => note(Note::MismatchedBounds { during: "aggregation" }),
                Ok(_) => {}
                Err(_) => {
                    note(Note::MixedExponentialCustom { metric: metric.to_owned() });
                    state.incompatible = Some(float_seen);
                }
            }
        }
    }

    /// Writes what came of the cells from `first` on into the group's row; floats that met histograms go.
    pub(crate) fn finish(&mut self, first: usize, row: &mut RowMut<'_>, mut note: impl FnMut(Note)) {
        if self.cells.is_empty() {
            return;
        }
        for step in 0..row.values.len() {
            let Some(state) = self.cells.remove(&(first + step)) else { continue };
            let float_seen = state.incompatible.unwrap_or(row.as_row().get(step).is_some());
            row.present[step / 64] &= !(1 << (step % 64));
            if float_seen {
                note(Note::MixedFloatsHistogramsAgg);
                continue;
            }
            if state.incompatible.is_some() {
                continue;
            }
            if state.reset_seen && state.not_reset_seen {
                note(Note::ResetCollision { during: "aggregation" });
            }
            if let Some(h) = state.value(self.average) {
                row.set_histogram(step, h);
            }
        }
    }
}

impl State {
    fn add_to_mean(
        &mut self,
        h: &FloatHistogram,
    ) -> Result<firesteel_model::histogram::Added, firesteel_model::HistogramError> {
        let mut reconciled = false;
        if self.mean.is_none()
            && let Some(sum) = &self.sum
        {
            let (mut next, mut compensation) = (sum.clone(), self.compensation.clone());
            let added = next.kahan_add(h, &mut compensation)?;
            if !next.has_overflow() {
                (self.sum, self.compensation) = (Some(next), compensation);
                return Ok(added);
            }
            reconciled = added.bounds_reconciled;
            let mut mean = sum.clone();
            mean.div(self.count - 1.0);
            if let Some(compensation) = &mut self.compensation {
                compensation.div(self.count - 1.0);
            }
            self.mean = Some(mean);
        }
        let q = (self.count - 1.0) / self.count;
        if let Some(compensation) = &mut self.compensation {
            compensation.mul(q);
        }
        let mut part = h.clone();
        part.div(self.count);
        let mean = self.mean.get_or_insert_default();
        mean.mul(q);
        let mut added = mean.kahan_add(&part, &mut self.compensation)?;
        added.bounds_reconciled |= reconciled;
        Ok(added)
    }

    fn value(self, average: bool) -> Option<SharedHistogram> {
        let divided = average && self.mean.is_none();
        let mut h = self.mean.or(self.sum)?;
        if divided {
            h.div(self.count);
        }
        if let Some(mut compensation) = self.compensation {
            if divided {
                compensation.div(self.count);
            }
            // They have the same buckets, so that nothing can be wrong with it.
            let _ = h.add(&compensation);
        }
        h.compact(0);
        Some(Arc::from(h))
    }
}
