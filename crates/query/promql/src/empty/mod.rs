//! Why a query has no result: goes down the expression to the part that has none although what it is made of has some,
//! and looks at that part more closely.
//!
//! Parts are evaluated once more, on the same steps and within the limits of the query. It is done on request only.

mod join;
mod near;
mod selector;

use firesteel_go_compat::{FloatForm, format_float_as};
use firesteel_promql_syntax::{AggregateExpr, BinaryExpr, BinaryOp, Call, Expr, Span, ValueType};
use firesteel_storage::Queryable;

use crate::context::Context;
use crate::explain::{EmptyReason, Example};
use crate::grid::Grid;
use crate::operators::inner_grid;
use crate::plan::{PlanContext, RangeSource, Root, lower};
use crate::{QueryError, Value};

/// The whole query.
#[derive(Clone, Copy)]
pub(crate) struct Whole<'a> {
    pub(crate) expr: &'a Expr,
    pub(crate) times: PlanContext,
    pub(crate) lookback_ms: i64,
}

/// Evaluates a part of the query on a grid.
type Evaluate<'a> = dyn Fn(&Expr, Grid) -> Result<Value, QueryError> + 'a;

/// Returns whether there is no series in a result.
pub(crate) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Vector(samples) => samples.is_empty(),
        Value::Matrix(series) => series.is_empty(),
        Value::Scalar { .. } | Value::String { .. } => false,
    }
}

/// Returns what removed the last series; several reasons where several parts would have to yield something.
pub(crate) fn why_empty(
    whole: Whole<'_>,
    grid: Grid,
    storage: &dyn Queryable,
    cx: &Context<'_>,
    evaluate: &Evaluate<'_>,
) -> Result<Vec<EmptyReason>, QueryError> {
    let search = Search { whole, storage, cx, evaluate };
    let mut reasons = Vec::new();
    search.part(whole.expr, grid, &mut reasons)?;
    Ok(reasons)
}

/// What the search for reasons has at hand.
struct Search<'a> {
    whole: Whole<'a>,
    storage: &'a dyn Queryable,
    cx: &'a Context<'a>,
    evaluate: &'a Evaluate<'a>,
}

impl Search<'_> {
    /// Adds the reasons of a part that yields nothing.
    fn part(&self, expr: &Expr, grid: Grid, out: &mut Vec<EmptyReason>) -> Result<(), QueryError> {
        self.cx.check()?;
        match expr.unwrap_parens() {
            Expr::Vector(_) | Expr::Matrix(_) => self.selector(expr.unwrap_parens(), grid, None, out),
            Expr::Subquery(_) => self.subquery(expr.unwrap_parens(), grid, out).map(|_| ()),
            Expr::Call(call) => self.call(call, grid, out),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, grid, out),
            Expr::Binary(binary) => self.binary(binary, grid, out),
            Expr::Unary(unary) => self.part(&unary.expr, grid, out),
            Expr::Number(_) | Expr::String(_) | Expr::Paren(_) => Ok(()),
        }
    }

    /// Adds the reasons of the inside of a subquery if it yields nothing; returns whether it did.
    fn subquery(&self, expr: &Expr, grid: Grid, out: &mut Vec<EmptyReason>) -> Result<bool, QueryError> {
        let Root::Range(RangeSource::Subquery(plan)) = lower(expr, self.whole.times)? else { return Ok(false) };
        let Expr::Subquery(subquery) = expr else { return Ok(false) };
        let Some(inner) = inner_grid(&plan, grid) else {
            let message = "the step of the subquery is longer than its range: no moment of it falls inside".to_owned();
            out.push(EmptyReason { code: "FS1036", message, span: subquery.span, ..EmptyReason::default() });
            return Ok(true);
        };
        if !is_empty(&(self.evaluate)(&subquery.expr, inner)?) {
            return Ok(false);
        }
        self.part(&subquery.expr, inner, out)?;
        Ok(true)
    }

    fn call(&self, call: &Call, grid: Grid, out: &mut Vec<EmptyReason>) -> Result<(), QueryError> {
        let name = call.function.name;
        for arg in call.args.iter().map(Expr::unwrap_parens) {
            match arg {
                Expr::Matrix(_) if name != "absent_over_time" => return self.selector(arg, grid, Some(name), out),
                Expr::Subquery(subquery) => {
                    if !self.subquery(arg, grid, out)? && name != "absent_over_time" {
                        let message = format!("the windows of the subquery hold too few points for {name}");
                        out.push(EmptyReason {
                            code: "FS1036",
                            message,
                            span: subquery.span,
                            ..EmptyReason::default()
                        });
                    }
                    return Ok(());
                }
                _ => {}
            }
        }
        if name == "absent" || name == "absent_over_time" {
            return self.absent(call, grid, out);
        }
        let mut found: Option<Value> = None;
        for arg in call.args.iter().filter(|arg| arg.value_type() == ValueType::Vector) {
            let value = (self.evaluate)(arg, grid)?;
            // The second argument of info is no expression of its own.
            if is_empty(&value) && (name != "info" || found.is_none()) {
                return self.part(arg, grid, out);
            }
            found.get_or_insert(value);
        }
        let examples = found.as_ref().map(|value| examples(value, "", 1)).unwrap_or_default();
        let message = match name {
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => {
                format!("{name} looks at buckets: its series have no label `le`, and no native histograms")
            }
            _ if name.starts_with("histogram_") => {
                format!("{name} looks at native histograms, and there are floats only")
            }
            "info" => "no info series has the labels `instance` and `job` of these series".to_owned(),
            _ => format!("{name} yields nothing for any of its series"),
        };
        out.push(EmptyReason { code: "FS1041", message, span: call.span, examples, ..EmptyReason::default() });
        Ok(())
    }

    fn absent(&self, call: &Call, grid: Grid, out: &mut Vec<EmptyReason>) -> Result<(), QueryError> {
        let examples = match call.args.first().map(Expr::unwrap_parens) {
            Some(arg) if arg.value_type() == ValueType::Vector => examples(&(self.evaluate)(arg, grid)?, "", 1),
            _ => Vec::new(),
        };
        let message =
            format!("{} yields something only while there is no series, and there are some", call.function.name);
        out.push(EmptyReason { code: "FS1040", message, span: call.span, examples, ..EmptyReason::default() });
        Ok(())
    }

    fn aggregate(&self, aggregate: &AggregateExpr, grid: Grid, out: &mut Vec<EmptyReason>) -> Result<(), QueryError> {
        let value = (self.evaluate)(&aggregate.expr, grid)?;
        if is_empty(&value) {
            return self.part(&aggregate.expr, grid, out);
        }
        let message = match &aggregate.param {
            Some(param) => format!("{} with the parameter {param} takes none of the series", aggregate.op),
            None => format!("{} has nothing to work on: native histograms do not count for it", aggregate.op),
        };
        let examples = examples(&value, "", 1);
        out.push(EmptyReason { code: "FS1043", message, span: aggregate.span, examples, ..EmptyReason::default() });
        Ok(())
    }

    fn binary(&self, binary: &BinaryExpr, grid: Grid, out: &mut Vec<EmptyReason>) -> Result<(), QueryError> {
        let is_vector = |side: &Expr| side.value_type() == ValueType::Vector;
        let left = (self.evaluate)(&binary.lhs, grid)?;
        let right = (self.evaluate)(&binary.rhs, grid)?;
        let (no_left, no_right) = (is_empty(&left), is_empty(&right));
        let before = out.len();
        if no_left {
            self.part(&binary.lhs, grid, out)?;
        }
        // Without a left side it does not matter to `unless` what is on the right.
        if no_right && binary.op != BinaryOp::Unless {
            self.part(&binary.rhs, grid, out)?;
        }
        if binary.op == BinaryOp::Sub {
            self.read_as_minus(binary, out)?;
        }
        if out.len() > before {
            return Ok(());
        }
        match (is_vector(&binary.lhs), is_vector(&binary.rhs)) {
            (true, true) => self.join(binary, &left, &right, out),
            (true, false) => self.filtered(binary, &left, &binary.rhs, out),
            (false, true) => self.filtered(binary, &right, &binary.lhs, out),
            (false, false) => {}
        }
        Ok(())
    }

    /// Adds the reason of a comparison with a number that no value satisfies.
    fn filtered(&self, binary: &BinaryExpr, value: &Value, scalar: &Expr, out: &mut Vec<EmptyReason>) {
        let span = binary.span();
        let Some((min, max, n)) = extremes(value) else {
            let message = format!("`{}` with a number means nothing for native histograms", binary.op);
            out.push(EmptyReason { code: "FS1037", message, span, ..EmptyReason::default() });
            return;
        };
        let text = |v: f64| format_float_as(v, FloatForm::General);
        let range = if min.to_bits() == max.to_bits() {
            format!("all {n} values are {}", text(min))
        } else {
            format!("the {n} values are between {} and {}", text(min), text(max))
        };
        let message = format!("no value satisfies `{} {scalar}`: {range}", binary.op);
        out.push(EmptyReason {
            code: "FS1037",
            message,
            span,
            examples: examples(value, "", 1),
            ..EmptyReason::default()
        });
    }
}

/// Returns the least and the greatest float and how many there are.
fn extremes(value: &Value) -> Option<(f64, f64, usize)> {
    let values: Vec<f64> = match value {
        Value::Vector(samples) => samples.iter().filter(|s| s.histogram.is_none()).map(|s| s.v).collect(),
        Value::Matrix(series) => series.iter().flat_map(|s| s.v.iter().copied()).collect(),
        _ => Vec::new(),
    };
    let min = values.iter().copied().reduce(f64::min)?;
    let max = values.iter().copied().reduce(f64::max)?;
    Some((min, max, values.len()))
}

/// Returns the first `n` series of a result.
fn examples(value: &Value, side: &'static str, n: usize) -> Vec<Example> {
    match value {
        Value::Vector(samples) => {
            let one = |s: &crate::VectorSample| Example {
                side,
                labels: s.labels.clone(),
                value: s.histogram.is_none().then_some(s.v),
            };
            samples.iter().take(n).map(one).collect()
        }
        Value::Matrix(series) => {
            let one = |s: &crate::MatrixSeries| Example { side, labels: s.labels.clone(), value: s.v.last().copied() };
            series.iter().take(n).map(one).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns a moment as people read it.
fn moment(t: i64) -> String {
    firesteel_go_compat::Instant::from_unix_ms(t).to_rfc3339()
}

/// Whether a node is the one that stands at `span`.
fn stands_at(span: Span) -> impl Fn(&Expr) -> bool {
    move |node| match node {
        Expr::Vector(selector) => selector.span == span,
        Expr::Matrix(matrix) => matrix.span == span,
        Expr::Binary(binary) => binary.span() == span,
        _ => false,
    }
}
