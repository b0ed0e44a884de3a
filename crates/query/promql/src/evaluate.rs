//! From a plan to an answer: builds the operators, pulls their tiles, keeps the points.

use std::sync::Arc;

use firesteel_base::{TimeRange, TimestampMs};
use firesteel_promql_syntax::ValueType;

use crate::budget::Charge;
use crate::context::Context;
use crate::grid::Grid;
use crate::operators::{Flow, Input, build, build_root, inner_grid, range_samples};
use crate::plan::{Plan, PlanContext, RangeSource, Root, extent};
use crate::tile::{Row, Tile, distinct_bytes};
use crate::{MatrixSeries, QueryError, Value, VectorSample};

/// What a point of an answer takes: its time and its value.
const POINT_BYTES: u64 = 16;
/// What it takes where the times are those of all steps, which such series share.
const VALUE_BYTES: u64 = 8;

/// Returns which times the query may look at.
pub(crate) fn extent_of(root: &Root, times: PlanContext, lookback_ms: i64) -> TimeRange {
    let (sources, plans): (&[&RangeSource], &[&Plan]) = match root {
        Root::Steps(plan) => (&[], &[plan]),
        Root::Range(source) => (&[source], &[]),
        Root::String(_) => (&[], &[]),
    };
    extent(sources, plans, times.start, times.end, lookback_ms)
}

/// Evaluates a query; also returns what the answer's memory is charged to.
pub(crate) fn evaluate(
    root: &Root,
    value_type: ValueType,
    grid: Grid,
    cx: &Context<'_>,
    instant: bool,
) -> Result<(Value, Charge), QueryError> {
    let mut held = cx.charge(0)?;
    let t = TimestampMs(grid.start);
    let value = match root {
        Root::String(s) => Value::String { t, s: s.clone() },
        Root::Range(RangeSource::Series { selector, range_ms }) => {
            Value::Matrix(range_samples(cx, selector, *range_ms, grid.start, &mut held)?)
        }
        Root::Range(RangeSource::Subquery(subquery)) => {
            let Some(inner) = inner_grid(subquery, grid) else { return Ok((Value::Matrix(Vec::new()), held)) };
            let operator = if cx.delayed_names() {
                build_root(&subquery.expr, inner, cx)?
            } else {
                build(&subquery.expr, inner, cx)?
            };
            Value::Matrix(matrix(Input::new(operator), inner, cx, &mut held)?)
        }
        Root::Steps(plan) => {
            let input = Input::new(build_root(plan, grid, cx)?);
            if instant {
                let vector = vector(input, t, cx, &mut held)?;
                match value_type {
                    ValueType::Scalar => Value::Scalar { t, v: vector.first().map_or(f64::NAN, |sample| sample.v) },
                    _ => Value::Vector(vector),
                }
            } else {
                Value::Matrix(matrix(input, grid, cx, &mut held)?)
            }
        }
    };
    Ok((value, held))
}

fn vector(
    mut input: Input,
    t: TimestampMs,
    cx: &Context<'_>,
    held: &mut Charge,
) -> Result<Vec<VectorSample>, QueryError> {
    let series = input.prepare(cx)?;
    held.add(cx.node, (size_of::<VectorSample>() * series.len()) as u64)?;
    let mut vector = Vec::with_capacity(series.len());
    let mut tile = Tile::default();
    while input.next(cx, &mut tile)? == Flow::More {
        for i in 0..tile.n_rows() {
            let row = tile.row(i);
            let histogram = row.histogram(0).cloned();
            let Some(v) = row.get(0).or(histogram.is_some().then_some(0.0)) else { continue };
            vector.push(VectorSample { labels: series[tile.first + i].labels.clone(), t, v, histogram });
        }
    }
    Ok(vector)
}

fn matrix(mut input: Input, grid: Grid, cx: &Context<'_>, held: &mut Charge) -> Result<Vec<MatrixSeries>, QueryError> {
    let series = input.prepare(cx)?;
    let mut matrix = Vec::new();
    let mut tile = Tile::default();
    // What comes in order of labels is enough when there is enough of it.
    let limit = if cx.limit > 0 && series.is_sorted_by(|a, b| a.labels < b.labels) { cx.limit } else { usize::MAX };
    let mut all_times: Option<Arc<[TimestampMs]>> = None;
    while matrix.len() < limit && input.next(cx, &mut tile)? == Flow::More {
        for i in 0..tile.n_rows() {
            let row = tile.row(i);
            if row.is_empty() {
                continue;
            }
            let n = row.n_floats();
            let is_full = n == row.values.len();
            held.add(cx.node, answer_bytes(row, n, is_full))?;
            let labels = series[tile.first + i].labels.clone();
            let (t, v) = if is_full {
                if all_times.is_none() {
                    held.add(cx.node, (POINT_BYTES - VALUE_BYTES) * n as u64)?;
                }
                let of_steps = || (0..grid.n).map(|step| TimestampMs(grid.at(step))).collect();
                (Arc::clone(all_times.get_or_insert_with(of_steps)), row.values.to_vec())
            } else {
                let mut v = Vec::with_capacity(n);
                v.extend(row.points().map(|(_, value)| value));
                (row.points().map(|(step, _)| TimestampMs(grid.at(step))).collect(), v)
            };
            let histograms = row.histogram_points().map(|(step, h)| (TimestampMs(grid.at(step)), Arc::clone(h)));
            matrix.push(MatrixSeries { labels, t, v, histograms: histograms.collect() });
        }
    }
    Ok(matrix)
}

/// Returns what a row of `n` floats takes as a series of an answer.
fn answer_bytes(row: Row<'_>, n: usize, is_full: bool) -> u64 {
    let histograms = POINT_BYTES * row.histogram_points().count() as u64 + distinct_bytes(row.histograms);
    let each = if is_full { VALUE_BYTES } else { POINT_BYTES };
    size_of::<MatrixSeries>() as u64 + each * n as u64 + histograms
}
