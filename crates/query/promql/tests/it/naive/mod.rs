//! A second evaluator of the whole language, written to be read: for each node and each step anew, samples in lists, no
//! columns, no shared windows, nothing remembered from one step to the next.
//!
//! With the engine it shares the tree (and what trees are made of: labels, matchers, spans of time) and, one floor down, Go's
//! mathematics and notations. Everything else is said here a second time: which samples a selector sees, what each function,
//! operator and aggregation computes, histograms bucket by bucket, and which names, errors and remarks come out. The order
//! of additions is part of the language, so folds add in the order of series.
//!
//! Where upstream leaves an order to chance (Go's maps), this evaluator can be told to take another one
//! ([`Setup::order`]): an expression whose answer depends on it says nothing about the engine.

mod aggregate;
mod binary;
mod calls;
mod data;
mod extended;
mod histogram;
mod info;
mod invariant;
mod nodes;
mod notes;
mod over_time;
mod quantiles;
mod range_calls;
mod rates;
mod stats;
mod sums;
mod trim;

use std::collections::{BTreeSet, HashMap};

use firesteel_model::Labels;
use firesteel_promql_syntax::{AtModifier, DurationContext, Expr, TimeSpec, ValueType};

pub(crate) use data::{Datum, Series, Stored};
use data::{Grid, Row, Sample, has_twins, vector_at, without_metadata};
pub(crate) use histogram::Histogram;
use notes::Notes;

/// Why there is no answer, in upstream's words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Error(pub(crate) String);

/// What is asked, and under which rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// `None`: an instant query at `start`.
    pub(crate) step: Option<i64>,
    pub(crate) lookback: i64,
    /// The step of subqueries that name none.
    pub(crate) default_step: i64,
    pub(crate) delayed_names: bool,
    pub(crate) start_timestamps: bool,
    pub(crate) type_labels: bool,
    /// How results stand that upstream orders by chance.
    pub(crate) order: Order,
}

/// An order of rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// As they came up.
    Appearance,
    ByLabels,
    AgainstLabels,
}

/// A series of an answer, with its points.
pub(crate) type Points = (Labels, Vec<(i64, Datum)>);

/// An answer.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Scalar(f64),
    Text(String),
    /// In the order of evaluation.
    Vector(Vec<(Labels, Datum)>),
    Matrix(Vec<Points>),
}

/// The evaluation of one query.
pub(crate) struct Naive<'a> {
    series: &'a [Series],
    setup: Setup,
    lookback: i64,
    notes: Notes,
    /// The selectors of whose histograms only count and sum are asked for.
    stats: stats::Stats,
}

/// What becomes of two elements of a step's result with the same labels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Twins {
    /// As upstream's `rangeEval`: an error, but with delayed names in an instant query.
    Usual,
    /// Always an error.
    Refused,
}

fn same_labels() -> Error {
    Error("vector cannot contain metrics with the same labelset".to_owned())
}

/// Evaluates a query; returns the answer and the kinds of remarks.
pub(crate) fn evaluate(
    series: &[Series],
    expr: &Expr,
    setup: Setup,
) -> Result<(Answer, BTreeSet<&'static str>), Error> {
    let naive =
        Naive { series, setup, lookback: setup.lookback, notes: Notes::default(), stats: stats::Stats::of(expr) };
    let answer = naive.answer(expr)?;
    Ok((answer, naive.notes.into_set()))
}

impl Naive<'_> {
    fn answer(&self, expr: &Expr) -> Result<Answer, Error> {
        let Setup { start, end, step, .. } = self.setup;
        let grid = Grid { start, end, step: step.unwrap_or(1) };
        let kind = expr.value_type();
        if step.is_some() && matches!(kind, ValueType::Matrix | ValueType::String) {
            let kind = kind.documented();
            let text = format!("invalid expression type \"{kind}\" for range query, must be Scalar or instant Vector");
            return Err(Error(text));
        }
        if let Expr::String(text) = expr.unwrap_parens() {
            return Ok(Answer::Text(text.text().into_owned()));
        }
        if expr.value_type() == ValueType::Matrix {
            let mut all: Vec<Points> = self.range_vector(expr.unwrap_parens(), grid)?;
            all.retain(|(_, points)| !points.is_empty());
            return Ok(Answer::Matrix(all));
        }
        let mut rows = self.rows(expr, grid)?;
        if self.setup.delayed_names {
            for row in &mut rows {
                if row.drop_name {
                    row.labels = without_metadata(&row.labels);
                }
            }
            rows = merged(rows)?;
        }
        if step.is_some() {
            let times = grid.times();
            let points = |row: Row| {
                let points = times.iter().zip(row.points).filter_map(|(t, point)| Some((*t, point?))).collect();
                (row.labels, points)
            };
            let mut all: Vec<Points> = rows.into_iter().map(points).collect();
            all.retain(|(_, points)| !points.is_empty());
            all.sort_by(|a, b| a.0.cmp(&b.0));
            return Ok(Answer::Matrix(all));
        }
        let points: Vec<_> =
            rows.into_iter().filter_map(|mut row| Some((row.labels, row.points.swap_remove(0)?))).collect();
        match (expr.value_type(), points.first()) {
            (ValueType::Scalar, Some((_, Datum::Float(v)))) => Ok(Answer::Scalar(*v)),
            _ => Ok(Answer::Vector(points)),
        }
    }

    fn durations(&self) -> DurationContext {
        DurationContext {
            step_seconds: self.setup.step.unwrap_or(0) as f64 / 1000.0,
            range_seconds: (self.setup.end - self.setup.start) as f64 / 1000.0,
        }
    }

    fn range(&self, length: &TimeSpec) -> Result<i64, Error> {
        length.range_ms(self.durations()).map_err(|e| Error(e.to_string()))
    }

    fn offset(&self, length: &TimeSpec) -> Result<i64, Error> {
        length.offset_ms(self.durations()).map_err(|e| Error(e.to_string()))
    }

    fn at_time(&self, at: Option<AtModifier>) -> Option<i64> {
        at.map(|at| match at {
            AtModifier::Timestamp(t) => t.0,
            AtModifier::Start => self.setup.start,
            AtModifier::End => self.setup.end,
        })
    }

    /// Computes a node step by step from the vectors that its inputs have there.
    fn by_step(
        &self,
        grid: Grid,
        inputs: &[&Vec<Row>],
        twins: Twins,
        mut compute: impl FnMut(usize, i64, Vec<Vec<Sample>>) -> Result<Vec<Sample>, Error>,
    ) -> Result<Vec<Row>, Error> {
        let times = grid.times();
        let mut rows = Vec::<Row>::new();
        let mut by_labels = HashMap::<Labels, usize>::new();
        for (step, t) in times.iter().enumerate() {
            let vectors = inputs.iter().map(|rows| vector_at(rows, step, *t)).collect();
            let vector = compute(step, *t, vectors)?;
            if twins == Twins::Usual && grid.is_instant() {
                if !self.setup.delayed_names && has_twins(vector.iter().map(|sample| &sample.labels)) {
                    return Err(same_labels());
                }
                let row = |sample: Sample| Row {
                    labels: sample.labels,
                    drop_name: sample.drop_name,
                    points: vec![Some(sample.datum)],
                };
                return Ok(vector.into_iter().map(row).collect());
            }
            for sample in vector {
                let next = rows.len();
                let at = *by_labels.entry(sample.labels.clone()).or_insert(next);
                if at == next {
                    let points = vec![None; times.len()];
                    rows.push(Row { labels: sample.labels, drop_name: sample.drop_name, points });
                }
                if rows[at].points[step].replace(sample.datum).is_some() {
                    return Err(same_labels());
                }
            }
        }
        match self.setup.order {
            Order::Appearance => {}
            Order::ByLabels => rows.sort_by(|a, b| a.labels.cmp(&b.labels)),
            Order::AgainstLabels => rows.sort_by(|a, b| b.labels.cmp(&a.labels)),
        }
        Ok(rows)
    }
}

/// Joins rows with the same labels.
fn merged(rows: Vec<Row>) -> Result<Vec<Row>, Error> {
    let mut out = Vec::<Row>::new();
    for row in rows {
        let Some(known) = out.iter_mut().find(|known| known.labels == row.labels) else {
            out.push(row);
            continue;
        };
        for (known, point) in known.points.iter_mut().zip(row.points) {
            if point.is_some() {
                if known.is_some() {
                    return Err(same_labels());
                }
                *known = point;
            }
        }
    }
    Ok(out)
}
