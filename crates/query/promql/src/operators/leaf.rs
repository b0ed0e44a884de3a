//! Operators at the bottom: rows that can be computed each by itself, by several threads ahead of the reader.
//!
//! Tiles are handed up in row order whatever thread made them, so that sums over them stay bit-equal.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::{Flow, Operator};
use crate::QueryError;
use crate::budget::Charge;
use crate::columns::Columns;
use crate::context::{Context, row_bytes};
use crate::grid::Grid;
use crate::series::OutputSeries;
use crate::tile::{RowMut, Tile, rows_per_tile};

/// How many tiles each thread makes before the reader goes on.
const TILES_AHEAD: usize = 4;
/// Of short rows it becomes twice as many with each batch, up to this many: who reads on does not want threads that wait for
/// each other after every few microseconds, and who stops early did not have many rows made in vain.
const SHORT_TILES_AHEAD: usize = 32;
/// Rows of fewer steps are short: a tile of them is far from full.
const SHORT_STEPS: usize = 32;

/// Longer rows are made one at a time: several ahead would take too much memory.
const MAX_STEPS_AHEAD: usize = 1_000_000;

/// What a thread needs to compute rows; reused from row to row.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) columns: Columns,
    pub(crate) resets: Vec<u32>,
    pub(crate) values: Vec<f64>,
}

impl Scratch {
    /// Returns how many bytes it takes.
    fn bytes(&self) -> u64 {
        self.columns.bytes() + 4 * self.resets.capacity() as u64 + 8 * self.values.capacity() as u64
    }
}

/// Rows that do not depend on each other.
pub(crate) trait RowSource: Send + Sync {
    /// Returns the series; called once and before `fill`.
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError>;
    /// Computes row `i` into `out`, which is empty.
    fn fill(&self, cx: &Context<'_>, i: usize, scratch: &mut Scratch, out: &mut RowMut<'_>) -> Result<(), QueryError>;
}

/// The operator over a [`RowSource`].
pub(crate) struct Leaf<S> {
    source: S,
    grid: Grid,
    n_rows: usize,
    next_row: usize,
    /// A batch of tiles with the scratch of the thread that makes them.
    batch: Vec<Slot>,
    next_slot: usize,
    filled: usize,
    /// How many tiles each thread makes of the next batch.
    ahead: usize,
    /// For the tiles of the batch.
    charge: Charge,
}

#[derive(Default)]
struct Slot {
    tile: Tile,
    scratch: Scratch,
    rows: Range<usize>,
    /// For the scratch.
    charge: Charge,
}

impl<S: RowSource> Leaf<S> {
    pub(crate) fn new(source: S, grid: Grid) -> Self {
        Self {
            source,
            grid,
            n_rows: 0,
            next_row: 0,
            batch: Vec::new(),
            next_slot: 0,
            filled: 0,
            ahead: TILES_AHEAD,
            charge: Charge::default(),
        }
    }

    /// Makes the next tiles, each by one thread.
    fn make_batch(&mut self, cx: &Context<'_>) -> Result<(), QueryError> {
        let per_tile = rows_per_tile(self.grid.n);
        let left = (self.n_rows - self.next_row).div_ceil(per_tile);
        let parallel = cx.threads > 1 && left > 1 && !cx.is_alone() && self.grid.n <= MAX_STEPS_AHEAD;
        self.filled = if parallel { left.min(cx.threads * self.ahead) } else { 1 };
        if self.grid.n < SHORT_STEPS {
            self.ahead = (2 * self.ahead).min(SHORT_TILES_AHEAD);
        }
        self.next_slot = 0;
        if self.batch.len() < self.filled {
            let rows = per_tile.min(self.n_rows) as u64;
            self.charge.grow_to(cx.node, row_bytes(self.grid.n) * rows * self.filled as u64)?;
            self.batch.resize_with(self.filled, Slot::default);
        }
        let slots = &mut self.batch[..self.filled];
        for slot in slots.iter_mut() {
            let end = (self.next_row + per_tile).min(self.n_rows);
            slot.rows = self.next_row..end;
            self.next_row = end;
        }
        let (source, grid) = (&self.source, self.grid);
        let make = |slot: &mut Slot| -> Result<(), QueryError> {
            cx.check()?;
            slot.tile.reset(slot.rows.start, slot.rows.len(), grid.n);
            cx.node.time_part(|| {
                for (at, i) in slot.rows.clone().enumerate() {
                    source.fill(cx, i, &mut slot.scratch, &mut slot.tile.row_mut(at))?;
                    slot.charge.grow_to(cx.node, slot.scratch.bytes())?;
                }
                Ok(())
            })
        };
        if parallel { slots.par_iter_mut().try_for_each(make) } else { slots.iter_mut().try_for_each(make) }
    }
}

impl<S: RowSource> Operator for Leaf<S> {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.source.prepare(cx)?;
        self.n_rows = series.len();
        cx.expect_tiles(self.n_rows.div_ceil(rows_per_tile(self.grid.n)))?;
        Ok(series)
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        if self.next_slot == self.filled {
            if self.next_row == self.n_rows {
                return Ok(Flow::End);
            }
            self.make_batch(cx)?;
        }
        // The reader's old tile is the next one to be filled.
        std::mem::swap(out, &mut self.batch[self.next_slot].tile);
        self.next_slot += 1;
        Ok(Flow::More)
    }
}
