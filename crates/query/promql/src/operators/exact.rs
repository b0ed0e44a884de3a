//! Drops series that have no value: what the answer to an instant query shows, in the order of appearance.

use std::sync::Arc;

use super::{Flow, Input, Operator};
use crate::QueryError;
use crate::aggregate::GroupBy;
use crate::budget::Charge;
use crate::context::{Context, row_bytes};
use crate::series::OutputSeries;
use crate::tile::Tile;

/// Which rows are enough.
#[derive(Debug, Default)]
pub(crate) enum Enough {
    #[default]
    All,
    /// So many.
    Rows(usize),
    /// So many of each group.
    Each(GroupBy, usize),
}

/// What is missing until there is enough.
enum Left {
    All,
    Rows(usize),
    /// How many of each group, by the group of each series, and how many groups lack some.
    Each(Vec<usize>, Vec<usize>, usize),
}

impl Enough {
    fn before(&self, series: &[OutputSeries]) -> Left {
        match self {
            Self::All => Left::All,
            Self::Rows(n) => Left::Rows(*n),
            Self::Each(by, n) => {
                let (group_of, groups) = by.groups(series);
                Left::Each(vec![*n; groups.len()], group_of, if *n > 0 { groups.len() } else { 0 })
            }
        }
    }
}

impl Left {
    fn is_none(&self) -> bool {
        matches!(self, Self::Rows(0) | Self::Each(.., 0))
    }

    /// Notes that the `i`-th series has a point.
    fn one_of(&mut self, i: usize) {
        match self {
            Self::All => {}
            Self::Rows(n) => *n = n.saturating_sub(1),
            Self::Each(missing, group_of, groups) => {
                let of_group = &mut missing[group_of[i]];
                if *of_group == 1 {
                    *groups -= 1;
                }
                *of_group = of_group.saturating_sub(1);
            }
        }
    }
}

/// Room for so many rows is made at once; beyond that it grows with the rows that are there.
const MOST_AT_FIRST: usize = 256;

/// Evaluates its input when it is prepared.
pub(crate) struct Exact {
    input: Input,
    enough: Enough,
    rows: Option<Tile>,
    charge: Charge,
}

impl Exact {
    pub(crate) fn new(operator: Box<dyn Operator>, enough: Enough) -> Self {
        Self { input: Input::new(operator), enough, rows: None, charge: Charge::default() }
    }
}

impl Operator for Exact {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        let room = series.len().min(MOST_AT_FIRST);
        let mut present = Vec::with_capacity(room);
        let mut rows = Tile::default();
        rows.reserve_rows(room, 1);
        let mut tile = Tile::default();
        let mut left = self.enough.before(&series);
        while !left.is_none() && self.input.next(cx, &mut tile)? == Flow::More {
            let per_row = row_bytes(1) + size_of::<OutputSeries>() as u64;
            self.charge.add(cx.node, tile.n_rows() as u64 * per_row + tile.histogram_bytes())?;
            for i in 0..tile.n_rows() {
                let row = tile.row(i);
                if !row.is_empty() {
                    left.one_of(tile.first + i);
                    present.push(series[tile.first + i].clone());
                    rows.push_row(row);
                }
            }
        }
        self.input.leave(cx);
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
