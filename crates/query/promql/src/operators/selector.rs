//! Instant selectors: the newest sample of each series within the lookback.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_model::is_stale_nan;
use firesteel_promql_syntax::RangeMode;
use firesteel_storage::{Selected, SelectionHints};

use super::leaf::{RowSource, Scratch};
use crate::QueryError;
use crate::columns::Columns;
use crate::context::Context;
use crate::grid::Grid;
use crate::histograms::{Series, smooth_histograms};
use crate::kernels::extended::interpolate;
use crate::kernels::window::first_after;
use crate::plan::SelectorPlan;
use crate::series::{OutputSeries, change_all};
use crate::tile::{RowMut, weight};

/// What of the sample is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wanted {
    Value,
    /// Its time in seconds: `timestamp(selector)`.
    Time,
    /// Its start timestamp in seconds, 0 = none: `start_timestamp(selector)`.
    Start,
}

pub(crate) struct InstantSelector {
    plan: SelectorPlan,
    grid: Grid,
    wanted: Wanted,
    selected: Option<Arc<dyn Selected>>,
}

impl InstantSelector {
    pub(crate) fn new(plan: SelectorPlan, grid: Grid, wanted: Wanted) -> Self {
        Self { plan, grid, wanted, selected: None }
    }

    /// Returns the moment that step `i` looks at.
    #[inline]
    fn moment(&self, i: usize) -> i64 {
        self.plan.at.unwrap_or_else(|| self.grid.at(i)).saturating_sub(self.plan.offset_ms)
    }
}

impl InstantSelector {
    /// Fills a row with values interpolated between the samples around each step; where none follows within the
    /// lookback the one before stands.
    fn fill_smoothed(
        &self,
        cx: &Context<'_>,
        selected: &dyn Selected,
        i: usize,
        scratch: &mut Scratch,
        out: &mut RowMut<'_>,
    ) -> Result<(), QueryError> {
        let lookback = cx.lookback_ms;
        let first = self.moment(0).saturating_sub(lookback).saturating_add(1);
        let columns = &mut scratch.columns;
        columns.load(selected, i, first, self.moment(self.grid.n - 1).saturating_add(lookback))?;
        columns.drop_stale();
        if !columns.histograms().is_empty() {
            let span = self.plan.span;
            let metric = selected.series().get(i).map_or("", |entry| entry.labels.metric_name());
            return smooth_histograms(cx, Series { columns, metric, span }, self.grid.n, |step| self.moment(step), out);
        }
        let (t, v) = (columns.t(), columns.v());
        for step in 0..self.grid.n {
            let moment = self.moment(step);
            let next = t.partition_point(|t| t.0 < moment);
            let reached = |at: usize| t.get(at).is_some_and(|t| t.0 <= moment.saturating_add(lookback));
            let known = |at: usize| t[at].0 > moment.saturating_sub(lookback);
            if t.get(next).is_some_and(|t| t.0 == moment) {
                out.set(step, v[next]);
            } else if next > 0 && known(next - 1) {
                let value = if reached(next) { interpolate(t, v, next - 1, moment, false) } else { v[next - 1] };
                out.set(step, value);
            }
        }
        let found = out.as_row().n_floats() as u64;
        cx.count(found, found);
        Ok(())
    }
}

impl InstantSelector {
    /// Fills a row from floats and histograms: at each step the newer of the two decides.
    fn fill_any(&self, cx: &Context<'_>, columns: &mut Columns, out: &mut RowMut<'_>) -> Result<(), QueryError> {
        if self.plan.stats_only {
            columns.keep_histogram_stats();
        }
        let (t, v, h) = (columns.t(), columns.v(), columns.histograms());
        let mut found = 0;
        for step in 0..self.grid.n {
            let moment = self.moment(step);
            let float = t.partition_point(|t| t.0 <= moment).checked_sub(1);
            let histogram = h.partition_point(|point| point.t.0 <= moment).checked_sub(1);
            let float_t = float.map(|i| t[i]);
            let histogram = histogram.map(|i| &h[i]).filter(|point| float_t.is_none_or(|t| t < point.t));
            let Some(newest) = histogram.map(|point| point.t).or(float_t) else { continue };
            if newest.0 <= moment.saturating_sub(cx.lookback_ms) {
                continue;
            }
            let float = float.map(|i| (v[i], columns.starts().get(i).copied().unwrap_or(0)));
            let stale =
                histogram.map_or_else(|| float.is_none_or(|(v, _)| is_stale_nan(v)), |point| point.h.is_stale());
            if stale {
                continue;
            }
            match (self.wanted, histogram, float) {
                (Wanted::Value, Some(point), _) => {
                    found += weight(&point.h);
                    out.set_histogram(step, Arc::clone(&point.h));
                    continue;
                }
                (Wanted::Value, None, Some((v, _))) => out.set(step, v),
                (Wanted::Time, ..) => out.set(step, newest.as_secs_f64()),
                (Wanted::Start, Some(point), _) => out.set(step, point.start as f64 / 1000.0),
                (Wanted::Start, None, Some((_, start))) => out.set(step, start as f64 / 1000.0),
                (_, None, None) => {}
            }
            found += 1;
        }
        cx.count(found, found);
        Ok(())
    }
}

impl RowSource for InstantSelector {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let hints = SelectionHints { step_ms: self.grid.step_ms, range_ms: 0 };
        let (selected, apart) = cx.select_for(&self.plan, hints)?;
        let all = selected.series().iter().map(|entry| OutputSeries::selected(entry.labels.clone(), apart));
        let series = match self.wanted {
            Wanted::Value => all.collect(),
            Wanted::Time | Wanted::Start => change_all(all, |one| one.renamed(cx.delayed_names())).collect(),
        };
        self.selected = Some(selected);
        Ok(series)
    }

    fn fill(&self, cx: &Context<'_>, i: usize, scratch: &mut Scratch, out: &mut RowMut<'_>) -> Result<(), QueryError> {
        let Some(selected) = &self.selected else { return Ok(()) };
        if self.wanted == Wanted::Start && !cx.features.use_start_timestamps {
            return Ok(());
        }
        if self.plan.mode == RangeMode::Smoothed && self.wanted == Wanted::Value {
            return self.fill_smoothed(cx, selected.as_ref(), i, scratch, out);
        }
        let first = self.moment(0).saturating_sub(cx.lookback_ms);
        scratch.columns.load(selected.as_ref(), i, first.saturating_add(1), self.moment(self.grid.n - 1))?;
        if !scratch.columns.histograms().is_empty() {
            return self.fill_any(cx, &mut scratch.columns, out);
        }
        let (t, v, starts) = (scratch.columns.t(), scratch.columns.v(), scratch.columns.starts());
        let found = match self.wanted {
            Wanted::Value => self.fill_newest(cx, t, v, out, |at| v[at]),
            Wanted::Time => self.fill_newest(cx, t, v, out, |at| t[at].as_secs_f64()),
            Wanted::Start => self.fill_newest(cx, t, v, out, |at| starts.get(at).copied().unwrap_or(0) as f64 / 1000.0),
        };
        cx.count(found, found);
        Ok(())
    }
}

impl InstantSelector {
    /// Fills a row with what `of` says of the newest sample at each step, and returns how many there were. The newest
    /// alone decides: a stale or too old one hides those before it.
    #[inline(always)]
    fn fill_newest(
        &self,
        cx: &Context<'_>,
        t: &[TimestampMs],
        v: &[f64],
        out: &mut RowMut<'_>,
        of: impl Fn(usize) -> f64,
    ) -> u64 {
        let (mut seen, mut moved) = (0, 0);
        let mut found = 0;
        let mut moment = self.moment(0);
        let stride = if self.plan.at.is_some() { 0 } else { self.grid.step_ms };
        for (values, present) in out.values.chunks_mut(64).zip(out.present.iter_mut()) {
            let mut word = 0;
            for (bit, value) in values.iter_mut().enumerate() {
                let before = seen;
                seen = first_after(t, seen, moved, moment);
                moved = seen - before;
                if let Some(at) = seen.checked_sub(1)
                    && t[at].0 > moment.saturating_sub(cx.lookback_ms)
                    && !is_stale_nan(v[at])
                {
                    *value = of(at);
                    word |= 1 << bit;
                }
                moment = moment.saturating_add(stride);
            }
            *present = word;
            found += u64::from(word.count_ones());
        }
        found
    }
}
