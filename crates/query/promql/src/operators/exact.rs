//! Drops series that have no value: what the answer to an instant query shows, in the order of appearance.

use std::sync::Arc;

use super::{Flow, Input, Operator};
use crate::QueryError;
use crate::budget::Charge;
use crate::context::{Context, row_bytes};
use crate::series::OutputSeries;
use crate::tile::Tile;

/// Evaluates its input when it is prepared.
pub(crate) struct Exact {
    input: Input,
    /// More rows than this are not needed; 0 = all are.
    needed: usize,
    rows: Option<Tile>,
    charge: Charge,
}

impl Exact {
    pub(crate) fn new(operator: Box<dyn Operator>, needed: usize) -> Self {
        Self { input: Input::new(operator), needed, rows: None, charge: Charge::default() }
    }
}

impl Operator for Exact {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        let mut present = Vec::new();
        let mut rows = Tile::default();
        let mut tile = Tile::default();
        let enough = |present: &[OutputSeries]| self.needed > 0 && present.len() >= self.needed;
        while !enough(&present) && self.input.next(cx, &mut tile)? == Flow::More {
            let per_row = row_bytes(1) + size_of::<OutputSeries>() as u64;
            self.charge.add(cx.node, tile.n_rows() as u64 * per_row + tile.histogram_bytes())?;
            for i in 0..tile.n_rows() {
                let row = tile.row(i);
                if !row.is_empty() {
                    present.push(series[tile.first + i].clone());
                    rows.push_row(row);
                }
            }
        }
        self.rows = Some(rows);
        Ok(present.into())
    }

    fn next(&mut self, _: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        match self.rows.take() {
            Some(rows) if rows.n_rows() > 0 => {
                *out = rows;
                Ok(Flow::More)
            }
            _ => Ok(Flow::End),
        }
    }
}
