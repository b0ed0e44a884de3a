//! Operators: each pulls tiles from below and hands tiles up. Its series are known before any value is.
//!
//! Rows come in the order of `prepare`'s series, each at most once; rows without a point may be left out. For an
//! instant query every vector operator is wrapped so that its series are exactly those with a value: order of first
//! appearance, which the answer shows, then is upstream's.

mod absent;
mod broadcast;
mod build;
mod exact;
mod info;
mod known;
mod labels;
mod leaf;
mod map;
mod merge;
mod probe;
mod range_call;
mod scalars;
mod selector;
mod shared;
mod sort;
mod subquery;

use std::sync::Arc;

pub(crate) use build::{build, build_root};
pub use known::KnownRows;
pub(crate) use range_call::range_samples;
pub(crate) use shared::SharedLeaves;
pub(crate) use sort::nan_last;
pub(crate) use subquery::inner_grid;

use crate::QueryError;
use crate::budget::Charge;
use crate::context::Context;
use crate::grid::Grid;
use crate::series::OutputSeries;
use crate::tile::Tile;

/// Whether a tile came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flow {
    More,
    End,
}

/// A node of the running query.
pub(crate) trait Operator: Send + Sync {
    /// Returns the series of the output: a superset, presence bits tell the rest.
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError>;
    /// Puts the next rows into `out`.
    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError>;
}

/// An operator seen from the one above: counts the samples that the upper one holds.
pub(crate) struct Input {
    operator: Box<dyn Operator>,
    held: u64,
    /// For what was gathered.
    gathered: Charge,
}

impl Input {
    pub(crate) fn new(operator: Box<dyn Operator>) -> Self {
        Self { operator, held: 0, gathered: Charge::default() }
    }

    pub(crate) fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        self.operator.prepare(cx)
    }

    /// Pulls a tile; at the end the samples pulled count as released.
    pub(crate) fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        cx.check()?;
        let flow = self.operator.next(cx, out)?;
        match flow {
            Flow::More => {
                let n = out.n_points();
                self.held += n;
                cx.hold(n)?;
            }
            Flow::End => cx.release(std::mem::take(&mut self.held)),
        }
        Ok(flow)
    }

    /// Pulls no more: what was pulled counts as released.
    pub(crate) fn leave(&mut self, cx: &Context<'_>) {
        cx.release(std::mem::take(&mut self.held));
    }

    /// Pulls everything into one tile of all rows, charged to whoever has this input.
    pub(crate) fn gather(&mut self, cx: &Context<'_>, n_rows: usize, grid: Grid) -> Result<Tile, QueryError> {
        self.gathered = cx.charge_rows(n_rows, grid.n)?;
        let mut all = Tile::default();
        all.reset(0, n_rows, grid.n);
        let mut tile = Tile::default();
        while self.next(cx, &mut tile)? == Flow::More {
            self.gathered.add(cx.node, tile.histogram_bytes())?;
            for i in 0..tile.n_rows() {
                all.row_mut(tile.first + i).copy_from(tile.row(i));
            }
        }
        Ok(all)
    }

    /// Evaluates a scalar: one value for each step.
    pub(crate) fn scalar(&mut self, cx: &Context<'_>, grid: Grid) -> Result<Vec<f64>, QueryError> {
        let series = self.prepare(cx)?;
        let all = self.gather(cx, series.len().max(1), grid)?;
        Ok(all.row(0).values.to_vec())
    }
}

/// Hands out the rows of a finished tile a few at a time.
#[derive(Debug, Default)]
pub(crate) struct Emitter {
    rows: Tile,
    next: usize,
}

impl Emitter {
    pub(crate) fn new(rows: Tile) -> Self {
        Self { rows, next: 0 }
    }

    pub(crate) fn next(&mut self, grid: Grid, out: &mut Tile) -> Flow {
        let n = crate::tile::rows_per_tile(grid.n).min(self.rows.n_rows() - self.next);
        if n == 0 {
            self.rows = Tile::default();
            self.next = 0;
            return Flow::End;
        }
        out.reset(self.next, n, grid.n);
        for i in 0..n {
            out.row_mut(i).copy_from(self.rows.row(self.next + i));
        }
        self.next += n;
        Flow::More
    }
}
