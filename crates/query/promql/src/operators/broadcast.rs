//! Step-invariant parts: evaluated at the first step, copied to all.

use std::sync::Arc;

use super::{Flow, Input, Operator};
use crate::QueryError;
use crate::context::Context;
use crate::grid::Grid;
use crate::series::OutputSeries;
use crate::tile::{Tile, rows_per_tile};

/// Its input has one step.
pub(crate) struct Broadcast {
    input: Input,
    grid: Grid,
    tile: Tile,
    next_row: usize,
}

impl Broadcast {
    pub(crate) fn new(input: Box<dyn Operator>, grid: Grid) -> Self {
        Self { input: Input::new(input), grid, tile: Tile::default(), next_row: 0 }
    }
}

impl Operator for Broadcast {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        self.input.prepare(cx)
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if self.next_row == self.tile.n_rows() {
            self.next_row = 0;
            if self.input.next(cx, &mut self.tile)? == Flow::End {
                self.tile.clear();
                return Ok(Flow::End);
            }
        }
        let n = rows_per_tile(self.grid.n).min(self.tile.n_rows() - self.next_row);
        out.reset(self.tile.first + self.next_row, n, self.grid.n);
        for i in 0..n {
            let row = self.tile.row(self.next_row + i);
            if let Some(v) = row.get(0) {
                out.row_mut(i).fill(v);
            } else if let Some(h) = row.histogram(0) {
                let mut out = out.row_mut(i);
                (0..self.grid.n).for_each(|step| out.set_histogram(step, Arc::clone(h)));
            }
        }
        self.next_row += n;
        Ok(Flow::More)
    }
}
