//! Selectors that find nothing: no such series, none of that time, or too few samples in a window.

use std::collections::BTreeSet;
use std::sync::Arc;

use firesteel_base::TimeRange;
use firesteel_go_compat::{format_duration_ms, quote};
use firesteel_model::{METRIC_NAME, MatchType, Matcher, is_stale_nan};
use firesteel_promql_syntax::{Expr, VectorSelector};
use firesteel_storage::{Querier, Selected, Selection};

use super::near::nearest;
use super::{Search, moment, stands_at};
use crate::QueryError;
use crate::columns::Columns;
use crate::explain::{EmptyReason, Example, MatcherReport};
use crate::grid::Grid;
use crate::plan::{Plan, RangeSource, Root, SelectorPlan, lower};
use crate::rewrite::rewritten;

/// Series are counted up to this.
const COUNTED: usize = 1000;
/// How many series' samples are looked at.
const LOOKED_AT: usize = 64;

/// What samples a selector has, over all time that is stored.
#[derive(Default)]
struct Seen {
    first: Option<i64>,
    last: Option<i64>,
    /// The newest sample not after the query's last moment, and whether a staleness marker follows it.
    before: Option<(i64, bool)>,
    /// Most samples in one window.
    most: usize,
    /// The usual time between two samples.
    interval: Option<i64>,
}

impl Search<'_> {
    /// Adds why a selector yields nothing, or why `function` makes nothing of its ranges.
    pub(super) fn selector(
        &self,
        expr: &Expr,
        grid: Grid,
        function: Option<&str>,
        out: &mut Vec<EmptyReason>,
    ) -> Result<(), QueryError> {
        let (selector, span) = match expr {
            Expr::Vector(selector) => (selector, selector.span),
            Expr::Matrix(matrix) => (&matrix.selector, matrix.span),
            _ => return Ok(()),
        };
        let Some((plan, range_ms)) = self.resolved(expr)? else { return Ok(()) };
        let wide = self.storage.querier(TimeRange::ALL)?;
        let selected = wide.select(&Selection { matchers: &plan.matchers, limit: COUNTED, ..Selection::default() })?;
        let mut reason = EmptyReason { span, ..EmptyReason::default() };
        if selected.series().is_empty() {
            self.no_series(selector, wide.as_ref(), &mut reason)?;
            out.push(reason);
            return Ok(());
        }
        let when = |step: usize| plan.at.unwrap_or_else(|| grid.at(step)).saturating_sub(plan.offset_ms);
        let (first, last) = (when(0), when(grid.n - 1));
        let width = range_ms.unwrap_or(self.whole.lookback_ms);
        let seen = self.samples(selected.as_ref(), grid, &when, width)?;
        let example = selected.series().first();
        reason.examples.extend(example.map(|one| Example { side: "", labels: one.labels.clone(), value: None }));
        let n = selected.series().len();
        let n = if n >= COUNTED { format!("at least {COUNTED}") } else { n.to_string() };
        let what = range_ms.map_or("the lookback", |_| "the range");
        let width_text = format_duration_ms(width);
        match (function, seen.before) {
            (Some(function), _) if seen.most > 0 => {
                reason.code = "FS1036";
                let every = seen
                    .interval
                    .map_or(String::new(), |ms| format!(", and they come about every {}", format_duration_ms(ms)));
                let least = seen.interval.map(|ms| 4 * ms);
                let s = if seen.most == 1 { "" } else { "s" };
                reason.message = format!(
                    "a window of {width_text} holds at most {} sample{s}{every}: {function} needs more",
                    seen.most
                );
                if let Some(least) = least {
                    reason.message.push_str(&format!(", [{}] say", format_duration_ms(least)));
                    reason.fix = self.with_range(span, least);
                }
            }
            (_, Some((t, true))) => {
                reason.code = "FS1034";
                let ago = format_duration_ms((last - t).max(0));
                reason.message = format!(
                    "{n} series match, and all have ended: the last sample is of {}, {ago} before, and a staleness marker follows it",
                    moment(t)
                );
            }
            (_, Some((t, false))) => {
                reason.code = "FS1034";
                let ago = format_duration_ms((first.max(t) - t).max(0));
                reason.message = format!(
                    "{n} series match, but the newest sample before is of {}, {ago} too early for {what} of {width_text} to reach",
                    moment(t)
                );
                if first - t <= width {
                    reason.message = format!(
                        "{n} series match, but no sample lies within {what} of {width_text}; the newest before is of {}",
                        moment(t)
                    );
                }
            }
            (_, None) => {
                reason.code = "FS1035";
                let from = seen.first.map_or(String::new(), |t| format!(": the first sample is of {}", moment(t)));
                reason.message =
                    format!("{n} series match, but they begin after the time of the query, {}{from}", moment(last));
            }
        }
        if let (None, Some(t)) = (seen.before, seen.last) {
            reason.message.push_str(&format!(", the last of {}", moment(t)));
        }
        out.push(reason);
        Ok(())
    }

    /// Returns the selector with its modifiers as numbers, and the width of its range.
    fn resolved(&self, expr: &Expr) -> Result<Option<(SelectorPlan, Option<i64>)>, QueryError> {
        Ok(match lower(expr, self.whole.times)? {
            Root::Range(RangeSource::Series { selector, range_ms }) => Some((selector, Some(range_ms))),
            Root::Steps(Plan::Selector(selector)) => Some((selector, None)),
            Root::Steps(Plan::StepInvariant(inner)) => match *inner {
                Plan::Selector(selector) => Some((selector, None)),
                _ => None,
            },
            _ => None,
        })
    }

    fn samples(
        &self,
        selected: &dyn Selected,
        grid: Grid,
        when: &dyn Fn(usize) -> i64,
        width: i64,
    ) -> Result<Seen, QueryError> {
        let mut seen = Seen::default();
        let mut columns = Columns::default();
        let last = when(grid.n - 1);
        for i in 0..selected.series().len().min(LOOKED_AT) {
            self.cx.check()?;
            columns.load(selected, i, i64::MIN, i64::MAX)?;
            let _held = self.cx.charge(columns.bytes())?;
            let stale = |i: usize| columns.v().get(i).is_some_and(|v| is_stale_nan(*v));
            let floats = columns.t().iter().enumerate().map(|(i, t)| (t.0, stale(i)));
            let histograms = columns.histograms().iter().map(|point| (point.t.0, point.h.is_stale()));
            let mut points: Vec<(i64, bool)> = floats.chain(histograms).collect();
            points.sort_unstable();
            let real: Vec<i64> = points.iter().filter(|(_, stale)| !stale).map(|(t, _)| *t).collect();
            let (Some(&start), Some(&end)) = (real.first(), real.last()) else { continue };
            seen.first = Some(seen.first.map_or(start, |t| t.min(start)));
            seen.last = Some(seen.last.map_or(end, |t| t.max(end)));
            if let Some(at) = points.partition_point(|(t, _)| *t <= last).checked_sub(1)
                && let Some(t) = real[..real.partition_point(|t| *t <= last)].last()
            {
                let ended = points[at].1;
                if seen.before.is_none_or(|(known, _)| known < *t) {
                    seen.before = Some((*t, ended));
                }
            }
            for step in 0..grid.n {
                let end = when(step);
                let from = real.partition_point(|t| *t <= end.saturating_sub(width));
                let to = real.partition_point(|t| *t <= end);
                seen.most = seen.most.max(to.saturating_sub(from));
            }
            let mut gaps: Vec<i64> = real.windows(2).map(|pair| pair[1] - pair[0]).collect();
            if seen.interval.is_none() && !gaps.is_empty() {
                gaps.sort_unstable();
                seen.interval = gaps.get(gaps.len() / 2).copied();
            }
        }
        Ok(seen)
    }

    /// Returns the query with a range of another width.
    fn with_range(&self, span: firesteel_promql_syntax::Span, range_ms: i64) -> Option<String> {
        let text = format!("x[{}]", format_duration_ms(range_ms));
        let wider = match firesteel_promql_syntax::parse(&text, firesteel_promql_syntax::ParserOptions::ALL).ok()? {
            Expr::Matrix(matrix) => matrix.range,
            _ => return None,
        };
        rewritten(self.whole.expr, stands_at(span), |node| {
            if let Expr::Matrix(matrix) = node {
                matrix.range = wider;
            }
        })
    }

    /// Returns the metrics whose names are like this one.
    pub(super) fn metrics_like(&self, name: &str) -> Result<Vec<String>, QueryError> {
        let wide = self.storage.querier(TimeRange::ALL)?;
        let names = wide.label_values(METRIC_NAME, &Selection::default())?;
        if names.iter().any(|known| **known == *name) {
            return Ok(vec![name.to_owned()]);
        }
        Ok(nearest(name, names.iter().map(AsRef::as_ref)))
    }

    /// Finds the condition that nothing satisfies, or the one without which there would be something.
    fn no_series(
        &self,
        selector: &VectorSelector,
        wide: &dyn Querier,
        reason: &mut EmptyReason,
    ) -> Result<(), QueryError> {
        let all = &selector.matchers;
        let count = |matchers: &[Matcher]| -> Result<usize, QueryError> {
            let what = Selection { matchers, limit: COUNTED, ..Selection::default() };
            Ok(wide.select(&what)?.series().len())
        };
        for (i, matcher) in all.iter().enumerate() {
            self.cx.check()?;
            let others: Vec<Matcher> =
                all.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, m)| m.clone()).collect();
            let alone = count(std::slice::from_ref(matcher))?;
            let without = if others.is_empty() { count(&[])? } else { count(&others)? };
            let scope = if without > 0 { others.as_slice() } else { &[] };
            let values = wide.label_values(matcher.name(), &Selection { matchers: scope, ..Selection::default() })?;
            let near = match matcher.match_type() {
                MatchType::Equal => nearest(matcher.value(), values.iter().map(AsRef::as_ref)),
                MatchType::Regexp => values.iter().take(3).map(ToString::to_string).collect(),
                _ => Vec::new(),
            };
            let written = written(matcher);
            reason.matchers.push(MatcherReport { matcher: written, alone, without, near });
        }
        let place = |test: &dyn Fn(&MatcherReport) -> bool| reason.matchers.iter().position(test);
        let alone = place(&|report| report.alone == 0);
        let Some(at) = alone.or_else(|| place(&|report| report.without > 0)) else {
            reason.code = "FS1033";
            "each condition is satisfied by some series, but even without any one of them none satisfies the rest"
                .clone_into(&mut reason.message);
            return Ok(());
        };
        let (Some(matcher), Some(report)) = (all.get(at), reason.matchers.get(at)) else { return Ok(()) };
        let (near, without) = (report.near.clone(), report.without);
        let (name, text) = (matcher.name(), written(matcher));
        if alone.is_some() && name == METRIC_NAME && matcher.match_type() == MatchType::Equal {
            reason.code = "FS1031";
            reason.message = format!("there is no metric `{}`{}", matcher.value(), did_you_mean(&near));
        } else if alone.is_some() {
            reason.code = "FS1032";
            let names = wide.label_names(&Selection::default())?;
            let known: BTreeSet<&Arc<str>> = names.iter().collect();
            if known.iter().any(|known| ***known == *name) {
                reason.message = format!("no series has `{text}`{}", did_you_mean(&near));
            } else {
                let like = nearest(name, names.iter().map(AsRef::as_ref));
                reason.message = format!("no series has a label `{name}`{}", did_you_mean(&like));
                reason.fix = like.first().and_then(|like| self.with_matcher(selector, at, like, matcher.value()));
                reason.near = like;
                return Ok(());
            }
        } else {
            reason.code = "FS1033";
            let some =
                if without == 1 { "one series satisfies".to_owned() } else { format!("{without} series satisfy") };
            reason.message = format!("{some} the other conditions, but not `{text}`{}", did_you_mean(&near));
        }
        if matcher.match_type() == MatchType::Equal {
            reason.fix = near.first().and_then(|near| self.with_matcher(selector, at, name, near));
        }
        reason.near = near;
        Ok(())
    }

    /// Returns the query with another condition at one place of a selector.
    fn with_matcher(&self, selector: &VectorSelector, at: usize, name: &str, value: &str) -> Option<String> {
        let matcher = Matcher::new(selector.matchers.get(at)?.match_type(), name, value).ok()?;
        let change = |selector: &mut VectorSelector| {
            if name == METRIC_NAME && !selector.name.is_empty() {
                value.clone_into(&mut selector.name);
            }
            if let Some(place) = selector.matchers.get_mut(at) {
                *place = matcher;
            }
        };
        let span = selector.span;
        let is_meant = |node: &Expr| match node {
            Expr::Vector(selector) => selector.span == span,
            Expr::Matrix(matrix) => matrix.selector.span == span,
            _ => false,
        };
        rewritten(self.whole.expr, is_meant, |node| match node {
            Expr::Vector(selector) => change(selector),
            Expr::Matrix(matrix) => change(&mut matrix.selector),
            _ => {}
        })
    }
}

/// Returns a condition as it is written in a query.
fn written(matcher: &Matcher) -> String {
    format!("{}{}{}", matcher.name(), matcher.match_type().as_str(), quote(matcher.value()))
}

fn did_you_mean(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [one] => format!("; did you mean `{one}`?"),
        several => format!("; did you mean one of `{}`?", several.join("`, `")),
    }
}
