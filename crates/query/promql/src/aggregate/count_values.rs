//! `count_values("label", vector)`: how many elements have each value. Its series are known after its values only.

use std::sync::Arc;

use firesteel_base::FastHashMap;
use firesteel_go_compat::format_float;
use firesteel_model::{Labels, LabelsBuilder};

use super::GroupBy;
use crate::QueryError;
use crate::budget::Charge;
use crate::context::{Context, row_bytes};
use crate::grid::Grid;
use crate::operators::{Emitter, Flow, Input, Operator};
use crate::series::OutputSeries;
use crate::tile::Tile;

pub(crate) struct CountValues {
    label: String,
    grid: Grid,
    by: GroupBy,
    input: Input,
    emitter: Emitter,
    charge: Charge,
}

/// What a row takes beside its values and its labels.
const ENTRY_BYTES: u64 = 128;

impl CountValues {
    pub(crate) fn new(label: String, grid: Grid, by: GroupBy, input: Box<dyn Operator>) -> Self {
        let (emitter, charge) = (Emitter::default(), Charge::default());
        Self { label, grid, by, input: Input::new(input), emitter, charge }
    }
}

impl Operator for CountValues {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        let mut rows: FastHashMap<Labels, usize> = FastHashMap::default();
        let mut outputs = Vec::new();
        let mut counts = Tile::default();
        let mut empty = Tile::default();
        empty.reset(0, 1, self.grid.n);
        let mut builder = LabelsBuilder::new();
        let mut tile = Tile::default();
        // Output rows of the present series by the bits of a value.
        let mut known: FastHashMap<u64, usize> = FastHashMap::default();
        while self.input.next(cx, &mut tile)? == Flow::More {
            for i in 0..tile.n_rows() {
                let labels = &series[tile.first + i].labels;
                known.clear();
                let mut row_of = |text: &str| -> Result<usize, QueryError> {
                    builder.reset(labels);
                    builder.set(&self.label, text);
                    let group = self.by.labels(&builder.build());
                    if let Some(row) = rows.get(&group) {
                        return Ok(*row);
                    }
                    // Twice: vectors that grow have up to twice the room that they need.
                    let bytes = 2 * row_bytes(self.grid.n) + group.as_packed().len() as u64 + ENTRY_BYTES;
                    self.charge.add(cx.node, bytes)?;
                    outputs.push(OutputSeries::plain(group.clone()));
                    counts.push_row(empty.row(0));
                    rows.insert(group, outputs.len() - 1);
                    Ok(outputs.len() - 1)
                };
                let mut cells: Vec<(usize, usize)> = Vec::new();
                for (step, v) in tile.row(i).points() {
                    let row = match known.get(&v.to_bits()) {
                        Some(row) => *row,
                        None => row_of(&format_float(v).to_string())?,
                    };
                    known.insert(v.to_bits(), row);
                    cells.push((step, row));
                }
                for (step, h) in tile.row(i).histogram_points() {
                    cells.push((step, row_of(&h.to_string())?));
                }
                for (step, row) in cells {
                    let mut row = counts.row_mut(row);
                    let before = row.as_row().get(step).unwrap_or_default();
                    row.set(step, before + 1.0);
                }
            }
        }
        self.emitter = Emitter::new(counts);
        Ok(outputs.into())
    }

    fn next(&mut self, _: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        Ok(self.emitter.next(self.grid, out))
    }
}
