//! What stands around every operator: its node is told of what it does, and its output is charged.

use std::sync::Arc;

use super::{Flow, Operator};
use crate::QueryError;
use crate::budget::Charge;
use crate::context::Context;
use crate::series::OutputSeries;
use crate::tile::{Tile, rows_per_tile};
use crate::trace::Node;

/// What a series of an operator's output takes beside its labels: its entry and the head of its label set.
const OUTPUT_BYTES: u64 = size_of::<OutputSeries>() as u64 + 48;

/// An operator and its node.
pub(crate) struct Probe {
    operator: Box<dyn Operator>,
    node: Arc<Node>,
    n_steps: usize,
    /// Its series have the labels of those below, or of the store.
    shares_labels: bool,
    /// For the tile that goes up, and for the series.
    charge: Charge,
    histograms: Charge,
}

impl Probe {
    pub(crate) fn new(operator: Box<dyn Operator>, node: Arc<Node>, n_steps: usize, shares_labels: bool) -> Self {
        Self { operator, node, n_steps, shares_labels, charge: Charge::default(), histograms: Charge::default() }
    }
}

impl Operator for Probe {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let cx = cx.at(&self.node);
        self.charge = cx.charge_rows(1, self.n_steps)?;
        let series = self.node.time(|| self.operator.prepare(&cx)).map_err(|e| e.at(self.node.span))?;
        self.node.note_series(series.len());
        let labels: usize =
            if self.shares_labels { 0 } else { series.iter().map(|one| one.labels.as_packed().len()).sum() };
        self.charge.add(&self.node, OUTPUT_BYTES * series.len() as u64 + labels as u64)?;
        // Of the tile there is one row by now.
        let rows = rows_per_tile(self.n_steps).min(series.len()).saturating_sub(1);
        self.charge.add(&self.node, crate::context::row_bytes(self.n_steps) * rows as u64)?;
        Ok(series)
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        let cx = cx.at(&self.node);
        let flow = self.node.time(|| self.operator.next(&cx, out)).map_err(|e| e.at(self.node.span))?;
        if flow == Flow::More && out.has_histograms() {
            self.histograms.grow_to(&self.node, out.histogram_bytes())?;
        }
        if self.node.timed && flow == Flow::More {
            self.node.note_points(out.n_points());
        }
        Ok(flow)
    }
}
