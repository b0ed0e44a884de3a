//! Functions of range vectors over selectors, and raw range vectors.

use std::sync::Arc;

use firesteel_base::TimestampMs;
use firesteel_model::Labels;
use firesteel_promql_syntax::{RangeMode, Span};
use firesteel_storage::{Selected, SelectionHints};

use super::Input;
use super::leaf::{RowSource, Scratch};
use crate::annotations::Note;
use crate::budget::Charge;
use crate::columns::Columns;
use crate::context::Context;
use crate::grid::Grid;
use crate::histograms::{RangeOf, Series, over_windows};
use crate::kernels::extended::{self, Extended, ExtendedRange};
use crate::kernels::extrapolate::{Extrapolation, extrapolated};
use crate::kernels::window::{WindowCounts, Windows};
use crate::kernels::{counting, extremes, instant_rate, quantile, regression, smoothing, sums, variance};
use crate::plan::{RangeFunction, SelectorPlan};
use crate::series::{OutputSeries, change_all};
use crate::tile::{RowMut, weight};
use crate::{MatrixSeries, QueryError};

/// A range function with its scalar parameters.
pub(crate) struct RangeCall {
    pub(crate) function: RangeFunction,
    pub(crate) grid: Grid,
    pub(crate) windows: Windows,
    param_inputs: Vec<Input>,
    /// One column a parameter, one value a step.
    params: Vec<Vec<f64>>,
    arg: Span,
    /// Set for `anchored` and `smoothed` ranges.
    extended: Option<ExtendedRange>,
}

impl RangeCall {
    pub(crate) fn new(
        function: RangeFunction,
        grid: Grid,
        windows: Windows,
        param_inputs: Vec<Input>,
        arg: Span,
    ) -> Self {
        Self { function, grid, windows, param_inputs, params: Vec::new(), arg, extended: None }
    }

    /// Evaluates the parameters.
    pub(crate) fn prepare(&mut self, cx: &Context<'_>) -> Result<(), QueryError> {
        for input in &mut self.param_inputs {
            self.params.push(input.scalar(cx, self.grid)?);
        }
        Ok(())
    }

    /// Returns what the function makes of a series' identity.
    pub(crate) fn output(&self, series: &OutputSeries, cx: &Context<'_>) -> OutputSeries {
        if self.function.keeps_name() && !series.drop_name {
            return series.clone();
        }
        series.renamed(cx.delayed_names())
    }

    /// Applies the function to the columns of one series.
    pub(crate) fn apply(
        &self,
        cx: &Context<'_>,
        labels: &Labels,
        columns: &Columns,
        resets: &mut Vec<u32>,
        values: &mut Vec<f64>,
        out: &mut RowMut<'_>,
    ) -> Result<WindowCounts, QueryError> {
        let (t, v, windows) = (columns.t(), columns.v(), &self.windows);
        if columns.is_empty() {
            return Ok(WindowCounts::default());
        }
        if self.function == RangeFunction::DoubleExponentialSmoothing {
            self.check_factors(columns)?;
        }
        let with_starts = cx.features.use_start_timestamps && !columns.starts().is_empty();
        if !columns.histograms().is_empty() || with_starts {
            if let Some(of) = self.of_both() {
                let series = Series { columns, metric: labels.metric_name(), span: self.arg };
                let counts = over_windows(of, cx, &series, windows, self.extended, out);
                self.remark(cx, labels, out);
                return Ok(counts);
            }
            self.note_ignored(cx, labels, columns);
        }
        if t.is_empty() {
            return Ok(WindowCounts::default());
        }
        let param = |i: usize| self.params.get(i).map_or(&[][..], Vec::as_slice);
        use RangeFunction as F;
        if let Some(range) = self.extended {
            let what = match self.function {
                F::Rate => Extended::Difference(Extrapolation::Rate),
                F::Increase => Extended::Difference(Extrapolation::Increase),
                F::Delta => Extended::Difference(Extrapolation::Delta),
                F::Resets => Extended::Resets,
                // The plan lets no other function through.
                _ => Extended::Changes,
            };
            let counts = extended::over_windows(what, range, t, v, windows, out);
            self.remark(cx, labels, out);
            return Ok(counts);
        }
        let counts = match self.function {
            F::Rate => extrapolated(Extrapolation::Rate, t, v, windows, resets, out),
            F::Increase => extrapolated(Extrapolation::Increase, t, v, windows, resets, out),
            F::Delta => extrapolated(Extrapolation::Delta, t, v, windows, resets, out),
            F::Irate => instant_rate::last_two(true, t, v, windows, out),
            F::Idelta => instant_rate::last_two(false, t, v, windows, out),
            F::Deriv => regression::deriv(t, v, windows, out),
            F::PredictLinear => regression::predict_linear(param(0), |step| self.grid.at(step), t, v, windows, out),
            F::DoubleExponentialSmoothing => smoothing::double_exponential(param(0), param(1), t, v, windows, out),
            F::SumOverTime => sums::sum_over_time(t, v, windows, values, out),
            F::AvgOverTime => sums::avg_over_time(t, v, windows, values, out),
            F::MinOverTime => extremes::min_over_time(t, v, windows, values, out),
            F::MaxOverTime => extremes::max_over_time(t, v, windows, values, out),
            F::CountOverTime => counting::count_over_time(t, windows, out),
            F::PresentOverTime => counting::present_over_time(t, windows, out),
            F::FirstOverTime => counting::first_over_time(t, v, windows, out),
            F::LastOverTime => counting::last_over_time(t, v, windows, out),
            F::TsOfFirstOverTime => counting::ts_of_first(t, windows, out),
            F::TsOfLastOverTime => counting::ts_of_last(t, windows, out),
            F::TsOfMinOverTime => extremes::ts_of_extreme(false, t, v, windows, out),
            F::TsOfMaxOverTime => extremes::ts_of_extreme(true, t, v, windows, out),
            F::StddevOverTime => variance::over_time(true, t, v, windows, out),
            F::StdvarOverTime => variance::over_time(false, t, v, windows, out),
            F::QuantileOverTime => quantile::quantile_over_time(param(0), t, v, windows, values, out),
            F::MadOverTime => quantile::mad_over_time(t, v, windows, values, out),
            F::Changes => counting::changes(t, v, windows, out),
            F::Resets => counting::resets(t, v, windows, out),
        };
        self.remark(cx, labels, out);
        Ok(counts)
    }

    /// Returns the function as one that looks at histograms too, if it does.
    fn of_both(&self) -> Option<RangeOf> {
        use RangeFunction as F;
        Some(match self.function {
            F::Rate => RangeOf::Difference(Extrapolation::Rate),
            F::Increase => RangeOf::Difference(Extrapolation::Increase),
            F::Delta => RangeOf::Difference(Extrapolation::Delta),
            F::Irate => RangeOf::Irate,
            F::Idelta => RangeOf::Idelta,
            F::SumOverTime => RangeOf::Sum,
            F::AvgOverTime => RangeOf::Avg,
            F::CountOverTime => RangeOf::Count,
            F::PresentOverTime => RangeOf::Present,
            F::FirstOverTime => RangeOf::First,
            F::LastOverTime => RangeOf::Last,
            F::TsOfFirstOverTime => RangeOf::TsOfFirst,
            F::TsOfLastOverTime => RangeOf::TsOfLast,
            F::Changes => RangeOf::Changes,
            F::Resets => RangeOf::Resets,
            _ => return None,
        })
    }

    /// Errors on a factor that is out of range at a step whose window has a sample of either kind.
    fn check_factors(&self, columns: &Columns) -> Result<(), QueryError> {
        let (t, h, windows) = (columns.t(), columns.histograms(), &self.windows);
        for step in 0..windows.n {
            let (start, end) = (windows.start(step), windows.end(step));
            let floats = t.partition_point(|t| t.0 <= start) < t.partition_point(|t| t.0 <= end);
            if floats || h.partition_point(|p| p.t.0 <= start) < h.partition_point(|p| p.t.0 <= end) {
                for (name, factors) in ["smoothing", "trend"].into_iter().zip(&self.params) {
                    check_factor(name, factors.get(step).copied().unwrap_or(f64::NAN))?;
                }
            }
        }
        Ok(())
    }

    /// Notes histograms in the windows of a function that looks at floats only, where there are floats.
    fn note_ignored(&self, cx: &Context<'_>, labels: &Labels, columns: &Columns) {
        let (t, h, windows) = (columns.t(), columns.histograms(), &self.windows);
        let ignored = (0..windows.n).any(|step| {
            let (start, end) = (windows.start(step), windows.end(step));
            let floats = t.partition_point(|t| t.0 <= start) < t.partition_point(|t| t.0 <= end);
            floats && h.partition_point(|p| p.t.0 <= start) < h.partition_point(|p| p.t.0 <= end)
        });
        if ignored {
            cx.note(Note::HistogramIgnoredInRange { metric: labels.metric_name().to_owned() }, self.arg);
        }
    }

    /// Notes what is odd about a series that yielded something.
    fn remark(&self, cx: &Context<'_>, labels: &Labels, out: &RowMut<'_>) {
        if self.function == RangeFunction::QuantileOverTime {
            let odd = |q: f64| q.is_nan() || !(0.0..=1.0).contains(&q);
            for (step, q) in self.params.first().into_iter().flatten().enumerate() {
                if odd(*q) && out.as_row().get(step).is_some() {
                    cx.note(Note::InvalidQuantile(*q), self.arg);
                }
            }
        }
        if !self.function.wants_counter() || out.as_row().has_no_floats() {
            return;
        }
        let metric = labels.metric_name();
        if metric.is_empty() {
            return;
        }
        if cx.features.type_and_unit_labels {
            let type_label = labels.value("__type__");
            if type_label != "counter" && type_label != "histogram" {
                let (metric, type_label) = (metric.to_owned(), type_label.to_owned());
                cx.note(Note::PossibleNonCounterLabel { metric, type_label }, self.arg);
            }
        } else if !["_total", "_sum", "_count", "_bucket"].iter().any(|suffix| metric.ends_with(suffix)) {
            cx.note(Note::PossibleNonCounter { metric: metric.to_owned() }, self.arg);
        }
    }
}

fn check_factor(name: &str, factor: f64) -> Result<(), QueryError> {
    if factor <= 0.0 || factor >= 1.0 {
        return Err(QueryError::Execution(format!(
            "invalid {name} factor. Expected: 0 < {}f < 1, got: {factor:.6}",
            &name[..1]
        )));
    }
    Ok(())
}

/// A range function over the samples of a selector.
pub(crate) struct RangeSelector {
    call: RangeCall,
    plan: SelectorPlan,
    selected: Option<Arc<dyn Selected>>,
}

impl RangeSelector {
    pub(crate) fn new(call: RangeCall, plan: SelectorPlan) -> Self {
        Self { call, plan, selected: None }
    }
}

/// Returns the windows of a range of `range_ms` on `grid` under the modifiers.
pub(crate) fn windows(at: Option<i64>, offset_ms: i64, range_ms: i64, grid: Grid, cx: &Context<'_>) -> Windows {
    let first_end = at.unwrap_or(grid.start).saturating_sub(offset_ms);
    let stride_ms = if at.is_some() { 0 } else { grid.step_ms };
    Windows { first_end, stride_ms, range_ms, n: grid.n, stop: cx.stop().clone() }
}

impl RowSource for RangeSelector {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        self.call.prepare(cx)?;
        if self.plan.mode != RangeMode::Plain {
            self.call.extended = Some(ExtendedRange { mode: self.plan.mode, lookback_ms: cx.lookback_ms });
        }
        let windows = &self.call.windows;
        let hints = SelectionHints { step_ms: self.call.grid.step_ms, range_ms: windows.range_ms };
        let (selected, apart) = cx.select_for(&self.plan, hints)?;
        let all = selected.series().iter().map(|entry| OutputSeries::selected(entry.labels.clone(), apart));
        let series = change_all(all, |one| self.call.output(one, cx)).collect();
        self.selected = Some(selected);
        Ok(series)
    }

    fn fill(&self, cx: &Context<'_>, i: usize, scratch: &mut Scratch, out: &mut RowMut<'_>) -> Result<(), QueryError> {
        let Some(selected) = &self.selected else { return Ok(()) };
        let windows = &self.call.windows;
        let Scratch { columns, resets, values } = scratch;
        let (back, ahead) = self.call.extended.map_or((0, 0), |range| (range.back_ms(), range.ahead_ms()));
        let first = windows.start(0).saturating_sub(back).saturating_add(1);
        columns.load(selected.as_ref(), i, first, windows.end(windows.n - 1).saturating_add(ahead))?;
        columns.drop_stale();
        if self.plan.stats_only {
            columns.keep_histogram_stats();
        }
        let labels = &selected.series()[i].labels;
        let counts = self.call.apply(cx, labels, columns, resets, values, out)?;
        cx.count(counts.total, counts.read);
        Ok(())
    }
}

/// Returns the samples of a range selector as they are, at one evaluation time.
pub(crate) fn range_samples(
    cx: &Context<'_>,
    plan: &SelectorPlan,
    range_ms: i64,
    at: i64,
    held: &mut Charge,
) -> Result<Vec<MatrixSeries>, QueryError> {
    let grid = Grid::instant(TimestampMs(at));
    let windows = windows(plan.at, plan.offset_ms, range_ms, grid, cx);
    let selected = cx.select(&plan.matchers, SelectionHints { step_ms: 0, range_ms }, None)?;
    let mut columns = Columns::default();
    let mut matrix = Vec::new();
    for (i, entry) in selected.series().iter().enumerate() {
        cx.check()?;
        let (start, end) = (windows.start(0), windows.end(0));
        let extended = ExtendedRange { mode: plan.mode, lookback_ms: cx.lookback_ms };
        let (from, to) = match plan.mode {
            RangeMode::Plain => (start, end),
            _ => (start.saturating_sub(extended.back_ms()), end.saturating_add(extended.ahead_ms())),
        };
        columns.load(selected.as_ref(), i, from.saturating_add(1), to)?;
        columns.drop_stale();
        let lo = columns.t().partition_point(|t| t.0 <= from);
        let hi = columns.t().partition_point(|t| t.0 <= to);
        let (t, v) = (&columns.t()[lo..hi.max(lo)], &columns.v()[lo..hi.max(lo)]);
        let h = columns.histograms().iter().filter(|point| point.t.0 > from && point.t.0 <= to);
        let histograms: Vec<_> = h.map(|point| (point.t, Arc::clone(&point.h))).collect();
        if !histograms.is_empty() && plan.mode != RangeMode::Plain {
            let word = if plan.mode == RangeMode::Smoothed { "smoothed" } else { "anchored" };
            return Err(QueryError::Execution(format!("{word} modifier is not supported with histograms")));
        }
        let points = match plan.mode {
            RangeMode::Plain => (!t.is_empty()).then(|| (t.to_vec(), v.to_vec())),
            mode => extended::edge_points(mode == RangeMode::Smoothed, t, v, start, end),
        };
        let (t, v) = points.unwrap_or_default();
        if !t.is_empty() || !histograms.is_empty() {
            let n = t.len() as u64 + histograms.iter().map(|(_, h)| weight(h)).sum::<u64>();
            cx.count(n, n);
            cx.hold(n)?;
            held.add(cx.node, size_of::<MatrixSeries>() as u64 + 16 * n)?;
            matrix.push(MatrixSeries { labels: entry.labels.clone(), t: t.into(), v, histograms });
        }
    }
    Ok(matrix)
}
