//! `quantile(phi, vector)`: needs all values of a group and step at once.

use std::sync::Arc;

use firesteel_promql_syntax::Span;

use super::GroupBy;
use crate::QueryError;
use crate::annotations::Note;
use crate::budget::Charge;
use crate::context::{Context, row_bytes};
use crate::grid::Grid;
use crate::kernels::quantile::quantile;
use crate::operators::{Emitter, Flow, Input, Operator};
use crate::series::OutputSeries;
use crate::tile::Tile;

pub(crate) struct QuantileOf {
    grid: Grid,
    by: GroupBy,
    param: Input,
    param_span: Span,
    input_span: Span,
    phi: Vec<f64>,
    input: Input,
    group_of: Vec<usize>,
    n_groups: usize,
    emitter: Option<Emitter>,
    charge: Charge,
}

impl QuantileOf {
    /// `spans`: where the parameter and where the vector stands.
    pub(crate) fn new(grid: Grid, by: GroupBy, param: Input, spans: (Span, Span), input: Box<dyn Operator>) -> Self {
        let (param_span, input_span) = spans;
        Self {
            grid,
            by,
            param,
            param_span,
            input_span,
            phi: Vec::new(),
            input: Input::new(input),
            group_of: Vec::new(),
            n_groups: 0,
            emitter: None,
            charge: Charge::default(),
        }
    }

    fn compute(&mut self, cx: &Context<'_>) -> Result<Tile, QueryError> {
        let n_steps = self.grid.n;
        let cells = self.n_groups.saturating_mul(n_steps) as u64;
        self.charge = cx.charge(cells.saturating_mul(size_of::<Vec<f64>>() as u64))?;
        self.charge.add(cx.node, row_bytes(n_steps).saturating_mul(self.n_groups as u64))?;
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); self.n_groups * n_steps];
        let mut tile = Tile::default();
        while self.input.next(cx, &mut tile)? == Flow::More {
            // Vectors that grow have up to twice the room that they need.
            self.charge.add(cx.node, 16 * tile.n_points())?;
            for i in 0..tile.n_rows() {
                let group = self.group_of[tile.first + i];
                if tile.row(i).has_histograms() {
                    cx.note(Note::HistogramIgnoredInAggregation { aggregation: "quantile" }, self.input_span);
                }
                for (step, v) in tile.row(i).points() {
                    values[group * n_steps + step].push(v);
                }
            }
        }
        let mut out = Tile::default();
        out.reset(0, self.n_groups, n_steps);
        for (cell, values) in values.iter_mut().enumerate().filter(|(_, values)| !values.is_empty()) {
            let (group, step) = (cell / n_steps, cell % n_steps);
            out.row_mut(group).set(step, quantile(self.phi[step], values));
        }
        Ok(out)
    }
}

/// Notes what is out of range by the extremes over all steps, as upstream.
fn check_phi(cx: &Context<'_>, phi: &[f64], span: Span) {
    if phi.iter().any(|q| q.is_nan()) {
        cx.note(Note::InvalidQuantile(f64::NAN), span);
    }
    let max = phi.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let min = phi.iter().copied().fold(f64::INFINITY, f64::min);
    if max > 1.0 {
        cx.note(Note::InvalidQuantile(max), span);
    }
    if min < 0.0 {
        cx.note(Note::InvalidQuantile(min), span);
    }
}

impl Operator for QuantileOf {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        self.phi = self.param.scalar(cx, self.grid)?;
        let series = self.input.prepare(cx)?;
        check_phi(cx, &self.phi, self.param_span);
        let (group_of, groups) = self.by.groups(&series);
        self.group_of = group_of;
        self.n_groups = groups.len();
        Ok(groups.into())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if self.emitter.is_none() {
            self.emitter = Some(Emitter::new(self.compute(cx)?));
        }
        Ok(self.emitter.as_mut().map_or(Flow::End, |rows| rows.next(self.grid, out)))
    }
}
