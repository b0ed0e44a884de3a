//! Scalars: one row, a value at every step.

use std::sync::Arc;

use firesteel_model::Labels;

use super::{Emitter, Flow, Input, Operator};
use crate::QueryError;
use crate::binary::scalar;
use crate::context::Context;
use crate::grid::Grid;
use crate::plan::ScalarOp;
use crate::series::OutputSeries;
use crate::tile::Tile;

/// Where the values of a scalar come from.
pub(crate) enum ScalarSource {
    Number(f64),
    /// The time of the step in seconds.
    Time,
    /// The one value of a vector, else NaN.
    OfVector(Input),
    /// A scalar as a vector of one element.
    OfScalar(Input),
    Operation {
        op: ScalarOp,
        lhs: Input,
        rhs: Input,
    },
}

pub(crate) struct Scalar {
    source: ScalarSource,
    grid: Grid,
    done: bool,
}

impl Scalar {
    pub(crate) fn new(source: ScalarSource, grid: Grid) -> Self {
        Self { source, grid, done: false }
    }

    fn values(&mut self, cx: &Context<'_>) -> Result<Vec<f64>, QueryError> {
        let grid = self.grid;
        Ok(match &mut self.source {
            ScalarSource::Number(v) => vec![*v; grid.n],
            ScalarSource::Time => (0..grid.n).map(|i| grid.at(i) as f64 / 1000.0).collect(),
            ScalarSource::OfVector(input) => only_element(input, cx, grid)?,
            ScalarSource::OfScalar(input) => input.scalar(cx, grid)?,
            ScalarSource::Operation { op, lhs, rhs } => {
                let (mut values, rhs) = (lhs.scalar(cx, grid)?, rhs.scalar(cx, grid)?);
                for (a, b) in values.iter_mut().zip(rhs) {
                    *a = match op {
                        ScalarOp::Binary(op) => scalar::binary(*op, *a, b),
                        ScalarOp::MaxOf => scalar::go_max(*a, b),
                        ScalarOp::MinOf => scalar::go_min(*a, b),
                    };
                }
                values
            }
        })
    }
}

fn only_element(input: &mut Input, cx: &Context<'_>, grid: Grid) -> Result<Vec<f64>, QueryError> {
    input.prepare(cx)?;
    let mut values = vec![f64::NAN; grid.n];
    let mut found = vec![0_u8; grid.n];
    let mut tile = Tile::default();
    while input.next(cx, &mut tile)? == Flow::More {
        for i in 0..tile.n_rows() {
            for (step, v) in tile.row(i).points() {
                values[step] = if found[step] == 0 { v } else { f64::NAN };
                found[step] = 1;
            }
        }
    }
    Ok(values)
}

impl Operator for Scalar {
    fn prepare(&mut self, _: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        Ok(Arc::new([OutputSeries::plain(Labels::empty())]))
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(Flow::End);
        }
        // The values, those of the other operand, and the row that they become.
        let _held = cx.charge_rows(3, self.grid.n)?;
        let values = self.values(cx)?;
        let mut row = Tile::default();
        row.reset(0, 1, self.grid.n);
        row.row_mut(0).fill(0.0);
        row.row_mut(0).values.copy_from_slice(&values);
        Ok(Emitter::new(row).next(self.grid, out))
    }
}
