//! Functions and operators that change each value by itself, row by row.

use std::sync::Arc;

use firesteel_promql_syntax::{BinaryOp, Span};

use super::{Flow, Input, Operator};
use crate::QueryError;
use crate::annotations::Note;
use crate::binary::scalar;
use crate::context::Context;
use crate::functions::elementwise;
use crate::grid::Grid;
use crate::histograms::{Answer, Cell, HistogramFunction, element};
use crate::plan::MapFunction;
use crate::series::{OutputSeries, change_all};
use crate::tile::{RowMut, Tile};

/// What happens to a row.
pub(crate) enum RowChange {
    Function(MapFunction),
    Negate,
    /// Functions of histograms only: floats vanish.
    Histogram(HistogramFunction),
    /// An operation with the scalar parameter.
    WithScalar {
        op: BinaryOp,
        scalar_is_left: bool,
        return_bool: bool,
        span: Span,
    },
}

pub(crate) struct Map {
    change: RowChange,
    grid: Grid,
    input: Input,
    param_inputs: Vec<Input>,
    params: Vec<Vec<f64>>,
}

impl Map {
    pub(crate) fn new(change: RowChange, grid: Grid, input: Box<dyn Operator>, param_inputs: Vec<Input>) -> Self {
        Self { change, grid, input: Input::new(input), param_inputs, params: Vec::new() }
    }

    fn renames(&self) -> bool {
        match self.change {
            RowChange::Function(_) | RowChange::Negate | RowChange::Histogram(_) => true,
            RowChange::WithScalar { op, return_bool, .. } => return_bool || scalar::changes_metric(op),
        }
    }

    fn change(&self, cx: &Context<'_>, row: &mut RowMut<'_>) {
        match &self.change {
            RowChange::Function(function) => {
                if *function == MapFunction::Timestamp {
                    for step in 0..self.grid.n {
                        if row.as_row().histogram(step).is_some() {
                            row.set(step, 0.0);
                        }
                    }
                }
                row.drop_histograms();
                elementwise::apply(*function, self.grid, &self.params, row);
            }
            RowChange::Negate => {
                row.values.iter_mut().for_each(|v| *v = -*v);
                for h in row.histograms_mut().iter_mut().flatten() {
                    Arc::make_mut(h).mul(-1.0);
                }
            }
            RowChange::Histogram(function) => {
                row.present.fill(0);
                for step in 0..self.grid.n {
                    if let Some(v) = row.as_row().histogram(step).and_then(|h| function.of(h)) {
                        row.set(step, v);
                    }
                }
                row.drop_histograms();
            }
            RowChange::WithScalar { op, scalar_is_left, return_bool, span } => {
                let scalar = self.params.first().map_or(&[][..], Vec::as_slice);
                let histograms = row.histograms_mut().to_vec();
                row.drop_histograms();
                if matches!(op, BinaryOp::TrimLower | BinaryOp::TrimUpper) && !row.as_row().has_no_floats() {
                    cx.note(Note::IncompatibleTypes { left: "float", op: op.as_str(), right: "float" }, *span);
                }
                with_scalar(*op, *scalar_is_left, *return_bool, scalar, row);
                for (step, h) in histograms.iter().enumerate().filter_map(|(i, cell)| Some((i, cell.as_ref()?))) {
                    let (vector, scalar) = (Cell::Histogram(h), Cell::Float(scalar[step]));
                    let (a, b) = if *scalar_is_left { (scalar, vector) } else { (vector, scalar) };
                    match element(*op, a, b, *return_bool, |note| cx.note(note, *span)) {
                        Ok(Some(Answer::Float(v))) => row.set(step, v),
                        Ok(Some(Answer::Histogram(h))) => row.set_histogram(step, h),
                        Ok(None) | Err(_) => {}
                    }
                }
            }
        }
    }
}

/// Combines each value with the scalar of its step. A comparison keeps the vector's value on either side.
fn with_scalar(op: BinaryOp, scalar_is_left: bool, return_bool: bool, scalar: &[f64], row: &mut RowMut<'_>) {
    if !op.is_comparison() {
        scalar::combine_rows(op, scalar_is_left, scalar, row);
        return;
    }
    for word in 0..row.present.len() {
        let mut kept = 0;
        let steps = word * 64..(word * 64 + 64).min(row.values.len());
        for (bit, step) in steps.enumerate() {
            let v = row.values[step];
            let (a, b) = if scalar_is_left { (scalar[step], v) } else { (v, scalar[step]) };
            let holds = scalar::compare(op, a, b);
            if return_bool {
                row.values[step] = f64::from(u8::from(holds));
            }
            kept |= u64::from(holds || return_bool) << bit;
        }
        row.present[word] &= kept;
    }
}

impl Operator for Map {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        for input in &mut self.param_inputs {
            self.params.push(input.scalar(cx, self.grid)?);
        }
        let series = self.input.prepare(cx)?;
        if !self.renames() {
            return Ok(series);
        }
        let delayed = cx.delayed_names();
        let all = series.iter().cloned();
        if let RowChange::Histogram(_) = self.change {
            return Ok(change_all(all, |one| one.unnamed(delayed)).collect());
        }
        Ok(change_all(all, |one| one.renamed(delayed)).collect())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        let flow = self.input.next(cx, out)?;
        if flow == Flow::More {
            for i in 0..out.n_rows() {
                self.change(cx, &mut out.row_mut(i));
            }
        }
        Ok(flow)
    }
}
