//! Advice on queries that fail while they are evaluated: codes FS1020 to FS1026, beside upstream's words.

use firesteel_promql_syntax::{BinaryExpr, Expr, MatchCardinality, ParserOptions, Span, parse};

use crate::QueryError;
use crate::error::OverBudget;
use crate::rewrite::rewritten;

/// What to do about an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advice {
    /// A stable code.
    pub code: &'static str,
    /// What to do, in a sentence.
    pub message: String,
    /// The whole query as it should probably read.
    pub fix: Option<String>,
}

/// Returns where in `query` the error lies and what to do about it, as far as that is known.
pub fn advise(query: &str, error: &QueryError) -> (Option<Span>, Option<Advice>) {
    let advice = |code, message: &str| Some(Advice { code, message: message.to_owned(), fix: None });
    match error {
        QueryError::ExecutionAt { text, span } => (Some(*span), of_text(query, text, *span)),
        QueryError::TooManySamples => (
            None,
            advice("FS1023", "select fewer series, shorten the range or widen the step, or raise --query.max-samples"),
        ),
        QueryError::OverBudget(over) => {
            let OverBudget { scope, dearest, .. } = &**over;
            let flag = match scope {
                crate::Scope::Query => "--query.memory-limit",
                crate::Scope::All => "--query.memory-limit-total",
            };
            let message = format!("select fewer series, shorten the range or widen the step, or raise {flag}");
            (dearest.as_ref().map(|dearest| dearest.span), Some(Advice { code: "FS1024", message, fix: None }))
        }
        QueryError::Timeout(_) => (
            None,
            advice("FS1025", "shorten the range, widen the step, or raise the timeout (--query.timeout, ?timeout=)"),
        ),
        _ => (None, None),
    }
}

fn of_text(query: &str, text: &str, span: Span) -> Option<Advice> {
    let advice = |code, message: &str, fix| Some(Advice { code, message: message.to_owned(), fix });
    if text.starts_with("found duplicate series for the match group") {
        let message = "several series of one side have the same matching labels: add a label that tells them apart to on(), \
                       or make one of them by an aggregation";
        return advice("FS1020", message, None);
    }
    if text.starts_with("multiple matches for labels: many-to-one matching must be explicit") {
        let message = "several series on the left match one on the right: say so with group_left()";
        return advice("FS1021", message, grouped(query, span));
    }
    if text.starts_with("multiple matches for labels: grouping labels must ensure unique matches") {
        return advice("FS1021", "what group_left() or group_right() adds must make the results distinct", None);
    }
    if text.starts_with("vector cannot contain metrics with the same labelset") {
        let message = "series became equal when their metric names were dropped or their labels replaced: aggregate them, or \
                       select one metric";
        return advice("FS1022", message, None);
    }
    None
}

/// Returns the query with `group_left` at the operation in `span`.
fn grouped(query: &str, span: Span) -> Option<String> {
    let expr = parse(query, ParserOptions::ALL).ok()?;
    rewritten(
        &expr,
        |node| matches!(node, Expr::Binary(binary) if binary.span() == span),
        |node| {
            if let Expr::Binary(BinaryExpr { matching: Some(matching), .. }) = node {
                matching.cardinality = MatchCardinality::ManyToOne;
            }
        },
    )
}
