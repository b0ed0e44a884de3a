//! Rules that cannot yield anything because a selector of theirs matches no series at all: a metric that was renamed, a
//! label that never had that value. Upstream evaluates them for years without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use firesteel_base::{TimeRange, TimestampNs};
use firesteel_model::Matcher;
use firesteel_promql::{EmptyReason, ExplainWhat, QueryOptions};
use firesteel_promql_syntax::{BinaryOp, Expr, Span, ValueType};
use firesteel_storage::{Querier, Selection};
use parking_lot::Mutex;

use crate::context::EvalContext;
use crate::{Group, NothingMatched, RuleCore};

/// A rule is looked at when it yielded nothing so many times: after a start, what it reads may not be there yet.
const EMPTY_BEFORE: u32 = 3;
/// And again after this.
const AGAIN: Duration = Duration::from_mins(5);
/// How many rules of a group are looked at after one evaluation.
const LOOKS: usize = 4;
/// Codes of the reasons that are about storage as a whole, not about the moment.
const OF_STORAGE: [&str; 3] = ["FS1031", "FS1032", "FS1033"];

/// What is known of the rules of a group in this respect.
#[derive(Debug)]
pub(crate) struct NothingWatch {
    /// Evaluations in a row without any sample.
    empty: Vec<AtomicU32>,
    /// When each rule was looked at.
    looked: Mutex<Vec<Option<TimestampNs>>>,
    next: AtomicUsize,
}

impl NothingWatch {
    pub(crate) fn new(rules: usize) -> Self {
        Self {
            empty: (0..rules).map(|_| AtomicU32::new(0)).collect(),
            looked: Mutex::new(vec![None; rules]),
            next: AtomicUsize::new(0),
        }
    }

    /// Notes how many samples a rule yielded.
    pub(crate) fn note_result(&self, i: usize, samples: usize) {
        let Some(empty) = self.empty.get(i) else { return };
        if samples == 0 {
            empty.fetch_add(1, Ordering::Relaxed);
        } else {
            empty.store(0, Ordering::Relaxed);
        }
    }

    /// Returns whether it is time to look at a rule, and notes that it is.
    fn is_due(&self, i: usize, at: TimestampNs) -> bool {
        if self.empty[i].load(Ordering::Relaxed) < EMPTY_BEFORE {
            return false;
        }
        let mut looked = self.looked.lock();
        if looked[i].is_some_and(|before| at.since(before) < AGAIN) {
            return false;
        }
        looked[i] = Some(at);
        true
    }
}

impl Group {
    /// Looks at a few rules that yield nothing, and takes back the marks of those that do by now.
    pub(crate) fn watch_nothing(&self, cx: &EvalContext, at: TimestampNs) {
        let (n, watch) = (self.rules().len(), &self.nothing);
        for (i, rule) in self.rules().iter().enumerate() {
            if watch.empty[i].load(Ordering::Relaxed) == 0 && rule.core().is_marked() {
                self.mark(cx, i, Arc::default());
            }
        }
        let mut looks = 0;
        for _ in 0..n {
            let i = watch.next.fetch_add(1, Ordering::Relaxed) % n;
            if watch.is_due(i, at) {
                self.look(cx, i, at);
                looks += 1;
            }
            if looks == LOOKS {
                break;
            }
        }
    }

    /// Looks at all rules now; returns those that cannot yield anything.
    pub fn rules_that_match_nothing(&self, cx: &EvalContext, at: TimestampNs) -> Vec<(usize, Arc<[NothingMatched]>)> {
        let looked = (0..self.rules().len()).map(|i| {
            self.look(cx, i, at);
            (i, self.rules()[i].core().status().nothing)
        });
        looked.filter(|(_, nothing)| !nothing.is_empty()).collect()
    }

    fn look(&self, cx: &EvalContext, i: usize, at: TimestampNs) {
        let core = self.rules()[i].core();
        let at = at.before(self.query_offset(cx));
        // What cannot be found out now is found out another time.
        if let Some(found) = matched_nothing(cx, core, at) {
            self.mark(cx, i, found.into());
        }
    }

    fn mark(&self, cx: &EvalContext, i: usize, found: Arc<[NothingMatched]>) {
        let core = self.rules()[i].core();
        if found.is_empty() && !core.is_marked() {
            return;
        }
        cx.metrics.matches_nothing(self.key(), core.name(), !found.is_empty());
        core.set_nothing(found);
    }
}

/// Returns the selectors for which a rule cannot yield anything; `None` when it cannot be told.
fn matched_nothing(cx: &EvalContext, core: &RuleCore, at: TimestampNs) -> Option<Vec<NothingMatched>> {
    // First the cheap question; the answer is nearly always that there is something.
    let querier = cx.queryable.querier(TimeRange::ALL).ok()?;
    let mut search = Search { querier: querier.as_ref(), empty: Vec::new() };
    if !search.never(core.expr())? {
        return Some(Vec::new());
    }
    let options = QueryOptions { explain: ExplainWhat { plan: false, empty: true }, ..core.options.clone() };
    let reasons = cx.queries.instant(core.expr(), at.to_ms(), &options).ok()?.explain.empty.unwrap_or_default();
    let of_storage = |reason: &EmptyReason| OF_STORAGE.contains(&reason.code) && search.empty.contains(&reason.span);
    let nothing = |reason: EmptyReason| NothingMatched {
        code: reason.code,
        message: reason.message,
        near: reason.near,
        fix: reason.fix,
    };
    Some(reasons.into_iter().filter(of_storage).map(nothing).collect())
}

/// Asks storage about the selectors of an expression.
struct Search<'a> {
    querier: &'a dyn Querier,
    /// Where selectors stand that match nothing.
    empty: Vec<Span>,
}

impl Search<'_> {
    /// Returns whether an expression can yield nothing, at no time, because of selectors that match nothing.
    fn never(&mut self, expr: &Expr) -> Option<bool> {
        Some(match expr {
            Expr::Vector(selector) => self.is_empty(&selector.matchers, selector.span)?,
            Expr::Matrix(matrix) => self.is_empty(&matrix.selector.matchers, matrix.span)?,
            Expr::Number(_) | Expr::String(_) => false,
            Expr::Paren(paren) => self.never(&paren.expr)?,
            Expr::Unary(unary) => self.never(&unary.expr)?,
            Expr::Subquery(subquery) => self.never(&subquery.expr)?,
            Expr::Aggregate(aggregate) => self.never(&aggregate.expr)?,
            Expr::Call(call) => match (call.function.name, call.function.returns) {
                // These yield something for nothing.
                ("absent" | "absent_over_time", _) | (_, ValueType::Scalar) => false,
                ("info", _) => call.args.first().map_or(Some(false), |arg| self.never(arg))?,
                _ => self.any(call.args.iter())?,
            },
            Expr::Binary(binary) => {
                let fills = binary.matching.as_ref().is_some_and(|m| m.fill.lhs.is_some() || m.fill.rhs.is_some());
                match binary.op {
                    BinaryOp::Unless => self.never(&binary.lhs)?,
                    BinaryOp::Or => self.never(&binary.lhs)? & self.never(&binary.rhs)?,
                    _ if fills => self.never(&binary.lhs)? & self.never(&binary.rhs)?,
                    _ => self.any([&*binary.lhs, &*binary.rhs].into_iter())?,
                }
            }
        })
    }

    fn any<'e>(&mut self, parts: impl Iterator<Item = &'e Expr>) -> Option<bool> {
        let mut any = false;
        for part in parts {
            any |= self.never(part)?;
        }
        Some(any)
    }

    fn is_empty(&mut self, matchers: &[Matcher], span: Span) -> Option<bool> {
        let selected = self.querier.select(&Selection { matchers, limit: 1, ..Selection::default() }).ok()?;
        let is_empty = selected.series().is_empty();
        if is_empty {
            self.empty.push(span);
        }
        Some(is_empty)
    }
}
