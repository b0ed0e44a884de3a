//! Range vectors and the functions of them.

use std::rc::Rc;

use firesteel_model::{CounterReset, Labels, METRIC_NAME};
use firesteel_promql_syntax::{Expr, RangeMode, SubqueryExpr};

use super::data::{Datum, Grid, Row, Series, Stored, has_twins, without_metadata};
use super::extended::shown;
use super::histogram::Histogram;
use super::invariant::invariance;
use super::nodes::absent_labels;
use super::over_time::over_time;
use super::rates::{Asked, anchored, changes, merged as in_order};
use super::{Error, Naive, Points, notes, same_labels};

/// A range vector before it is cut into windows.
struct Ranged {
    series: Vec<Series>,
    at: Option<i64>,
    offset: i64,
    range: i64,
    mode: RangeMode,
}

impl Naive<'_> {
    /// Evaluates the inner expression of a subquery on its own grid: whole multiples of its step.
    fn subquery(&self, subquery: &SubqueryExpr, grid: Grid) -> Result<(Vec<Row>, Grid), Error> {
        let range = self.range(&subquery.range)?;
        let step = match &subquery.step {
            None => self.setup.default_step,
            Some(step) => match self.range(step)? {
                0 => self.setup.default_step,
                step => step,
            },
        };
        let mut offset = self.offset(&subquery.offset)?;
        if let Some(at) = self.at_time(subquery.at) {
            offset += grid.start - at;
        }
        let last = grid.start + (grid.end - grid.start) / grid.step * grid.step;
        let left = grid.start - offset - range;
        let mut start = step * (left / step);
        if start <= left {
            start += step;
        }
        let inner = Grid { start, end: last - offset, step };
        if inner.end < inner.start {
            return Ok((Vec::new(), inner));
        }
        let once = invariance(&subquery.expr).holds && !inner.is_instant();
        let rows = if once { self.rows_once(&subquery.expr, inner)? } else { self.rows(&subquery.expr, inner)? };
        Ok((rows, inner))
    }

    fn ranged(&self, expr: &Expr, grid: Grid) -> Result<Ranged, Error> {
        match expr {
            Expr::Subquery(subquery) => {
                let (rows, inner) = self.subquery(subquery, grid)?;
                let times = inner.times();
                let series = rows.into_iter().map(|row| {
                    let samples = times
                        .iter()
                        .zip(row.points)
                        .filter_map(|(t, point)| Some(Stored { t: *t, start: 0, datum: forgetful(point?) }));
                    Series { labels: row.labels, drop_name: row.drop_name, samples: samples.collect() }
                });
                Ok(Ranged {
                    series: series.collect(),
                    at: self.at_time(subquery.at),
                    offset: self.offset(&subquery.offset)?,
                    range: self.range(&subquery.range)?,
                    mode: RangeMode::Plain,
                })
            }
            Expr::Matrix(matrix) => {
                let selector = &matrix.selector;
                let (at, offset) = (self.at_time(selector.at), self.offset(&selector.offset)?);
                let range = self.range(&matrix.range)?;
                let from = at.unwrap_or(grid.start) - offset - range - self.before(selector.mode);
                Ok(Ranged { series: self.seen_by(selector, from), at, offset, range, mode: selector.mode })
            }
            _ => Err(Error("no range vector".to_owned())),
        }
    }

    /// Returns a range vector as an instant query shows it.
    pub(super) fn range_vector(&self, expr: &Expr, grid: Grid) -> Result<Vec<Points>, Error> {
        if let Expr::Subquery(subquery) = expr {
            let (rows, inner) = self.subquery(subquery, grid)?;
            let times = inner.times();
            let mut all: Vec<Points> = Vec::new();
            for row in rows {
                let labels = if row.drop_name { without_metadata(&row.labels) } else { row.labels };
                let points: Vec<_> = times.iter().zip(row.points).filter_map(|(t, point)| Some((*t, point?))).collect();
                match all.iter_mut().find(|(known, _)| *known == labels) {
                    None => all.push((labels, points)),
                    Some((_, known)) => {
                        if points.iter().any(|(t, _)| known.iter().any(|(other, _)| other == t)) {
                            return Err(same_labels());
                        }
                        known.extend(points);
                        known.sort_by_key(|(t, _)| *t);
                    }
                }
            }
            return Ok(all);
        }
        let ranged = self.ranged(expr, grid)?;
        let to = ranged.at.unwrap_or(grid.start) - ranged.offset;
        let from = to - ranged.range;
        let mut all = Vec::new();
        for series in &ranged.series {
            let window = series.window(from - self.before(ranged.mode), to + self.after(ranged.mode));
            let points = if ranged.mode == RangeMode::Plain {
                in_order(&window).into_iter().map(|sample| (sample.t, sample.v)).collect()
            } else if !window.histograms.is_empty() {
                let mode = if ranged.mode == RangeMode::Anchored { "anchored" } else { "smoothed" };
                return Err(Error(format!("{mode} modifier is not supported with histograms")));
            } else if window.floats.is_empty() {
                Vec::new()
            } else {
                let points = shown(&window, from, to, ranged.mode == RangeMode::Smoothed);
                points.into_iter().map(|(t, v)| (t, Datum::Float(v))).collect()
            };
            all.push((series.labels.clone(), points));
        }
        Ok(all)
    }

    /// How far before the range an extended one looks.
    fn before(&self, mode: RangeMode) -> i64 {
        if mode == RangeMode::Plain { 0 } else { self.lookback }
    }

    fn after(&self, mode: RangeMode) -> i64 {
        if mode == RangeMode::Smoothed { self.lookback } else { 0 }
    }

    /// Calls a function of the range vector `args[at]`.
    pub(super) fn range_call(&self, name: &str, args: &[&Expr], at: usize, grid: Grid) -> Result<Vec<Row>, Error> {
        let ranged = self.ranged(args[at], grid)?;
        let mut params = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            if i != at {
                params.push(self.rows(arg, grid)?);
            }
        }
        let allowed: &[&str] = match ranged.mode {
            RangeMode::Plain => &[name],
            RangeMode::Anchored => &["changes", "delta", "increase", "rate", "resets"],
            RangeMode::Smoothed => &["delta", "increase", "rate"],
        };
        if !allowed.contains(&name) {
            let mode = if ranged.mode == RangeMode::Anchored { "anchored" } else { "smoothed" };
            let allowed = allowed.join(", ");
            return Err(Error(format!("{mode} modifier can only be used with: {allowed} - not with {name}")));
        }
        let times = grid.times();
        let keeps_name = matches!(name, "first_over_time" | "last_over_time");
        let mut rows = Vec::new();
        for series in &ranged.series {
            let mut points = Vec::new();
            for (step, t) in times.iter().enumerate() {
                let params: Vec<f64> = params
                    .iter()
                    .map(|rows| rows[0].points[step].as_ref().and_then(Datum::float).unwrap_or(f64::NAN))
                    .collect();
                points.push(self.range_point(name, &ranged, series, *t, &params)?);
            }
            if points.iter().all(Option::is_none) {
                continue;
            }
            if matches!(name, "rate" | "increase") && points.iter().flatten().any(|point| point.float().is_some()) {
                self.remark_on_name(&series.labels);
            }
            let drop_name = series.drop_name || !keeps_name;
            let plain = drop_name && !self.setup.delayed_names;
            let labels = if plain { without_metadata(&series.labels) } else { series.labels.clone() };
            rows.push(Row { labels, drop_name, points });
        }
        if name == "absent_over_time" {
            return Ok(self.absent_over_time(args[at], &rows, times.len()));
        }
        if !self.setup.delayed_names && has_twins(rows.iter().map(|row| &row.labels)) {
            return Err(same_labels());
        }
        Ok(rows)
    }

    fn range_point(
        &self,
        name: &str,
        ranged: &Ranged,
        series: &Series,
        t: i64,
        params: &[f64],
    ) -> Result<Option<Datum>, Error> {
        let to = ranged.at.unwrap_or(t) - ranged.offset;
        let from = to - ranged.range;
        let (left, right) = (from - self.before(ranged.mode), to + self.after(ranged.mode));
        let window = series.window(left, right);
        if window.is_empty() || left == right {
            return Ok(None);
        }
        let starts = self.setup.start_timestamps && matches!(name, "rate" | "irate" | "increase" | "resets");
        let asked = Asked { window: &window, from, to, range_ms: ranged.range, starts, notes: &self.notes };
        let smoothed = ranged.mode == RangeMode::Smoothed;
        let counted = || {
            let samples = if ranged.mode == RangeMode::Anchored { anchored(&window, from) } else { in_order(&window) };
            (!samples.is_empty()).then_some(samples)
        };
        Ok(match name {
            "rate" | "increase" | "delta" if ranged.mode != RangeMode::Plain => {
                asked.extended(name != "delta", name == "rate", smoothed)
            }
            "rate" | "increase" | "delta" => asked.extrapolated(name != "delta", name == "rate"),
            "irate" | "idelta" => asked.of_last_two(name == "irate"),
            "resets" => counted().map(|samples| Datum::Float(asked.resets(&samples))),
            "changes" => counted().map(|samples| Datum::Float(changes(&samples))),
            _ => over_time(name, &window, params, t, &self.notes)?,
        })
    }

    /// Remarks on a rate of what is no counter by its name, or by its type.
    fn remark_on_name(&self, labels: &Labels) {
        let name = labels.value(METRIC_NAME);
        if name.is_empty() {
            return;
        }
        let is_counter = if self.setup.type_labels {
            matches!(labels.value("__type__"), "counter" | "histogram")
        } else {
            ["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end))
        };
        self.notes.add_if(!is_counter, notes::NOT_COUNTER_NAME);
    }

    fn absent_over_time(&self, arg: &Expr, rows: &[Row], n: usize) -> Vec<Row> {
        let labels = match arg {
            Expr::Matrix(matrix) => absent_labels(&matrix.selector.matchers),
            _ => Labels::empty(),
        };
        let absent = |step: usize| rows.iter().all(|row| row.points[step].is_none()).then_some(Datum::Float(1.0));
        let points: Vec<_> = (0..n).map(absent).collect();
        if points.iter().all(Option::is_none) { Vec::new() } else { vec![Row { labels, drop_name: true, points }] }
    }
}

/// What a subquery hands on of a histogram: nothing about resets, which may lie between its steps.
fn forgetful(datum: Datum) -> Datum {
    match datum {
        Datum::Histogram(h) if matches!(h.hint, CounterReset::Reset | CounterReset::NotReset) => {
            Datum::Histogram(Rc::new(Histogram { hint: CounterReset::Unknown, ..Histogram::clone(&h) }))
        }
        other => other,
    }
}
