//! Selectors under `histogram_count`, `histogram_sum` and `histogram_avg`: upstream does not read the buckets of their
//! histograms, and settles what those say about resets beforehand (`promql/histogram_stats_iterator.go`, 3.14).

use std::rc::Rc;

use firesteel_model::CounterReset;
use firesteel_promql_syntax::{BinaryOp, Expr, Span, VectorSelector};

use super::Naive;
use super::data::{Datum, Series, matches};
use super::histogram::Histogram;

/// The selectors concerned.
pub(super) struct Stats(Vec<Span>);

impl Stats {
    pub(super) fn of(expr: &Expr) -> Self {
        let mut selectors = Vec::new();
        mark(expr, false, false, &mut selectors);
        Self(selectors)
    }
}

impl Naive<'_> {
    /// Returns the series that a selector selects, as it sees them; it reads from after `from`.
    pub(super) fn seen_by(&self, selector: &VectorSelector, from: i64) -> Vec<Series> {
        let selected = self.series.iter().filter(|series| matches(&series.labels, &selector.matchers));
        let stats = self.stats.0.contains(&selector.span);
        selected.map(|series| if stats { without_buckets(series, from) } else { series.clone() }).collect()
    }
}

/// Collects the selectors below a function that needs no buckets, and below nothing that does.
fn mark(expr: &Expr, unneeded: bool, needed: bool, out: &mut Vec<Span>) {
    let (mut unneeded, mut needed) = (unneeded, needed);
    match expr {
        Expr::Vector(selector) if unneeded && !needed => out.push(selector.span),
        Expr::Matrix(matrix) if unneeded && !needed => out.push(matrix.selector.span),
        Expr::Subquery(_) => needed = true,
        Expr::Binary(binary) => needed |= matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper),
        Expr::Call(call) => match call.function.name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => unneeded = true,
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => needed = true,
            _ => {}
        },
        _ => {}
    }
    expr.children().into_iter().for_each(|child| mark(child, unneeded, needed, out));
}

fn without_buckets(series: &Series, from: i64) -> Series {
    let (mut out, mut before) = (series.clone(), None::<Rc<Histogram>>);
    out.samples.retain(|sample| sample.t > from);
    for sample in &mut out.samples {
        let Datum::Histogram(h) = &sample.datum else { continue };
        let hint = match (h.hint, &before) {
            (CounterReset::Unknown, Some(before)) if h.is_reset_after(before) => CounterReset::Reset,
            (CounterReset::Unknown, Some(_)) => CounterReset::NotReset,
            (hint, _) => hint,
        };
        let stats = Histogram { hint, schema: h.schema, count: h.count, sum: h.sum, ..Histogram::default() };
        before = Some(Rc::new(Histogram { hint, ..Histogram::clone(h) }));
        sample.datum = Datum::Histogram(Rc::new(stats));
    }
    out
}
