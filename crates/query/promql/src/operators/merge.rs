//! Makes label sets unique: series that became equal are joined, unless they have values at the same step.

use std::sync::Arc;

use super::{Emitter, Flow, Input, Operator};
use crate::QueryError;
use crate::budget::Charge;
use crate::context::Context;
use crate::grid::Grid;
use crate::series::{OutputSeries, number_label_sets};
use crate::tile::Tile;

/// When equal label sets are an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clash {
    /// When both have a value at one step.
    SameStep,
    /// When both have any value.
    AnyStep,
}

pub(crate) struct Merge {
    input: Input,
    grid: Grid,
    clash: Clash,
    /// Input row to output row, if there is anything to join.
    target: Option<Vec<usize>>,
    n_out: usize,
    merged: Option<Emitter>,
    charge: Charge,
}

impl Merge {
    pub(crate) fn new(input: Box<dyn Operator>, grid: Grid, clash: Clash) -> Self {
        Self { input: Input::new(input), grid, clash, target: None, n_out: 0, merged: None, charge: Charge::default() }
    }

    fn merge(&mut self, cx: &Context<'_>, target: &[usize]) -> Result<Tile, QueryError> {
        self.charge = cx.charge_rows(self.n_out, self.grid.n)?;
        let mut all = Tile::default();
        all.reset(0, self.n_out, self.grid.n);
        let mut tile = Tile::default();
        while self.input.next(cx, &mut tile)? == Flow::More {
            self.charge.add(cx.node, tile.histogram_bytes())?;
            for i in 0..tile.n_rows() {
                let row = tile.row(i);
                let mut out = all.row_mut(target[tile.first + i]);
                let clashes = match self.clash {
                    Clash::SameStep => {
                        let before = out.as_row();
                        (0..row.present.len()).any(|word| row.either(word) & before.either(word) != 0)
                    }
                    Clash::AnyStep => !row.is_empty() && !out.as_row().is_empty(),
                };
                if clashes {
                    return Err(same_labelset());
                }
                for (step, v) in row.points() {
                    out.set(step, v);
                }
                for (step, h) in row.histogram_points() {
                    out.set_histogram(step, Arc::clone(h));
                }
            }
        }
        Ok(all)
    }
}

/// The error of two equal label sets in one vector.
pub(crate) fn same_labelset() -> QueryError {
    QueryError::Execution("vector cannot contain metrics with the same labelset".to_owned())
}

impl Operator for Merge {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        let (target, n_out) = number_label_sets(&series);
        if n_out == series.len() {
            return Ok(series);
        }
        let mut first = vec![None; n_out];
        for (i, &at) in target.iter().enumerate() {
            first[at].get_or_insert(i);
        }
        self.target = Some(target);
        self.n_out = n_out;
        Ok(first.into_iter().flatten().map(|i| series[i].clone()).collect())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if let Some(target) = self.target.take() {
            self.merged = Some(Emitter::new(self.merge(cx, &target)?));
        }
        match &mut self.merged {
            Some(rows) => Ok(rows.next(self.grid, out)),
            None => self.input.next(cx, out),
        }
    }
}
