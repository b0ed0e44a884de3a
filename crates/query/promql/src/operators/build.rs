//! From the plan to operators, for a grid of steps.

use firesteel_promql_syntax::AggregateOp;

use super::absent::Absent;
use super::broadcast::Broadcast;
use super::exact::{Enough, Exact};
use super::info::{Info, InfoTime};
use super::labels::{LabelChange, Relabel};
use super::leaf::Leaf;
use super::map::{Map, RowChange};
use super::merge::{Clash, Merge};
use super::probe::Probe;
use super::range_call::{RangeCall, RangeSelector, windows};
use super::scalars::{Scalar, ScalarSource};
use super::selector::{InstantSelector, Wanted};
use super::shared::LeafKey;
use super::sort::Sort;
use super::subquery::{SubqueryCall, inner_grid};
use super::{Input, Operator};
use crate::QueryError;
use crate::aggregate::{CountValues, Fold, GroupBy, QuantileOf, Selecting, Selection};
use crate::binary::{SetOperation, VectorMatch, VectorOperation};
use crate::context::Context;
use crate::functions::histogram_operators::{ClassicHistogram, Question};
use crate::functions::label_functions::{LabelJoin, LabelReplace};
use crate::grid::Grid;
use crate::kernels::window::Windows;
use crate::plan::{Plan, RangeFunction, RangeSource};
use crate::trace::About;

/// What a node's output is known for.
enum Output {
    Scalar,
    /// A vector whose label sets are distinct by themselves.
    Distinct,
    /// A vector whose label sets may have become equal.
    MayClash(Clash),
}

/// Builds the operators of a whole query; metric names whose removal was delayed go at the end.
pub(crate) fn build_root(plan: &Plan, grid: Grid, cx: &Context<'_>) -> Result<Box<dyn Operator>, QueryError> {
    let root = build(plan, grid, cx)?;
    if !cx.delayed_names() {
        return Ok(root);
    }
    Ok(Box::new(Merge::new(Box::new(Relabel::new(root, LabelChange::DropNames)), grid, Clash::SameStep)))
}

/// Builds the operators of a plan.
pub(crate) fn build(plan: &Plan, grid: Grid, cx: &Context<'_>) -> Result<Box<dyn Operator>, QueryError> {
    let limited = cx.node.is_root() && cx.limit > 0;
    let enough = if limited { Enough::Rows(cx.limit) } else { Enough::All };
    build_some(plan, grid, cx, enough, limited)
}

/// Builds the operators of a plan of which some rows are enough; `by_rows`: the plan and its inputs, of which nobody knows
/// how many rows that takes, are made row by row.
fn build_some(
    plan: &Plan,
    grid: Grid,
    cx: &Context<'_>,
    enough: Enough,
    by_rows: bool,
) -> Result<Box<dyn Operator>, QueryError> {
    cx.check_steps(grid.n)?;
    let (span, plan) = plan.place();
    if let Plan::Number(_) = plan {
        return Ok(Builder { grid, cx, by_rows: false }.node(plan)?.0);
    }
    let selector = plan.selector();
    let about = About {
        operator: plan.describe(),
        span: span.unwrap_or(cx.node.span),
        selector: selector.map(|one| one.span),
        labels: selector.and_then(|one| one.labels.clone()),
    };
    let node = cx.node.child(about);
    let builder = Builder { grid, cx: &cx.at(&node), by_rows };
    let (operator, output) = builder.node(plan)?;
    let operator: Box<dyn Operator> = match LeafKey::of(plan, grid) {
        Some((key, span)) => Box::new(cx.leaves.lock().join(key, operator, span)),
        None => operator,
    };
    let operator: Box<dyn Operator> = match output {
        // The outermost asks for rows until it has enough.
        Output::Distinct | Output::MayClash(_) if by_rows && !matches!(enough, Enough::Rows(_)) => operator,
        Output::Distinct | Output::MayClash(_) if grid.is_instant() => Box::new(Exact::new(operator, enough)),
        _ => operator,
    };
    let operator = match output {
        Output::MayClash(clash) if builder.checks(clash) => Box::new(Merge::new(operator, grid, clash)),
        _ => operator,
    };
    let shares_labels =
        matches!(plan, Plan::Selector(_) | Plan::Set { .. } | Plan::Sort { .. } | Plan::StepInvariant(_));
    Ok(Box::new(Probe::new(operator, node, grid.n, shares_labels)))
}

struct Builder<'a, 'q> {
    grid: Grid,
    cx: &'a Context<'q>,
    by_rows: bool,
}

impl Builder<'_, '_> {
    /// Returns whether equal label sets are looked for: with delayed name removal less often, because names still
    /// tell series apart (`promql/engine.go`, rangeEval and the end of Call).
    fn checks(&self, clash: Clash) -> bool {
        match clash {
            Clash::SameStep => !(self.cx.delayed_names() && self.grid.is_instant()),
            Clash::AnyStep => !self.cx.delayed_names(),
        }
    }

    fn build(&self, plan: &Plan) -> Result<Box<dyn Operator>, QueryError> {
        build(plan, self.grid, self.cx)
    }

    /// Builds the input that rows are made of one by one.
    fn rows(&self, plan: &Plan) -> Result<Box<dyn Operator>, QueryError> {
        build_some(plan, self.grid, self.cx, Enough::All, self.by_rows)
    }

    fn input(&self, plan: &Plan) -> Result<Input, QueryError> {
        self.build(plan).map(Input::new)
    }

    fn inputs(&self, plans: &[Plan]) -> Result<Vec<Input>, QueryError> {
        plans.iter().map(|plan| self.input(plan)).collect()
    }

    fn node(&self, plan: &Plan) -> Result<(Box<dyn Operator>, Output), QueryError> {
        let grid = self.grid;
        let renamed = Output::MayClash(Clash::SameStep);
        let scalar = |source| -> (Box<dyn Operator>, Output) { (Box::new(Scalar::new(source, grid)), Output::Scalar) };
        Ok(match plan {
            Plan::Number(v) => scalar(ScalarSource::Number(*v)),
            Plan::Time => scalar(ScalarSource::Time),
            Plan::Scalar(input) => scalar(ScalarSource::OfVector(self.input(input)?)),
            Plan::ScalarScalar { op, lhs, rhs } => {
                scalar(ScalarSource::Operation { op: *op, lhs: self.input(lhs)?, rhs: self.input(rhs)? })
            }
            Plan::Vector(input) => {
                (Box::new(Scalar::new(ScalarSource::OfScalar(self.input(input)?), grid)), Output::Distinct)
            }
            Plan::Selector(selector) => (
                Box::new(Leaf::new(InstantSelector::new(selector.clone(), grid, Wanted::Value), grid)),
                Output::Distinct,
            ),
            Plan::Timestamp(selector) => {
                (Box::new(Leaf::new(InstantSelector::new(selector.clone(), grid, Wanted::Time), grid)), renamed)
            }
            Plan::StartTimestamp(selector) => {
                (Box::new(Leaf::new(InstantSelector::new(selector.clone(), grid, Wanted::Start), grid)), renamed)
            }
            Plan::Info { input, matchers, at, offset_ms } => {
                let when = InfoTime { at: *at, offset_ms: *offset_ms };
                let info = Info::new(self.build(input)?, matchers.clone(), when, grid);
                (Box::new(info), Output::Distinct)
            }
            Plan::RangeCall { function, source, params, arg } => {
                let call = |windows| -> Result<RangeCall, QueryError> {
                    Ok(RangeCall::new(*function, grid, windows, self.inputs(params)?, *arg))
                };
                (self.range(source, call)?, Output::MayClash(Clash::AnyStep))
            }
            Plan::AbsentOverTime { source, labels } => {
                let call = |windows| {
                    let function = RangeFunction::PresentOverTime;
                    Ok(RangeCall::new(function, grid, windows, Vec::new(), firesteel_promql_syntax::Span::default()))
                };
                (Box::new(Absent::new(self.range(source, call)?, grid, labels.clone())), Output::Distinct)
            }
            Plan::Absent { input, labels } => {
                (Box::new(Absent::new(self.build(input)?, grid, labels.clone())), Output::Distinct)
            }
            Plan::Map { function, input, params } => {
                let change = RowChange::Function(*function);
                (Box::new(Map::new(change, grid, self.rows(input)?, self.inputs(params)?)), renamed)
            }
            Plan::OfHistogram { function, input } => {
                (Box::new(Map::new(RowChange::Histogram(*function), grid, self.rows(input)?, Vec::new())), renamed)
            }
            Plan::Negate(input) => {
                let is_scalar = matches!(
                    input.place().1,
                    Plan::Number(_) | Plan::Time | Plan::Scalar(_) | Plan::ScalarScalar { .. }
                );
                let map = Box::new(Map::new(RowChange::Negate, grid, self.rows(input)?, Vec::new()));
                // upstream joins here whether or not the query is an instant one, but not with delayed names.
                (map, if is_scalar || self.cx.delayed_names() { Output::Distinct } else { renamed })
            }
            Plan::LabelReplace { input, dst, replacement, src, regex } => {
                let replace = LabelReplace::new(dst, replacement, src, regex)?;
                self.relabelled(input, LabelChange::Replace(replace))?
            }
            Plan::LabelJoin { input, dst, separator, src } => {
                self.relabelled(input, LabelChange::Join(LabelJoin::new(dst, separator, src)?))?
            }
            Plan::Sort { input, key, descending, span } => {
                (Box::new(Sort::new(self.build(input)?, grid, key.clone(), *descending, *span)), Output::Distinct)
            }
            Plan::HistogramQuantile { quantiles, label, input, arg } => {
                let quantiles = quantiles.iter().map(|(plan, span)| Ok((self.input(plan)?, *span))).collect::<Result<
                    _,
                    QueryError,
                >>(
                )?;
                let question = Question::Quantiles { quantiles, label: label.clone() };
                (Box::new(ClassicHistogram::new(question, grid, self.build(input)?, *arg)), renamed)
            }
            Plan::HistogramFraction { lower, upper, input, arg } => {
                let question = Question::Fraction { lower: self.input(lower)?, upper: self.input(upper)? };
                (Box::new(ClassicHistogram::new(question, grid, self.build(input)?, *arg)), renamed)
            }
            Plan::VectorScalar { op, vector, scalar, scalar_is_left, return_bool, span } => {
                let change = RowChange::WithScalar {
                    op: *op,
                    scalar_is_left: *scalar_is_left,
                    return_bool: *return_bool,
                    span: *span,
                };
                (Box::new(Map::new(change, grid, self.rows(vector)?, vec![self.input(scalar)?])), renamed)
            }
            Plan::VectorVector { op, matching, return_bool, lhs, rhs, span } => {
                let what = VectorMatch { op: *op, matching: matching.clone(), return_bool: *return_bool, span: *span };
                (Box::new(VectorOperation::new(what, grid, self.build(lhs)?, self.build(rhs)?)), renamed)
            }
            Plan::Set { op, matching, lhs, rhs } => {
                let (lhs, rhs) = (self.build(lhs)?, self.build(rhs)?);
                (Box::new(SetOperation::new(*op, matching.clone(), grid, lhs, rhs)), renamed)
            }
            Plan::Aggregate { .. } => (self.aggregate(plan)?, Output::Distinct),
            Plan::CountValues { label, input, grouping, without } => {
                let mut grouping = grouping.clone();
                if !without {
                    grouping.push(label.clone());
                }
                let by = GroupBy::new(&grouping, *without);
                (Box::new(CountValues::new(label.clone(), grid, by, self.build(input)?)), Output::Distinct)
            }
            Plan::At(_, input) => return self.node(input),
            Plan::StepInvariant(input) => {
                let once = grid.first();
                let input = build_some(input, once, self.cx, Enough::All, self.by_rows)?;
                (Box::new(Broadcast::new(input, grid)), Output::Distinct)
            }
        })
    }

    /// Label functions join what became equal in any case.
    fn relabelled(&self, input: &Plan, change: LabelChange) -> Result<(Box<dyn Operator>, Output), QueryError> {
        let relabelled = Box::new(Relabel::new(self.build(input)?, change));
        Ok((Box::new(Merge::new(relabelled, self.grid, Clash::SameStep)), Output::Distinct))
    }

    fn range(
        &self,
        source: &RangeSource,
        call: impl FnOnce(Windows) -> Result<RangeCall, QueryError>,
    ) -> Result<Box<dyn Operator>, QueryError> {
        match source {
            RangeSource::Series { selector, range_ms } => {
                let call = call(windows(selector.at, selector.offset_ms, *range_ms, self.grid, self.cx))?;
                Ok(Box::new(Leaf::new(RangeSelector::new(call, selector.clone()), self.grid)))
            }
            RangeSource::Subquery(subquery) => {
                let call = call(windows(subquery.at, subquery.offset_ms, subquery.range_ms, self.grid, self.cx))?;
                let inner = inner_grid(subquery, self.grid);
                let input = match inner {
                    Some(inner) => Some(Input::new(build(&subquery.expr, inner, self.cx)?)),
                    None => None,
                };
                Ok(Box::new(SubqueryCall::new(call, input, inner)))
            }
        }
    }

    fn aggregate(&self, plan: &Plan) -> Result<Box<dyn Operator>, QueryError> {
        let Plan::Aggregate { op, param, param_span, span, input_span, input, grouping, without } = plan else {
            return Err(QueryError::Execution("not an aggregation".to_owned()));
        };
        let by = GroupBy::new(grouping, *without);
        let selection = match op {
            AggregateOp::TopK => Some(Selection::TopK),
            AggregateOp::BottomK => Some(Selection::BottomK),
            AggregateOp::LimitK => Some(Selection::LimitK),
            AggregateOp::LimitRatio => Some(Selection::LimitRatio),
            _ => None,
        };
        let constant = match param.as_deref() {
            Some(Plan::Number(k)) => Some(*k),
            _ => None,
        };
        let param = match param {
            Some(param) => Some(self.input(param)?),
            None => None,
        };
        let enough = match (selection, constant) {
            // Which elements come first is known when they have come.
            (Some(Selection::LimitK), Some(k)) if self.cx.leave_unread && k >= 1.0 => {
                Enough::Each(by.clone(), k as usize)
            }
            _ => Enough::All,
        };
        let input = build_some(input, self.grid, self.cx, enough, false)?;
        let grid = self.grid;
        Ok(match (selection, param) {
            (Some(selection), Some(param)) => {
                Box::new(Selecting::new((selection, *span), grid, by, param, *param_span, input))
            }
            (None, Some(param)) => Box::new(QuantileOf::new(grid, by, param, (*param_span, *input_span), input)),
            _ => Box::new(Fold::new((*op, *input_span), grid, by, input)),
        })
    }
}
