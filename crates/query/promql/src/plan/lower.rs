//! From the syntax tree to the plan.
//!
//! Parentheses vanish, `start()`, `end()`, `step()` and `range()` become numbers (they always describe the whole query,
//! also inside a subquery), `@` and durations become milliseconds, and step-invariant parts are wrapped as upstream wraps
//! them (`promql/engine.go`, preprocessExprHelper), because that decides at which step a parameter is taken.

use std::borrow::Cow;

use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME, MatchType, Matcher};
use firesteel_promql_syntax::{
    AggregateExpr, AggregateOp, AtModifier, BinaryExpr, BinaryOp, Call, DurationContext, Expr, MatrixSelector,
    RangeMode, Span, SubqueryExpr, TimeSpec, UnaryOp, ValueType, VectorSelector,
};

use super::{MapFunction, Plan, RangeFunction, RangeSource, ScalarOp, SelectorPlan, SortKey, SubqueryPlan};
use crate::QueryError;
use crate::binary::scalar;
use crate::histograms::HistogramFunction;
use crate::kernels::window::go_seconds;

/// The whole query's times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanContext {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// 0 for an instant query.
    pub(crate) step_ms: i64,
    /// The step of subqueries that name none.
    pub(crate) subquery_step_ms: i64,
    /// Where in the expression lowering stands.
    pub(crate) within: Within,
}

/// What stands around a selector and decides whether the buckets of histograms matter to it
/// (`promql/engine.go`, detectHistogramStatsDecoding).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Within {
    /// A function of count and sum alone.
    stats: bool,
    /// Something that needs buckets.
    buckets: bool,
}

/// What a query's outermost expression is.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    /// A scalar or an instant vector.
    Steps(Plan),
    String(String),
    /// A range vector: its samples as they are.
    Range(RangeSource),
}

/// Lowers a whole query.
pub(crate) fn lower(expr: &Expr, cx: PlanContext) -> Result<Root, QueryError> {
    let expr = expr.unwrap_parens();
    match expr {
        Expr::String(string) => return Ok(Root::String(string.text().into_owned())),
        Expr::Matrix(_) | Expr::Subquery(_) => return Ok(Root::Range(cx.source(expr)?.0)),
        _ => {}
    }
    Ok(Root::Steps(cx.plan(expr)?.wrapped()))
}

/// A plan and what is known of its dependence on the step.
struct Lowered {
    plan: Plan,
    invariant: bool,
    /// Literals are invariant without being worth a wrap.
    wrap: bool,
}

impl Lowered {
    fn varying(plan: Plan) -> Self {
        Self { plan, invariant: false, wrap: false }
    }

    fn invariant(plan: Plan) -> Self {
        Self { plan, invariant: true, wrap: true }
    }

    fn literal(v: f64) -> Self {
        Self { plan: Plan::Number(v), invariant: true, wrap: false }
    }

    fn wrapped(self) -> Plan {
        if self.wrap { Plan::StepInvariant(Box::new(self.plan)) } else { self.plan }
    }

    fn boxed(self) -> Box<Plan> {
        Box::new(self.wrapped())
    }
}

impl PlanContext {
    /// Returns the context of a call's arguments.
    fn in_call(&self, name: &str) -> Self {
        let mut within = self.within;
        match name {
            "histogram_count" | "histogram_sum" | "histogram_avg" => within.stats = true,
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction" => within.buckets = true,
            _ => {}
        }
        Self { within, ..*self }
    }

    /// Returns the context of what needs the buckets of histograms.
    fn with_buckets(&self) -> Self {
        Self { within: Within { buckets: true, ..self.within }, ..*self }
    }

    fn durations(&self) -> DurationContext {
        DurationContext { step_seconds: go_seconds(self.step_ms), range_seconds: go_seconds(self.end - self.start) }
    }

    fn plan(&self, expr: &Expr) -> Result<Lowered, QueryError> {
        let expr = expr.unwrap_parens();
        let Lowered { plan, invariant, wrap } = self.bare_plan(expr)?;
        let plan = match plan {
            // Selectors know their place, and literals need none.
            Plan::Number(_) | Plan::Selector(_) | Plan::At(..) => plan,
            plan => Plan::At(expr.span(), Box::new(plan)),
        };
        Ok(Lowered { plan, invariant, wrap })
    }

    fn bare_plan(&self, expr: &Expr) -> Result<Lowered, QueryError> {
        match expr {
            Expr::Number(number) => Ok(Lowered::literal(number.value)),
            Expr::Vector(selector) => {
                let selector = self.selector(selector)?;
                let fixed = selector.at.is_some();
                Ok(Lowered { plan: Plan::Selector(selector), invariant: fixed, wrap: fixed })
            }
            Expr::Call(call) => self.call(call),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate),
            Expr::Binary(binary) => self.binary(binary),
            Expr::Unary(unary) => {
                let inner = self.plan(&unary.expr)?;
                if unary.op == UnaryOp::Plus {
                    return Ok(inner);
                }
                let Lowered { plan, invariant, wrap } = inner;
                let plan = match plan {
                    Plan::Number(v) => Plan::Number(-v),
                    plan => Plan::Negate(Box::new(plan)),
                };
                Ok(Lowered { plan, invariant, wrap })
            }
            Expr::String(_) | Expr::Matrix(_) | Expr::Subquery(_) | Expr::Paren(_) => {
                Err(QueryError::Execution(format!("unexpected {} in evaluation", expr.value_type().documented())))
            }
        }
    }

    fn at(&self, at: Option<AtModifier>) -> Option<i64> {
        at.map(|at| match at {
            AtModifier::Timestamp(t) => t.0,
            AtModifier::Start => self.start,
            AtModifier::End => self.end,
        })
    }

    fn offset(&self, offset: &TimeSpec) -> Result<i64, QueryError> {
        offset.offset_ms(self.durations()).map_err(|e| QueryError::Parse(e.to_string()))
    }

    fn width(&self, range: &TimeSpec) -> Result<i64, QueryError> {
        range.range_ms(self.durations()).map_err(|e| QueryError::Parse(e.to_string()))
    }

    fn selector(&self, selector: &VectorSelector) -> Result<SelectorPlan, QueryError> {
        Ok(SelectorPlan {
            matchers: selector.matchers.clone(),
            at: self.at(selector.at),
            offset_ms: self.offset(&selector.offset)?,
            mode: selector.mode,
            span: selector.span,
            stats_only: self.within.stats && !self.within.buckets,
            labels: None,
            renamed: false,
        })
    }

    /// Lowers a range vector; also returns whether it is the same for every step.
    fn source(&self, expr: &Expr) -> Result<(RangeSource, bool), QueryError> {
        match expr.unwrap_parens() {
            Expr::Matrix(matrix) => {
                let selector = self.selector(&matrix.selector)?;
                let fixed = selector.at.is_some();
                Ok((RangeSource::Series { selector, range_ms: self.width(&matrix.range)? }, fixed))
            }
            Expr::Subquery(subquery) => {
                let subquery = self.subquery(subquery)?;
                let fixed = subquery.at.is_some();
                Ok((RangeSource::Subquery(Box::new(subquery)), fixed))
            }
            other => Err(QueryError::Execution(format!("unexpected {} as range", other.value_type().documented()))),
        }
    }

    fn subquery(&self, subquery: &SubqueryExpr) -> Result<SubqueryPlan, QueryError> {
        let inner = self.with_buckets().plan(&subquery.expr)?;
        let step_ms = match &subquery.step {
            Some(step) => self.width(step)?,
            None => 0,
        };
        Ok(SubqueryPlan {
            // The inside is wrapped whether or not the subquery itself has `@`: it is then evaluated once, at the
            // first step of the subquery.
            expr: if inner.invariant && !matches!(inner.plan, Plan::Number(_)) {
                Plan::StepInvariant(Box::new(inner.plan))
            } else {
                inner.plan
            },
            range_ms: self.width(&subquery.range)?,
            step_ms: if step_ms > 0 { step_ms } else { self.subquery_step_ms.max(1) },
            at: self.at(subquery.at),
            offset_ms: self.offset(&subquery.offset)?,
        })
    }

    fn binary(&self, binary: &BinaryExpr) -> Result<Lowered, QueryError> {
        let span = binary.span();
        let trims = matches!(binary.op, BinaryOp::TrimLower | BinaryOp::TrimUpper);
        let cx = if trims { self.with_buckets() } else { *self };
        let (lhs, rhs) = (cx.plan(&binary.lhs)?, cx.plan(&binary.rhs)?);
        let both = lhs.invariant && rhs.invariant;
        let (left_type, right_type) = (binary.lhs.value_type(), binary.rhs.value_type());
        // Inside an invariant whole nothing is wrapped by itself.
        let open = |side: Lowered| if both { Box::new(side.plan) } else { side.boxed() };
        let op = binary.op;
        let plan = match (left_type, right_type) {
            (ValueType::Scalar, ValueType::Scalar) => {
                if let (Plan::Number(a), Plan::Number(b)) = (&lhs.plan, &rhs.plan) {
                    return Ok(Lowered::literal(scalar::binary(op, *a, *b)));
                }
                Plan::ScalarScalar { op: ScalarOp::Binary(op), lhs: open(lhs), rhs: open(rhs) }
            }
            (ValueType::Vector, ValueType::Scalar) => Plan::VectorScalar {
                op,
                vector: open(lhs),
                scalar: open(rhs),
                scalar_is_left: false,
                return_bool: binary.return_bool,
                span,
            },
            (ValueType::Scalar, ValueType::Vector) => Plan::VectorScalar {
                op,
                vector: open(rhs),
                scalar: open(lhs),
                scalar_is_left: true,
                return_bool: binary.return_bool,
                span,
            },
            _ => {
                let matching = binary.matching.clone().unwrap_or_default();
                let (lhs, rhs) = (open(lhs), open(rhs));
                if op.is_set() {
                    Plan::Set { op, matching, lhs, rhs }
                } else {
                    Plan::VectorVector { op, matching, return_bool: binary.return_bool, lhs, rhs, span }
                }
            }
        };
        Ok(if both { Lowered::invariant(plan) } else { Lowered::varying(plan) })
    }

    fn aggregate(&self, aggregate: &AggregateExpr) -> Result<Lowered, QueryError> {
        // The vector alone decides whether the whole is invariant; a parameter is then taken from the first step.
        let Lowered { plan: input, invariant, wrap } = self.plan(&aggregate.expr)?;
        let input = Box::new(input);
        let grouping = aggregate.grouping.clone();
        let without = aggregate.without;
        let param = aggregate.param.as_deref().map(Expr::unwrap_parens);
        let plan = if aggregate.op == AggregateOp::CountValues {
            let Some(Expr::String(label)) = param else {
                return Err(QueryError::Execution("count_values needs a label name".to_owned()));
            };
            let Some(name) = std::str::from_utf8(&label.value).ok().filter(|name| !name.is_empty()) else {
                let quoted = firesteel_go_compat::quote(&label.value);
                return Err(QueryError::Execution(format!("invalid label name {quoted}")));
            };
            Plan::CountValues { label: name.to_owned(), input, grouping, without }
        } else {
            let param_span = param.map_or(aggregate.span, Expr::span);
            let param = match param {
                Some(param) => Some(Box::new(self.plan(param)?.plan)),
                None => None,
            };
            let (span, input_span) = (aggregate.span, aggregate.expr.span());
            Plan::Aggregate { op: aggregate.op, param, param_span, span, input_span, input, grouping, without }
        };
        Ok(Lowered { plan, invariant, wrap })
    }

    /// Lowers `info`: the first selector's modifiers also say at which time info series are looked at.
    fn info(&self, args: &[&Expr]) -> Result<Lowered, QueryError> {
        let Some(vector) = args.first() else { return Err(wrong_argument()) };
        let (at, offset_ms) = self.reference(vector)?.unwrap_or((None, 0));
        let matchers = match args.get(1) {
            Some(Expr::Vector(selector)) => Some(selector.matchers.clone()),
            Some(_) => return Err(wrong_argument()),
            None => None,
        };
        let Lowered { plan, invariant, .. } = self.plan(vector)?;
        let plan = Plan::Info { input: Box::new(plan), matchers, at, offset_ms };
        // Upstream takes the second argument for a selector without `@`.
        let invariant = invariant && args.len() == 1;
        Ok(if invariant { Lowered::invariant(plan) } else { Lowered::varying(plan) })
    }

    /// Returns the time and offset of the first selector, those of subqueries around it included up to the first `@`.
    fn reference(&self, expr: &Expr) -> Result<Option<(Option<i64>, i64)>, QueryError> {
        let first = |all: &mut dyn Iterator<Item = &Expr>| -> Result<_, QueryError> {
            for expr in all {
                if let Some(found) = self.reference(expr)? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        };
        match expr.unwrap_parens() {
            Expr::Vector(selector) => Ok(Some((self.at(selector.at), self.offset(&selector.offset)?))),
            Expr::Matrix(matrix) => Ok(Some((self.at(matrix.selector.at), self.offset(&matrix.selector.offset)?))),
            Expr::Subquery(subquery) => Ok(match self.reference(&subquery.expr)? {
                Some((None, offset)) => Some((self.at(subquery.at), offset + self.offset(&subquery.offset)?)),
                found => found,
            }),
            Expr::Call(call) => first(&mut call.args.iter()),
            Expr::Aggregate(aggregate) => {
                first(&mut std::iter::once(&*aggregate.expr).chain(aggregate.param.as_deref()))
            }
            Expr::Binary(binary) => first(&mut [&*binary.lhs, &*binary.rhs].into_iter()),
            Expr::Unary(unary) => self.reference(&unary.expr),
            Expr::Number(_) | Expr::String(_) | Expr::Paren(_) => Ok(None),
        }
    }

    fn call(&self, call: &Call) -> Result<Lowered, QueryError> {
        let args: Vec<&Expr> = call.args.iter().map(Expr::unwrap_parens).collect();
        let name = call.function.name;
        match name {
            "start" => return Ok(Lowered::literal(self.start as f64 / 1000.0)),
            "end" => return Ok(Lowered::literal(self.end as f64 / 1000.0)),
            "range" => return Ok(Lowered::literal(go_seconds(self.end - self.start))),
            "step" => {
                let step_ms = if self.start == self.end { 0 } else { self.step_ms };
                return Ok(Lowered::literal(go_seconds(step_ms)));
            }
            "pi" => return Ok(Lowered::literal(std::f64::consts::PI)),
            _ => {}
        }
        if name == "info" {
            return self.info(&args);
        }
        let cx = self.in_call(name);
        // Arguments first, each with what it depends on.
        let mut inputs = Vec::with_capacity(args.len());
        let mut all_invariant = true;
        for arg in &args {
            let input = match arg {
                Expr::String(_) => Input::Text(text_of(arg)),
                Expr::Matrix(_) | Expr::Subquery(_) => {
                    let (source, fixed) = cx.source(arg)?;
                    all_invariant &= fixed;
                    Input::Range(source)
                }
                _ => {
                    let lowered = cx.plan(arg)?;
                    all_invariant &= lowered.invariant;
                    Input::Steps(lowered)
                }
            };
            inputs.push(input);
        }
        let unsafe_function = is_step_dependent(name);
        let pinned_timestamp =
            name == "timestamp" && matches!(args.as_slice(), [Expr::Vector(selector)] if selector.at.is_some());
        let invariant = all_invariant && !unsafe_function || pinned_timestamp;
        let plan = build_call(call, &args, Inputs { inputs: inputs.into_iter(), wrap: !invariant })?;
        Ok(if invariant { Lowered::invariant(plan) } else { Lowered::varying(plan) })
    }
}

/// Functions whose value depends on the evaluation time even if their arguments do not.
fn is_step_dependent(name: &str) -> bool {
    matches!(
        name,
        "days_in_month"
            | "day_of_month"
            | "day_of_week"
            | "day_of_year"
            | "hour"
            | "minute"
            | "month"
            | "year"
            | "predict_linear"
            | "time"
            | "timestamp"
    )
}

enum Input {
    Text(String),
    Range(RangeSource),
    Steps(Lowered),
}

/// A call's arguments, taken from left to right; the parser has checked their types and number.
struct Inputs {
    inputs: std::vec::IntoIter<Input>,
    /// Whether invariant arguments are wrapped by themselves because the call is not invariant.
    wrap: bool,
}

impl Inputs {
    fn steps_or_none(&mut self) -> Option<Plan> {
        match self.inputs.next()? {
            Input::Steps(lowered) => Some(if self.wrap { lowered.wrapped() } else { lowered.plan }),
            Input::Text(_) | Input::Range(_) => None,
        }
    }

    fn steps(&mut self) -> Result<Plan, QueryError> {
        self.steps_or_none().ok_or_else(wrong_argument)
    }

    fn boxed(&mut self) -> Result<Box<Plan>, QueryError> {
        self.steps().map(Box::new)
    }

    fn rest(&mut self) -> Vec<Plan> {
        std::iter::from_fn(|| self.steps_or_none()).collect()
    }

    fn text(&mut self) -> Result<String, QueryError> {
        match self.inputs.next() {
            Some(Input::Text(text)) => Ok(text),
            _ => Err(wrong_argument()),
        }
    }

    fn texts(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.text().ok()).collect()
    }

    fn range(&mut self) -> Result<RangeSource, QueryError> {
        match self.inputs.next() {
            Some(Input::Range(source)) => Ok(source),
            _ => Err(wrong_argument()),
        }
    }
}

fn wrong_argument() -> QueryError {
    QueryError::Execution("unexpected argument in a function call".to_owned())
}

fn build_call(call: &Call, args: &[&Expr], mut inputs: Inputs) -> Result<Plan, QueryError> {
    let name = call.function.name;
    // upstream puts what it says of a subquery at the query's start (promql/engine.go, evalSubquery, 3.14).
    let place = |arg: &&Expr| match arg {
        Expr::Subquery(subquery) => Span { start: 0, ..subquery.span },
        arg => arg.span(),
    };
    let arg = args.first().map_or(call.span, place);
    check_range_mode(name, args)?;
    Ok(match name {
        "time" => Plan::Time,
        "vector" => Plan::Vector(inputs.boxed()?),
        "scalar" => Plan::Scalar(inputs.boxed()?),
        "max_of" | "min_of" => Plan::ScalarScalar {
            op: if name == "max_of" { ScalarOp::MaxOf } else { ScalarOp::MinOf },
            lhs: inputs.boxed()?,
            rhs: inputs.boxed()?,
        },
        "absent" => Plan::Absent { labels: absent_labels(args), input: inputs.boxed()? },
        "absent_over_time" => Plan::AbsentOverTime { labels: absent_labels(args), source: inputs.range()? },
        "timestamp" => match inputs.steps()? {
            Plan::Selector(selector) => Plan::Timestamp(without_negative_offset(selector)),
            input => Plan::Map { function: MapFunction::Timestamp, input: Box::new(input), params: Vec::new() },
        },
        "start_timestamp" => match inputs.steps()? {
            Plan::Selector(selector) => Plan::StartTimestamp(without_negative_offset(selector)),
            input => Plan::OfHistogram { function: HistogramFunction::Nothing, input: Box::new(input) },
        },
        "label_replace" => {
            let input = inputs.boxed()?;
            let (dst, replacement) = (inputs.text()?, inputs.text()?);
            Plan::LabelReplace { input, dst, replacement, src: inputs.text()?, regex: inputs.text()? }
        }
        "label_join" => {
            let input = inputs.boxed()?;
            let (dst, separator) = (inputs.text()?, inputs.text()?);
            Plan::LabelJoin { input, dst, separator, src: inputs.texts() }
        }
        "sort" | "sort_desc" => {
            Plan::Sort { input: inputs.boxed()?, key: SortKey::Value, descending: name == "sort_desc", span: call.span }
        }
        "sort_by_label" | "sort_by_label_desc" => Plan::Sort {
            input: inputs.boxed()?,
            key: SortKey::Labels(inputs.texts()),
            descending: name == "sort_by_label_desc",
            span: call.span,
        },
        "histogram_quantile" => {
            let quantile = (inputs.steps()?, arg);
            let arg = args.get(1).map_or(call.span, |arg| arg.span());
            Plan::HistogramQuantile { quantiles: vec![quantile], label: None, input: inputs.boxed()?, arg }
        }
        "histogram_quantiles" => {
            let input = inputs.boxed()?;
            let label = Some(inputs.text()?);
            let spans = args.iter().skip(2).map(|arg| arg.span());
            Plan::HistogramQuantile { quantiles: inputs.rest().into_iter().zip(spans).collect(), label, input, arg }
        }
        "histogram_fraction" => {
            let (lower, upper) = (inputs.boxed()?, inputs.boxed()?);
            let arg = args.get(2).map_or(call.span, |arg| arg.span());
            Plan::HistogramFraction { lower, upper, input: inputs.boxed()?, arg }
        }
        // The scalar stands in front of the range here.
        "quantile_over_time" => {
            let params = vec![inputs.steps()?];
            Plan::RangeCall { function: RangeFunction::QuantileOverTime, source: inputs.range()?, params, arg }
        }
        _ => {
            if let Some(function) = HistogramFunction::by_name(name) {
                Plan::OfHistogram { function, input: inputs.boxed()? }
            } else if let Some(function) = RangeFunction::by_name(name) {
                Plan::RangeCall { function, source: inputs.range()?, params: inputs.rest(), arg }
            } else if let Some(function) = MapFunction::by_name(name) {
                let input = match inputs.steps_or_none() {
                    Some(input) => input,
                    None => Plan::Vector(Box::new(Plan::Time)),
                };
                Plan::Map { function, input: Box::new(input), params: inputs.rest() }
            } else {
                return Err(QueryError::unsupported(&format!("function \"{name}\"")));
            }
        }
    })
}

/// Refuses `anchored` and `smoothed` where they mean nothing.
fn check_range_mode(name: &str, args: &[&Expr]) -> Result<(), QueryError> {
    let Some(mode) = args.iter().find_map(|arg| match arg {
        Expr::Matrix(MatrixSelector { selector, .. }) => Some(selector.mode),
        _ => None,
    }) else {
        return Ok(());
    };
    let (word, allowed): (_, &[&str]) = match mode {
        RangeMode::Plain => return Ok(()),
        RangeMode::Anchored => ("anchored", &["changes", "delta", "increase", "rate", "resets"]),
        RangeMode::Smoothed => ("smoothed", &["delta", "increase", "rate"]),
    };
    if allowed.contains(&name) {
        return Ok(());
    }
    let allowed = allowed.join(", ");
    Err(QueryError::Execution(format!("{word} modifier can only be used with: {allowed} - not with {name}")))
}

/// Returns the labels that `absent` can tell from its selector's matchers (`promql/functions.go`,
/// createLabelsForAbsentFunction): a second condition on a label takes the label away again.
fn absent_labels(args: &[&Expr]) -> Labels {
    let matchers: &[Matcher] = match args.first() {
        Some(Expr::Vector(selector)) => &selector.matchers,
        Some(Expr::Matrix(matrix)) => &matrix.selector.matchers,
        _ => &[],
    };
    let mut builder = LabelsBuilder::new();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|matcher| matcher.name() != METRIC_NAME) {
        if matcher.match_type() == MatchType::Equal && !seen.contains(&matcher.name()) {
            builder.set(matcher.name(), matcher.value());
            seen.push(matcher.name());
        } else {
            builder.del(matcher.name());
        }
    }
    builder.build()
}

/// Under `timestamp` and `start_timestamp` upstream forgets the offset of a selector with `@` (`promql/engine.go`,
/// rangeEvalTimestampFunctionOverVectorSelector, 3.14). A positive one acts all the same, as nothing later than it is read.
fn without_negative_offset(selector: SelectorPlan) -> SelectorPlan {
    if selector.at.is_some() { SelectorPlan { offset_ms: selector.offset_ms.max(0), ..selector } } else { selector }
}

fn text_of(expr: &Expr) -> String {
    match expr {
        Expr::String(string) => string.text(),
        _ => Cow::Borrowed(""),
    }
    .into_owned()
}
