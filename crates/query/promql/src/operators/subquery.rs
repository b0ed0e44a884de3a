//! Range functions over subqueries: an instant expression on its own absolute grid, streamed through windows.

use std::sync::Arc;

use super::leaf::Scratch;
use super::range_call::RangeCall;
use super::{Flow, Input, Operator};
use crate::QueryError;
use crate::budget::Charge;
use crate::context::Context;
use crate::grid::Grid;
use crate::plan::SubqueryPlan;
use crate::series::OutputSeries;
use crate::tile::Tile;

/// Returns the grid of a subquery below `parent`: multiples of its step, the first after the window's left edge, none
/// when there is no such moment. The end is the parent's last real step.
pub(crate) fn inner_grid(plan: &SubqueryPlan, parent: Grid) -> Option<Grid> {
    let (first, last) = plan.at.map_or((parent.start, parent.last()), |at| (at, at));
    let left = first.saturating_sub(plan.offset_ms).saturating_sub(plan.range_ms);
    let step = plan.step_ms.max(1);
    // Division truncates towards zero, as upstream's.
    let mut start = step * (left / step);
    if start <= left {
        start += step;
    }
    Grid::range(start, last.saturating_sub(plan.offset_ms), step)
}

/// What a point of the inner expression takes as a sample: time, value, and what functions note of it.
const SAMPLE_BYTES: u64 = 8 + 8 + 4 + 8;

pub(crate) struct SubqueryCall {
    call: RangeCall,
    /// `None`: the grid holds no step.
    input: Option<Input>,
    inner: Option<Grid>,
    inner_series: Arc<[OutputSeries]>,
    tile: Tile,
    scratch: Scratch,
    /// For the scratch.
    charge: Charge,
}

impl SubqueryCall {
    pub(crate) fn new(call: RangeCall, input: Option<Input>, inner: Option<Grid>) -> Self {
        let (tile, scratch, charge) = (Tile::default(), Scratch::default(), Charge::default());
        Self { call, input, inner, inner_series: Arc::default(), tile, scratch, charge }
    }
}

impl Operator for SubqueryCall {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        // A single row may take minutes: that is for the query threads, which stand behind ingest.
        cx.expect_tiles(usize::MAX)?;
        self.call.prepare(cx)?;
        if let Some(inner) = self.inner {
            self.charge = cx.charge(SAMPLE_BYTES.saturating_mul(inner.n as u64))?;
        }
        if let Some(input) = &mut self.input {
            self.inner_series = input.prepare(cx)?;
        }
        Ok(self.inner_series.iter().map(|series| self.call.output(series, cx)).collect())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        let (Some(input), Some(inner)) = (&mut self.input, self.inner) else {
            return Ok(Flow::End);
        };
        if input.next(cx, &mut self.tile)? == Flow::End {
            return Ok(Flow::End);
        }
        out.reset(self.tile.first, self.tile.n_rows(), self.call.grid.n);
        for i in 0..self.tile.n_rows() {
            let Scratch { columns, resets, values } = &mut self.scratch;
            columns.load_points(self.tile.row(i), |step| inner.at(step));
            columns.drop_stale();
            let labels = &self.inner_series[self.tile.first + i].labels;
            let counts = self.call.apply(cx, labels, columns, resets, values, &mut out.row_mut(i))?;
            // What is read was counted below.
            cx.count(counts.total, 0);
        }
        Ok(Flow::More)
    }
}
