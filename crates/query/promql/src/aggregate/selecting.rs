//! Aggregations that pick series: topk, bottomk, limitk, limit_ratio. What is picked keeps its labels.

use std::sync::Arc;

use firesteel_go_compat::{FloatForm, format_float_as};
use firesteel_model::Labels;
use firesteel_promql_syntax::Span;

use super::GroupBy;
use crate::QueryError;
use crate::annotations::Note;
use crate::budget::Charge;
use crate::context::Context;
use crate::grid::Grid;
use crate::operators::{Emitter, Flow, Input, Operator};
use crate::series::OutputSeries;
use crate::tile::{RowMut, SharedHistogram, Tile, rows_per_tile};

/// Which elements are picked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Selection {
    TopK,
    BottomK,
    LimitK,
    LimitRatio,
}

pub(crate) struct Selecting {
    selection: Selection,
    /// Where the whole aggregation stands.
    span: Span,
    grid: Grid,
    by: GroupBy,
    param: Input,
    param_span: Span,
    param_values: Vec<f64>,
    input: Input,
    series: Arc<[OutputSeries]>,
    /// What was picked, by row and step.
    picked: Option<Picked>,
    instant: Option<Emitter>,
    charge: Charge,
}

impl Selecting {
    pub(crate) fn new(
        selection: (Selection, Span),
        grid: Grid,
        by: GroupBy,
        param: Input,
        param_span: Span,
        input: Box<dyn Operator>,
    ) -> Self {
        let (selection, span) = selection;
        Self {
            selection,
            span,
            grid,
            by,
            param,
            param_span,
            param_values: Vec::new(),
            input: Input::new(input),
            series: Arc::default(),
            picked: None,
            instant: None,
            charge: Charge::default(),
        }
    }

    /// Returns whether values decide what is picked.
    fn is_by_value(&self) -> bool {
        matches!(self.selection, Selection::TopK | Selection::BottomK)
    }

    /// Reads the input and picks: the elements of each group and step, in their final order.
    fn pick(&mut self, cx: &Context<'_>) -> Result<Vec<Vec<Entry>>, QueryError> {
        let (group_of, groups) = self.by.groups(&self.series);
        let n_steps = self.grid.n;
        let n_cells = groups.len().saturating_mul(n_steps) as u64;
        self.charge = cx.charge(n_cells.saturating_mul((size_of::<Vec<Entry>>() + size_of::<f64>()) as u64))?;
        let mut cells: Vec<Vec<Entry>> = vec![Vec::new(); groups.len() * n_steps];
        let nothing = match self.selection {
            Selection::LimitRatio => self.param_values.iter().all(|r| *r == 0.0),
            _ => !self.param_values.iter().any(|k| *k >= 1.0),
        };
        // The value of the worst kept element of a cell that is full: what is no better is not looked at closer.
        let mut bars = vec![f64::NAN; if self.is_by_value() { cells.len() } else { 0 }];
        let descending = self.selection == Selection::TopK;
        // How many cells of the first come are not full: with none the rest changes nothing.
        let limited = self.selection == Selection::LimitK && cx.leave_unread;
        let mut open = cells.len();
        let mut tile = Tile::default();
        while !(limited && open == 0) && self.input.next(cx, &mut tile)? == Flow::More {
            if nothing {
                continue;
            }
            let mut kept = 0;
            for i in 0..tile.n_rows() {
                let row = tile.first + i;
                let of_group = group_of[row] * n_steps..(group_of[row] + 1) * n_steps;
                let bars = bars.get_mut(of_group.clone()).unwrap_or(&mut []);
                let cells = &mut cells[of_group];
                let offset = match self.selection {
                    Selection::LimitRatio => ratio_offset(&self.series[row].labels),
                    _ => 0.0,
                };
                let floats = tile.row(i).points().map(|(step, v)| (step, v, None));
                let histograms = tile.row(i).histogram_points().map(|(step, h)| (step, 0.0, Some(Arc::clone(h))));
                for (step, v, h) in floats.chain(histograms) {
                    if bars.get(step).is_some_and(|bar| if descending { v <= *bar } else { v >= *bar }) && h.is_none() {
                        continue;
                    }
                    let is_histogram = h.is_some();
                    let entry = Entry { row, v, h };
                    let param = self.param_values[step];
                    let cell = &mut cells[step];
                    let before = cell.len();
                    match self.selection {
                        Selection::TopK | Selection::BottomK if is_histogram => {
                            if param >= 1.0 {
                                let aggregation = if self.selection == Selection::TopK { "topk" } else { "bottomk" };
                                cx.note(Note::HistogramIgnoredInAggregation { aggregation }, self.span);
                            }
                        }
                        Selection::TopK => offer(cell, entry, param, |a, b| a > b),
                        Selection::BottomK => offer(cell, entry, param, |a, b| a < b),
                        Selection::LimitK if (cell.len() as f64) < param.trunc() => {
                            cell.push(entry);
                            open -= usize::from(cell.len() as f64 >= param.trunc());
                        }
                        Selection::LimitRatio if takes(param, offset) => cell.push(entry),
                        Selection::LimitK | Selection::LimitRatio => {}
                    }
                    kept += cell.len() - before;
                    if let Some(bar) = bars.get_mut(step)
                        && (cell.len() + 1) as f64 > param
                    {
                        *bar = cell.first().map_or(f64::NAN, |worst| worst.v);
                    }
                }
            }
            self.charge.add(cx.node, KEPT_BYTES * kept as u64)?;
        }
        self.input.leave(cx);
        if self.is_by_value() {
            for cell in &mut cells {
                cell.sort_by(|a, b| crate::operators::nan_last(a.v, b.v, descending));
            }
        }
        Ok(cells)
    }
}

/// What a picked element takes: in its cell, which may have twice the room it needs, and in the list of all.
const KEPT_BYTES: u64 = 3 * size_of::<Entry>() as u64 + 8;

/// A picked element.
#[derive(Clone, Debug)]
struct Entry {
    row: usize,
    v: f64,
    h: Option<SharedHistogram>,
}

impl Entry {
    fn put(&self, step: usize, row: &mut RowMut<'_>) {
        match &self.h {
            Some(h) => row.set_histogram(step, Arc::clone(h)),
            None => row.set(step, self.v),
        }
    }
}

/// Keeps the `k` best: an equal element does not displace an earlier one, NaN is the first to go.
///
/// The worst kept element stands at the front (a binary heap, as upstream's).
fn offer(heap: &mut Vec<Entry>, entry: Entry, k: f64, better: impl Fn(f64, f64) -> bool) {
    // Worse elements are closer to the root; NaN is the worst.
    let worse = |a: f64, b: f64| a.is_nan() || better(b, a);
    if ((heap.len() + 1) as f64) <= k {
        heap.push(entry);
        let mut at = heap.len() - 1;
        while at > 0 {
            let parent = (at - 1) / 2;
            if !worse(heap[at].v, heap[parent].v) {
                break;
            }
            heap.swap(at, parent);
            at = parent;
        }
        return;
    }
    let Some(root) = heap.first_mut() else { return };
    if !(better(entry.v, root.v) || root.v.is_nan() && !entry.v.is_nan()) {
        return;
    }
    *root = entry;
    let mut at = 0;
    loop {
        let left = 2 * at + 1;
        if left >= heap.len() {
            return;
        }
        let right = left + 1;
        let child = if right < heap.len() && worse(heap[right].v, heap[left].v) { right } else { left };
        if !worse(heap[child].v, heap[at].v) {
            return;
        }
        heap.swap(at, child);
        at = child;
    }
}

/// Returns where in [0, 1) a series lies by its hash.
fn ratio_offset(labels: &Labels) -> f64 {
    // upstream divides by MaxUint64 as a float, which is 2^64 (promql/engine.go, HashRatioSampler).
    labels.hash64() as f64 / u64::MAX as f64
}

/// Returns whether a series at `offset` belongs to the ratio; negative ratios are the complement.
fn takes(ratio: f64, offset: f64) -> bool {
    let ratio = ratio.clamp(-1.0, 1.0);
    if ratio == 0.0 {
        return false;
    }
    ratio > 0.0 && offset < ratio || ratio < 0.0 && offset >= 1.0 + ratio
}

/// Checks the parameter over all steps, in upstream's order (`promql/engine.go`, rangeEvalAgg).
fn check_param(selection: Selection, cx: &Context<'_>, values: &[f64], span: Span) -> Result<(), QueryError> {
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let min = values.iter().copied().fold(f64::INFINITY, f64::min);
    let any_nan = values.iter().any(|v| v.is_nan());
    let general = |v: f64| format_float_as(v, FloatForm::General);
    if selection == Selection::LimitRatio {
        if !any_nan && max == 0.0 && min == 0.0 {
            return Ok(());
        }
        if any_nan {
            return Err(QueryError::Execution("Ratio value is NaN".to_owned()));
        }
        if max > 1.0 {
            cx.note(Note::InvalidRatio { got: max, capped_to: 1.0 }, span);
        }
        if min < -1.0 {
            cx.note(Note::InvalidRatio { got: min, capped_to: -1.0 }, span);
        }
        return Ok(());
    }
    if !any_nan && max < 1.0 {
        return Ok(());
    }
    if any_nan {
        return Err(QueryError::Execution("Parameter value is NaN".to_owned()));
    }
    if min <= i64::MIN as f64 {
        return Err(QueryError::Execution(format!("Scalar value {} underflows int64", general(min))));
    }
    if max >= i64::MAX as f64 {
        return Err(QueryError::Execution(format!("Scalar value {} overflows int64", general(max))));
    }
    Ok(())
}

/// Picked elements by row, to be handed up as tiles.
struct Picked {
    /// Sorted by row.
    points: Vec<(u32, Entry)>,
    next: usize,
}

impl Operator for Selecting {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        self.param_values = self.param.scalar(cx, self.grid)?;
        self.series = self.input.prepare(cx)?;
        check_param(self.selection, cx, &self.param_values, self.param_span)?;
        if !self.grid.is_instant() {
            return Ok(Arc::clone(&self.series));
        }
        // The answer to an instant query shows the order: group by group, each in order of value.
        let picked: Vec<Entry> = self.pick(cx)?.into_iter().flatten().collect();
        let mut rows = Tile::default();
        rows.reset(0, picked.len(), 1);
        for (i, entry) in picked.iter().enumerate() {
            entry.put(0, &mut rows.row_mut(i));
        }
        self.instant = Some(Emitter::new(rows));
        Ok(picked.iter().map(|entry| self.series[entry.row].clone()).collect())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if let Some(rows) = &mut self.instant {
            return Ok(rows.next(self.grid, out));
        }
        if self.picked.is_none() {
            let n_steps = self.grid.n;
            let cells = self.pick(cx)?.into_iter().enumerate();
            let mut points: Vec<(u32, Entry)> = cells
                .flat_map(|(cell, entries)| entries.into_iter().map(move |entry| ((cell % n_steps) as u32, entry)))
                .collect();
            points.sort_unstable_by_key(|(step, entry)| (entry.row, *step));
            self.picked = Some(Picked { points, next: 0 });
        }
        let Some(picked) = &mut self.picked else { return Ok(Flow::End) };
        let Some(first) = picked.points.get(picked.next).map(|(_, entry)| entry.row) else { return Ok(Flow::End) };
        let n = rows_per_tile(self.grid.n).min(self.series.len() - first);
        out.reset(first, n, self.grid.n);
        while let Some((step, entry)) = picked.points.get(picked.next).filter(|(_, entry)| entry.row < first + n) {
            entry.put(*step as usize, &mut out.row_mut(entry.row - first));
            picked.next += 1;
        }
        Ok(Flow::More)
    }
}
