//! Nodes that yield a scalar or an instant vector at each step.

use firesteel_model::{Labels, METRIC_NAME, MatchType, Matcher};
use firesteel_promql_syntax::{
    AggregateExpr, AggregateOp, BinaryExpr, Call, Expr, RangeMode, UnaryOp, ValueType, VectorSelector,
};
use firesteel_re2::AnchoredRegex;

use super::aggregate::{count_values, fold, group_of, pick};
use super::binary::{scalar, set, vectors, with_scalar};
use super::calls::{
    Histograms, elementwise, go_max, go_min, map_floats, of_histograms, renamed, sorted, sorted_by_label,
};
use super::data::{Datum, Grid, Row, Sample, Stored, matches, vector_at, with_label, without_metadata};
use super::extended::smoothed_at;
use super::invariant::invariance;
use super::{Error, Naive, Twins, merged, notes};

/// Returns the number of a vector that is a scalar.
fn number(vector: &[Sample]) -> f64 {
    vector.first().and_then(|sample| sample.datum.float()).unwrap_or(f64::NAN)
}

fn unnamed(v: f64) -> Sample {
    Sample { labels: Labels::empty(), drop_name: false, datum: Datum::Float(v), t: 0 }
}

fn text(expr: &Expr) -> String {
    match expr {
        Expr::String(text) => text.text().into_owned(),
        _ => String::new(),
    }
}

/// Returns the labels that `absent` gives: those which the selector asks for by equality, once each.
pub(super) fn absent_labels(matchers: &[Matcher]) -> Labels {
    let wanted = |matcher: &Matcher| matcher.name() != METRIC_NAME;
    let mut labels = Labels::empty();
    let mut seen = Vec::new();
    for matcher in matchers.iter().filter(|matcher| wanted(matcher)) {
        let first = matcher.match_type() == MatchType::Equal && !seen.contains(&matcher.name());
        if first {
            seen.push(matcher.name());
        }
        labels = with_label(&labels, matcher.name(), if first { matcher.value() } else { "" });
    }
    labels
}

/// What a label becomes, by the others.
type Change<'a> = dyn Fn(&Labels) -> Option<String> + 'a;

impl Naive<'_> {
    /// Evaluates a node over a grid.
    pub(super) fn rows(&self, expr: &Expr, grid: Grid) -> Result<Vec<Row>, Error> {
        if grid.end < grid.start {
            return Ok(Vec::new());
        }
        if invariance(expr).once && !grid.is_instant() {
            return self.rows_once(expr, grid);
        }
        match expr {
            Expr::Number(number) => self.constant(grid, number.value),
            Expr::Paren(paren) => self.rows(&paren.expr, grid),
            Expr::Vector(selector) => self.selector(selector, grid),
            Expr::Unary(unary) => {
                let mut rows = self.rows(&unary.expr, grid)?;
                if unary.op == UnaryOp::Plus {
                    return Ok(rows);
                }
                for row in &mut rows {
                    row.drop_name = true;
                    for point in row.points.iter_mut().flatten() {
                        *point = match point {
                            Datum::Float(v) => Datum::Float(-*v),
                            Datum::Histogram(h) => Datum::Histogram(h.times(-1.0).into()),
                        };
                    }
                }
                if self.setup.delayed_names {
                    return Ok(rows);
                }
                for row in &mut rows {
                    row.labels = without_metadata(&row.labels);
                }
                merged(rows)
            }
            Expr::Binary(binary) => self.binary(binary, grid),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, grid),
            Expr::Call(call) => self.call(call, grid),
            Expr::String(_) | Expr::Matrix(_) | Expr::Subquery(_) => Ok(Vec::new()),
        }
    }

    /// Evaluates a node at the first step and repeats what comes out.
    pub(super) fn rows_once(&self, expr: &Expr, grid: Grid) -> Result<Vec<Row>, Error> {
        let mut rows = self.rows(expr, grid.first())?;
        let n = grid.times().len();
        for row in &mut rows {
            row.points = vec![row.points[0].clone(); n];
        }
        Ok(rows)
    }

    fn constant(&self, grid: Grid, v: f64) -> Result<Vec<Row>, Error> {
        self.by_step(grid, &[], Twins::Usual, |_, _, _| Ok(vec![unnamed(v)]))
    }

    fn selector(&self, selector: &VectorSelector, grid: Grid) -> Result<Vec<Row>, Error> {
        let (at, offset) = (self.at_time(selector.at), self.offset(&selector.offset)?);
        let mut rows = Vec::new();
        let from = at.unwrap_or(grid.start) - offset - self.lookback;
        for series in &self.seen_by(selector, from) {
            let point = |t: i64| {
                let t = at.unwrap_or(t) - offset;
                if selector.mode == RangeMode::Smoothed {
                    return smoothed_at(series, t, self.lookback, &self.notes);
                }
                series.at(t, self.lookback).map(|sample| sample.datum.clone())
            };
            let points: Vec<_> = grid.times().into_iter().map(point).collect();
            if points.iter().any(Option::is_some) {
                rows.push(Row { labels: series.labels.clone(), drop_name: false, points });
            }
        }
        Ok(rows)
    }

    fn binary(&self, binary: &BinaryExpr, grid: Grid) -> Result<Vec<Row>, Error> {
        let (lhs, rhs) = (self.rows(&binary.lhs, grid)?, self.rows(&binary.rhs, grid)?);
        let delayed = self.setup.delayed_names;
        let is_scalar = |expr: &Expr| expr.value_type() == ValueType::Scalar;
        let (left_is_scalar, right_is_scalar) = (is_scalar(&binary.lhs), is_scalar(&binary.rhs));
        self.by_step(grid, &[&lhs, &rhs], Twins::Usual, |_, _, mut vectors| {
            let (right, left) = (vectors.remove(1), vectors.remove(0));
            if left_is_scalar && right_is_scalar {
                return Ok(vec![unnamed(scalar(binary.op, number(&left), number(&right)))]);
            }
            if left_is_scalar {
                return Ok(with_scalar(binary, right, number(&left), true, delayed, &self.notes));
            }
            if right_is_scalar {
                return Ok(with_scalar(binary, left, number(&right), false, delayed, &self.notes));
            }
            let matching = binary.matching.clone().unwrap_or_default();
            if binary.op.is_set() {
                return Ok(set(binary.op, &matching, left, right));
            }
            vectors_of(binary, &matching, left, right, delayed, self)
        })
    }

    /// Returns the parameter at each step, and its greatest and least value as upstream finds them.
    fn param(&self, param: &Expr, grid: Grid) -> Result<(Vec<f64>, f64, f64), Error> {
        let rows = self.rows(param, grid)?;
        let values: Vec<f64> = (0..grid.times().len()).map(|step| number(&vector_at(&rows, step, 0))).collect();
        let greatest = values.iter().fold(-f64::MAX, |a, b| go_max(a, *b));
        let least = values.iter().fold(f64::MAX, |a, b| go_min(a, *b));
        Ok((values, greatest, least))
    }

    fn aggregate(&self, aggregate: &AggregateExpr, grid: Grid) -> Result<Vec<Row>, Error> {
        use AggregateOp as A;
        let op = aggregate.op;
        let param = aggregate.param.as_deref().map(Expr::unwrap_parens);
        if op == A::CountValues {
            let name = param.map(text).unwrap_or_default();
            if name.is_empty() || name.contains('\u{fffd}') {
                return Err(Error(format!("invalid label name {}", firesteel_go_compat::quote(&name))));
            }
            let rows = self.rows(&aggregate.expr, grid)?;
            return self.by_step(grid, &[&rows], Twins::Usual, |_, _, mut vectors| {
                let counted = count_values(vectors.remove(0), &name, aggregate);
                Ok(counted.into_iter().map(|(labels, n)| Sample { labels, ..unnamed(n) }).collect())
            });
        }
        let (params, greatest, least) = match param {
            Some(param) => self.param(param, grid)?,
            None => (Vec::new(), 0.0, 0.0),
        };
        let any_nan = params.iter().any(|v| v.is_nan());
        let rows = self.rows(aggregate.expr.unwrap_parens(), grid)?;
        match op {
            A::TopK | A::BottomK | A::LimitK => {
                if greatest < 1.0 {
                    return Ok(Vec::new());
                }
                if any_nan {
                    return Err(Error("Parameter value is NaN".to_owned()));
                }
                if least <= i64::MIN as f64 || greatest >= i64::MAX as f64 {
                    return Err(Error("Scalar value beyond int64".to_owned()));
                }
            }
            A::LimitRatio => {
                if greatest == 0.0 && least == 0.0 {
                    return Ok(Vec::new());
                }
                if any_nan {
                    return Err(Error("Ratio value is NaN".to_owned()));
                }
                self.notes.add_if(greatest > 1.0 || least < -1.0, notes::RATIO);
            }
            A::Quantile => self.notes.add_if(any_nan || greatest > 1.0 || least < 0.0, notes::QUANTILE),
            _ => {}
        }
        let mut groups = Vec::<(Labels, Vec<usize>)>::new();
        for (i, row) in rows.iter().enumerate() {
            let group = group_of(&row.labels, aggregate);
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, members)) => members.push(i),
                None => groups.push((group, vec![i])),
            }
        }
        let members = |group: &[usize], step: usize| -> Vec<Sample> {
            let member = |i: &usize| {
                let row = &rows[*i];
                let datum = row.points[step].clone()?;
                Some(Sample { labels: row.labels.clone(), drop_name: row.drop_name, datum, t: 0 })
            };
            group.iter().filter_map(member).collect()
        };
        if op.is_selecting() {
            return self.by_step(grid, &[], Twins::Usual, |step, _, _| {
                let picked = groups
                    .iter()
                    .flat_map(|(_, group)| pick(op, members(group, step), params[step], rows.len(), &self.notes));
                Ok(picked.collect())
            });
        }
        let mut out = Vec::new();
        for (labels, group) in &groups {
            let mut drop_name = false;
            let mut points = Vec::new();
            for step in 0..grid.times().len() {
                let members = members(group, step);
                let param = params.get(step).copied().unwrap_or(f64::NAN);
                let point = if members.is_empty() { None } else { fold(op, &members, param, &self.notes) };
                if point.is_some() {
                    drop_name = members.iter().any(|member| member.drop_name);
                }
                points.push(point);
            }
            if points.iter().any(Option::is_some) {
                out.push(Row { labels: labels.clone(), drop_name, points });
            }
        }
        Ok(out)
    }

    fn call(&self, call: &Call, grid: Grid) -> Result<Vec<Row>, Error> {
        let name = call.function.name;
        let args: Vec<&Expr> = call.args.iter().map(Expr::unwrap_parens).collect();
        let query = self.setup;
        let seconds = |ms: i64| ms as f64 / 1000.0;
        match name {
            "start" => return self.constant(grid, seconds(query.start)),
            "end" => return self.constant(grid, seconds(query.end)),
            "range" => return self.constant(grid, seconds(query.end - query.start)),
            "step" => {
                let step = if query.start == query.end { 0 } else { query.step.unwrap_or(0) };
                return self.constant(grid, seconds(step));
            }
            "pi" => return self.constant(grid, std::f64::consts::PI),
            "time" => return self.by_step(grid, &[], Twins::Usual, |_, t, _| Ok(vec![unnamed(seconds(t))])),
            "info" => return self.info(&args, grid),
            "label_replace" | "label_join" => return self.relabelled(name, &args, grid),
            "timestamp" | "start_timestamp" => {
                if let Expr::Vector(selector) = args[0] {
                    return self.times_of(selector, name == "start_timestamp", grid);
                }
            }
            _ => {}
        }
        if let Some(at) = args.iter().position(|arg| matches!(arg, Expr::Matrix(_) | Expr::Subquery(_))) {
            return self.range_call(name, &args, at, grid);
        }
        self.notes.add_if(name.starts_with("sort") && !grid.is_instant(), notes::SORT_IN_RANGE);
        let mut inputs = Vec::new();
        for arg in args.iter().filter(|arg| arg.value_type() != ValueType::String) {
            inputs.push(self.rows(arg, grid)?);
        }
        let inputs: Vec<&Vec<Row>> = inputs.iter().collect();
        self.by_step(grid, &inputs, Twins::Usual, |_, t, vectors| self.called(name, &args, t, vectors))
    }

    /// Computes a function at one step.
    fn called(&self, name: &str, args: &[&Expr], t: i64, inputs: Vec<Vec<Sample>>) -> Result<Vec<Sample>, Error> {
        let (delayed, notes) = (self.setup.delayed_names, &self.notes);
        let mut inputs = inputs.into_iter();
        let mut next = || inputs.next().unwrap_or_default();
        if let Some(f) = elementwise(name) {
            if args.is_empty() {
                return Ok(vec![unnamed(f((t / 1000) as f64))]);
            }
            return Ok(map_floats(next(), delayed, f));
        }
        let labels = |from: usize| -> Vec<String> { args[from..].iter().map(|arg| text(arg)).collect() };
        Ok(match name {
            "vector" => vec![unnamed(number(&next()))],
            "scalar" => {
                let floats: Vec<f64> = next().iter().filter_map(|sample| sample.datum.float()).collect();
                vec![unnamed(if let [v] = floats[..] { v } else { f64::NAN })]
            }
            "min_of" => vec![unnamed(go_min(number(&next()), number(&next())))],
            "max_of" => vec![unnamed(go_max(number(&next()), number(&next())))],
            "round" => {
                let vector = next();
                let inverse = 1.0 / if args.len() > 1 { number(&next()) } else { 1.0 };
                map_floats(vector, delayed, |v| (v * inverse + 0.5).floor() / inverse)
            }
            "clamp" | "clamp_min" | "clamp_max" => {
                let vector = next();
                let low = if name == "clamp_max" { f64::NEG_INFINITY } else { number(&next()) };
                let high = if name == "clamp_min" { f64::INFINITY } else { number(&next()) };
                if high < low {
                    return Ok(Vec::new());
                }
                map_floats(vector, delayed, |v| go_max(low, go_min(high, v)))
            }
            "absent" => {
                let labels = match args[0] {
                    Expr::Vector(selector) => absent_labels(&selector.matchers),
                    _ => Labels::empty(),
                };
                if next().is_empty() { vec![Sample { labels, ..unnamed(1.0) }] } else { Vec::new() }
            }
            "timestamp" => {
                let at = |sample: Sample| renamed(Sample { datum: Datum::Float(t as f64 / 1000.0), ..sample }, delayed);
                next().into_iter().map(at).collect()
            }
            "start_timestamp" => Vec::new(),
            "sort" | "sort_desc" => sorted(next(), name == "sort_desc"),
            "sort_by_label" | "sort_by_label_desc" => sorted_by_label(next(), &labels(1), name == "sort_by_label_desc"),
            "histogram_count" | "histogram_sum" | "histogram_avg" | "histogram_stddev" | "histogram_stdvar" => {
                of_histograms(name, next(), delayed)
            }
            "histogram_fraction" => {
                let (lower, upper) = (number(&next()), number(&next()));
                Histograms::of(next(), notes).fraction(lower, upper, delayed, notes)
            }
            "histogram_quantile" => {
                let q = number(&next());
                notes.add_if(!(0.0..=1.0).contains(&q), notes::QUANTILE);
                Histograms::of(next(), notes).quantile(q, delayed, notes)
            }
            "histogram_quantiles" => {
                let vector = next();
                let all: Vec<f64> = args[2..].iter().map(|_| number(&next())).collect();
                Histograms::of(vector, notes).quantiles(&text(args[1]), &all, delayed, notes)
            }
            _ => return Err(Error(format!("the naive evaluator knows no {name}"))),
        })
    }

    /// Returns when the samples of a selector were taken, or when their counters began.
    fn times_of(&self, selector: &VectorSelector, starts: bool, grid: Grid) -> Result<Vec<Row>, Error> {
        // Upstream forgets a negative offset beside `@`.
        let (at, offset) = (self.at_time(selector.at), self.offset(&selector.offset)?);
        let offset = if at.is_some() { offset.max(0) } else { offset };
        let delayed = self.setup.delayed_names;
        self.by_step(grid, &[], Twins::Usual, |_, t, _| {
            if starts && !self.setup.start_timestamps {
                return Ok(Vec::new());
            }
            let selected = self.series.iter().filter(|series| matches(&series.labels, &selector.matchers));
            let sample = |(labels, found): (&Labels, &Stored)| {
                let ms = if starts { found.start } else { found.t };
                renamed(Sample { labels: labels.clone(), ..unnamed(ms as f64 / 1000.0) }, delayed)
            };
            let found = selected
                .filter_map(|series| Some((&series.labels, series.at(at.unwrap_or(t) - offset, self.lookback)?)));
            Ok(found.map(sample).collect())
        })
    }

    /// `label_replace` and `label_join`: they see labels only.
    fn relabelled(&self, name: &str, args: &[&Expr], grid: Grid) -> Result<Vec<Row>, Error> {
        let texts: Vec<String> = args[1..].iter().map(|arg| text(arg)).collect();
        let is_name = |name: &str| !name.is_empty() && !name.contains('\u{fffd}');
        let dst = &texts[0];
        let change: Box<Change<'_>> = if name == "label_replace" {
            let pattern = &texts[3];
            let regex = AnchoredRegex::wrapped(pattern)
                .map_err(|_| Error(format!("invalid regular expression in label_replace(): {pattern}")))?;
            let (src, to) = (&texts[2], &texts[1]);
            Box::new(move |labels: &Labels| regex.expand(labels.value(src), to)) as Box<_>
        } else {
            if let Some(bad) = texts[2..].iter().find(|name| !is_name(name)) {
                return Err(Error(format!("invalid source label name in label_join(): {bad}")));
            }
            Box::new(|labels: &Labels| {
                let values: Vec<&str> = texts[2..].iter().map(|name| labels.value(name)).collect();
                Some(values.join(&texts[1]))
            })
        };
        if !is_name(dst) {
            return Err(Error(format!("invalid destination label name in {name}(): {dst}")));
        }
        let mut rows = self.rows(args[0], grid)?;
        for row in &mut rows {
            if let Some(value) = change(&row.labels) {
                row.labels = with_label(&row.labels, dst, &value);
                row.drop_name &= dst != METRIC_NAME;
            }
        }
        merged(rows)
    }
}

fn vectors_of(
    binary: &BinaryExpr,
    matching: &firesteel_promql_syntax::VectorMatching,
    left: Vec<Sample>,
    right: Vec<Sample>,
    delayed: bool,
    naive: &Naive<'_>,
) -> Result<Vec<Sample>, Error> {
    vectors(binary, matching, left, right, delayed, &naive.notes)
}
