//! `/query` and `/query_range`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_base::TimestampMs;
use firesteel_go_compat::quote;
use firesteel_promql::{CancelFlag, ExplainWhat, Lane, QueryError, QueryOptions, QueryResult, Value};
use firesteel_promql_syntax::{Expr, ParseErrors, parse};

use crate::detail::Detail;
use crate::expression_json::push_expression;
use crate::params::Params;
use crate::respond::{TRUNCATED, success};
use crate::result_body::ResultBody;
use crate::source::QuerySource;
use crate::state::on_thread;
use crate::{Api, ApiError};

/// Enough for a week at 60 s or a year at 1 h; upstream's bound.
const MAX_POINTS: i64 = 11_000;

/// Raises the flag when it is dropped: hyper drops a handler whose client has gone.
struct CancelOnDrop(CancelFlag);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

pub(crate) async fn instant(State(api): State<Arc<Api>>, params: Params) -> Response {
    answer(&api, &params, |params| {
        let at = params.time_or("time", api.clock.now())?;
        Ok(move |queries: &dyn QuerySource, expr: &Expr, options: &QueryOptions| queries.instant(expr, at, options))
    })
    .await
    .unwrap_or_else(ApiError::into_response)
}

pub(crate) async fn range(State(api): State<Arc<Api>>, params: Params) -> Response {
    answer(&api, &params, |params| {
        let grid = grid(params)?;
        Ok(move |queries: &dyn QuerySource, expr: &Expr, options: &QueryOptions| {
            queries.range(expr, grid.start, grid.end, grid.step_ms, options)
        })
    })
    .await
    .unwrap_or_else(ApiError::into_response)
}

/// `/format_query`: the expression laid out for people.
pub(crate) async fn format(State(api): State<Arc<Api>>, params: Params) -> Response {
    match parse(params.value("query"), api.options.parser) {
        Ok(expr) => success(&[], |json| {
            json.string(&expr.pretty());
        }),
        Err(e) => refused(params.value("query"), &e).into_response(),
    }
}

/// `/parse_query`: the expression as a tree.
pub(crate) async fn parsed(State(api): State<Arc<Api>>, params: Params) -> Response {
    match parse(params.value("query"), api.options.parser) {
        Ok(expr) => success(&[], |json| push_expression(json, &expr)),
        Err(e) => refused(params.value("query"), &e).into_response(),
    }
}

#[derive(Clone, Copy, Debug)]
struct Grid {
    start: TimestampMs,
    end: TimestampMs,
    step_ms: i64,
}

fn grid(params: &Params) -> Result<Grid, ApiError> {
    let start = params.time("start")?;
    let end = params.time("end")?;
    if end < start {
        return Err(ApiError::parameter("end", "end timestamp must not be before start time"));
    }
    let missing = || ApiError::parameter("step", "cannot parse \"\" to a valid duration");
    let step_ns = params.duration_ns("step")?.ok_or_else(missing)?;
    if step_ns <= 0 {
        let why = "zero or negative query resolution step widths are not accepted. Try a positive integer";
        return Err(ApiError::parameter("step", why));
    }
    let span_ns = i128::from(end.0.saturating_sub(start.0)) * 1_000_000;
    if span_ns / i128::from(step_ns) > i128::from(MAX_POINTS) {
        let why = "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)";
        let a_second = i128::from(MAX_POINTS) * 1_000_000_000;
        let least = (span_ns + a_second - 1) / a_second;
        let message = format!("ask for fewer points: a step of {least}s is the least for this range");
        let detail = Detail::advice("FS1026", message, Some(format!("step={least}s")));
        return Err(ApiError::BadData(why.to_owned()).with(Some(detail)));
    }
    // Upstream cuts a step to milliseconds and would loop on one below; here it becomes one.
    Ok(Grid { start, end, step_ms: (step_ns / 1_000_000).max(1) })
}

/// What both endpoints have in common; `plan` reads the times, and what it returns is run on a thread.
async fn answer<P, R>(api: &Arc<Api>, params: &Params, plan: P) -> Result<Response, ApiError>
where
    P: FnOnce(&Params) -> Result<R, ApiError>,
    R: FnOnce(&dyn QuerySource, &Expr, &QueryOptions) -> Result<QueryResult, QueryError> + Send + 'static,
{
    let limit = params.limit()?;
    let run = plan(params)?;
    let timeout = params.timeout()?.map_or(api.options.query_timeout, |t| t.min(api.options.query_timeout));
    let lookback = lookback(params)?;
    let text = params.value("query");
    let expr = parse(text, api.options.parser).map_err(|e| refused(text, &e).counted(api))?;
    let explain = explain(params)?;
    let stats = params.value("stats").to_owned();
    let began = Instant::now();
    let deadline = began + timeout;
    let options = QueryOptions {
        text: text.into(),
        lookback,
        deadline: Some(deadline),
        cancel: CancelFlag::new(),
        per_step_stats: stats == "all",
        explain,
        // One more than wanted tells whether there was more. Statistics are of the whole.
        limit: if limit == 0 || !stats.is_empty() || explain.plan { 0 } else { limit.saturating_add(1) },
        leave_unread: stats.is_empty() && !explain.plan,
        origin: params.origin.clone(),
        lane: Lane::Queries,
        known: None,
    };
    let listed = api.running.list(&options, began);
    let _cancel_when_gone = CancelOnDrop(options.cancel.clone());
    let place = tokio::select! {
        place = tokio::time::timeout_at(deadline.into(), api.gate.clone().acquire_owned()) => place,
        () = listed.cancelled() => return Err(QueryError::Canceled("query queue").into()),
    };
    let place = place.map_err(|_| QueryError::Timeout("query queue"))?;
    let queued = began.elapsed();
    listed.evaluating();
    let queries = api.queries.clone();
    let body = on_thread(move || {
        // The place is given back when the evaluation ends, not when its answer has been read.
        let (_place, _listed) = (place, listed);
        let mut result = run(&*queries, &expr, &options).map_err(|e| failed(&options.text, e))?;
        result.stats.exec_queue += queued;
        cut(&mut result, limit);
        note_stats(&mut result, &stats);
        Ok::<_, ApiError>(ResultBody::new(result, !stats.is_empty()))
    })
    .await??;
    Ok(body.into_response())
}

fn refused(query: &str, errors: &ParseErrors) -> ApiError {
    ApiError::parameter("query", errors).with(Detail::of_parse(query, errors))
}

fn failed(query: &str, error: QueryError) -> ApiError {
    let detail = Detail::of_query(query, &error);
    ApiError::from(error).with(detail)
}

/// Reads `explain`: what the answer is to tell about itself, words with commas between.
fn explain(params: &Params) -> Result<ExplainWhat, ApiError> {
    let mut what = ExplainWhat::default();
    for word in params.values("explain").flat_map(|words| words.split(',')).filter(|word| !word.is_empty()) {
        match word {
            "plan" => what.plan = true,
            "empty" => what.empty = true,
            other => {
                let why = format!("unknown value {}, use \"plan\" or \"empty\"", quote(other));
                return Err(ApiError::parameter("explain", why));
            }
        }
    }
    Ok(what)
}

fn lookback(params: &Params) -> Result<Option<Duration>, ApiError> {
    match params.value("lookback_delta") {
        "" => Ok(None),
        text => firesteel_go_compat::parse_api_duration_ns(text)
            .map(|ns| u64::try_from(ns).ok().filter(|ns| *ns > 0).map(Duration::from_nanos))
            .map_err(|e| ApiError::BadData(format!("error parsing lookback delta duration: {e}"))),
    }
}

fn cut(result: &mut QueryResult, limit: usize) {
    let len = match &result.value {
        Value::Vector(samples) => samples.len(),
        Value::Matrix(series) => series.len(),
        _ => 0,
    };
    if limit == 0 || len <= limit {
        return;
    }
    match &mut result.value {
        Value::Vector(samples) => samples.truncate(limit),
        Value::Matrix(series) => series.truncate(limit),
        _ => {}
    }
    result.warnings.push(TRUNCATED.to_owned());
}

fn note_stats(result: &mut QueryResult, stats: &str) {
    if !matches!(stats, "" | "true" | "all") {
        result.warnings.push(format!(
            "value {} for parameter \"stats\" is deprecated and will be rejected in the next major release, use \"true\" or \"all\"",
            quote(stats)
        ));
    }
}
