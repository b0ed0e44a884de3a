//! `absent` and `absent_over_time`: one where nothing is.

use std::sync::Arc;

use firesteel_model::Labels;

use super::{Emitter, Flow, Input, Operator};
use crate::QueryError;
use crate::context::Context;
use crate::grid::Grid;
use crate::series::OutputSeries;
use crate::tile::Tile;

pub(crate) struct Absent {
    input: Input,
    grid: Grid,
    labels: Labels,
    done: bool,
}

impl Absent {
    pub(crate) fn new(input: Box<dyn Operator>, grid: Grid, labels: Labels) -> Self {
        Self { input: Input::new(input), grid, labels, done: false }
    }
}

impl Operator for Absent {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        self.input.prepare(cx)?;
        Ok(Arc::new([OutputSeries::plain(self.labels.clone())]))
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if std::mem::replace(&mut self.done, true) {
            return Ok(Flow::End);
        }
        let mut all = Tile::default();
        all.reset(0, 1, self.grid.n);
        all.row_mut(0).fill(1.0);
        let mut tile = Tile::default();
        while self.input.next(cx, &mut tile)? == Flow::More {
            for i in 0..tile.n_rows() {
                let row = tile.row(i);
                for (at, word) in all.row_mut(0).present.iter_mut().enumerate() {
                    *word &= !row.either(at);
                }
            }
        }
        Ok(Emitter::new(all).next(self.grid, out))
    }
}
