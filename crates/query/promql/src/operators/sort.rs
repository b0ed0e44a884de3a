//! `sort`, `sort_desc`, `sort_by_label`, `sort_by_label_desc`: only instant queries show an order.

use std::cmp::Ordering;
use std::sync::Arc;

use firesteel_promql_syntax::Span;

use super::{Emitter, Flow, Input, Operator};
use crate::QueryError;
use crate::annotations::Note;
use crate::budget::Charge;
use crate::context::Context;
use crate::functions::natural_order;
use crate::grid::Grid;
use crate::plan::SortKey;
use crate::series::OutputSeries;
use crate::tile::{SharedHistogram, Tile};

/// The one point of a row.
struct Point {
    float: f64,
    histogram: Option<SharedHistogram>,
}

pub(crate) struct Sort {
    input: Input,
    grid: Grid,
    key: SortKey,
    descending: bool,
    span: Span,
    sorted: Option<Emitter>,
    charge: Charge,
}

impl Sort {
    pub(crate) fn new(input: Box<dyn Operator>, grid: Grid, key: SortKey, descending: bool, span: Span) -> Self {
        Self { input: Input::new(input), grid, key, descending, span, sorted: None, charge: Charge::default() }
    }

    fn compare(&self, a: &(OutputSeries, Point), b: &(OutputSeries, Point)) -> Ordering {
        match &self.key {
            SortKey::Value => nan_last(a.1.float, b.1.float, self.descending),
            SortKey::Labels(names) => {
                let order = by_labels(names, &a.0, &b.0);
                if self.descending { order.reverse() } else { order }
            }
        }
    }
}

/// Orders values with NaN last in either direction.
pub(crate) fn nan_last(a: f64, b: f64, descending: bool) -> Ordering {
    let order = a.partial_cmp(&b).unwrap_or(Ordering::Equal);
    a.is_nan().cmp(&b.is_nan()).then(if descending { order.reverse() } else { order })
}

fn by_labels(names: &[String], a: &OutputSeries, b: &OutputSeries) -> Ordering {
    for name in names {
        let (a, b) = (a.labels.value(name), b.labels.value(name));
        if a != b {
            return natural_order::compare(a, b);
        }
    }
    a.labels.cmp(&b.labels)
}

impl Operator for Sort {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        if !self.grid.is_instant() {
            cx.note(Note::SortInRangeQuery, self.span);
            return Ok(series);
        }
        let all = self.input.gather(cx, series.len(), self.grid)?;
        let point = |i: usize| match all.row(i).get(0) {
            Some(float) => Some(Point { float, histogram: None }),
            // Histograms have no order among values.
            None if self.key == SortKey::Value => None,
            None => all.row(i).histogram(0).map(|h| Point { float: 0.0, histogram: Some(Arc::clone(h)) }),
        };
        self.charge = cx.charge((size_of::<(OutputSeries, Point)>() + 32) as u64 * series.len() as u64)?;
        let mut rows: Vec<(OutputSeries, Point)> =
            series.iter().enumerate().filter_map(|(i, one)| Some((one.clone(), point(i)?))).collect();
        rows.sort_by(|a, b| self.compare(a, b));
        let mut sorted = Tile::default();
        sorted.reset(0, rows.len(), 1);
        for (i, (_, point)) in rows.iter().enumerate() {
            match &point.histogram {
                Some(h) => sorted.row_mut(i).set_histogram(0, Arc::clone(h)),
                None => sorted.row_mut(i).set(0, point.float),
            }
        }
        self.sorted = Some(Emitter::new(sorted));
        Ok(rows.into_iter().map(|(one, _)| one).collect())
    }

    fn next(&mut self, cx: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        match &mut self.sorted {
            Some(rows) => Ok(rows.next(self.grid, out)),
            None => {
                let flow = self.input.next(cx, out)?;
                if flow == Flow::More && self.key == SortKey::Value && out.has_histograms() {
                    (0..out.n_rows()).for_each(|i| out.row_mut(i).drop_histograms());
                }
                Ok(flow)
            }
        }
    }
}
