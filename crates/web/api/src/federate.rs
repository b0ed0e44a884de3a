//! `/federate`: the newest samples of chosen series in the text format (`web/federate.go`).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_client::{Counter, Registry};
use firesteel_expfmt::{Escaping, negotiate_text, push_text_sample, push_text_type};
use firesteel_model::{Labels, METRIC_NAME, Matcher, is_stale_nan};
use firesteel_storage::chunkenc::{ChunkError, SampleKind, SampleReader};
use firesteel_storage::{ChunkView, Queryable, Selected, Selection, StorageError};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tracing::warn;

use crate::Api;
use crate::params::Params;
use crate::respond::go_error;
use crate::state::on_thread;

/// Counts of what went wrong.
#[derive(Clone, Debug)]
pub struct FederationMetrics {
    errors: Counter,
    warnings: Counter,
}

impl FederationMetrics {
    /// Registers the counters.
    pub fn new(registry: &Registry) -> Self {
        Self {
            errors: registry.counter(
                "prometheus_web_federation_errors_total",
                "Total number of errors that occurred while sending federation responses.",
            ),
            warnings: registry.counter(
                "prometheus_web_federation_warnings_total",
                "Total number of warnings that occurred while sending federation responses.",
            ),
        }
    }
}

/// One series with its newest sample.
struct Newest {
    labels: Labels,
    t: TimestampMs,
    v: f64,
}

pub(crate) async fn federate(State(api): State<Arc<Api>>, headers: HeaderMap, params: Params) -> Response {
    if let Some(why) = params.form_fault() {
        return go_error(StatusCode::BAD_REQUEST, &format!("error parsing form values: {why}"));
    }
    let sets = match params.selectors() {
        Ok(sets) => sets,
        Err(why) => return go_error(StatusCode::BAD_REQUEST, &why),
    };
    let accept = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or("");
    let (content_type, escaping) = negotiate_text(accept);
    let now = api.clock.now();
    let page = on_thread(move || {
        let mut warnings = Vec::new();
        let found = newest(&*api.store, now, api.options.lookback, &sets, &mut warnings);
        api.federation.warnings.add(warnings.len() as f64);
        match found {
            Ok(found) => Ok(write(found, &api.status.external_labels(), escaping)),
            Err(e) => {
                api.federation.errors.inc();
                let not_open = matches!(e, StorageError::Closed);
                let code = if not_open { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
                Err((code, e.to_string()))
            }
        }
    });
    match page.await {
        Ok(Ok(page)) => {
            let mut response = page.into_response();
            if let Ok(value) = HeaderValue::from_str(&content_type) {
                response.headers_mut().insert(CONTENT_TYPE, value);
            }
            response
        }
        Ok(Err((code, why))) => go_error(code, &why),
        Err(e) => go_error(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string()),
    }
}

/// Returns each series that any of `sets` selects, once, with its newest sample that is at most `lookback` old; those that
/// ended with a staleness marker are left out. Sorted by labels.
fn newest(
    store: &dyn Queryable,
    now: TimestampMs,
    lookback: Duration,
    sets: &[Vec<Matcher>],
    warnings: &mut Vec<String>,
) -> Result<Vec<Newest>, StorageError> {
    let lookback_ms = i64::try_from(lookback.as_millis()).unwrap_or(i64::MAX);
    let range = TimeRange { min: TimestampMs(now.0.saturating_sub(lookback_ms)), max: now };
    let querier = store.querier(range)?;
    let mut found: Vec<Newest> = Vec::new();
    let mut chunks = Vec::new();
    // A selector without a matcher selects nothing here, as upstream's.
    for matchers in sets.iter().filter(|set| !set.is_empty()) {
        let selected = querier.select(&Selection { matchers, sorted: true, ..Selection::default() })?;
        warnings.extend(selected.warnings());
        for i in 0..selected.series().len() {
            if let Some((t, v)) = newest_of(&*selected, i, range, &mut chunks)? {
                found.push(Newest { labels: selected.series()[i].labels.clone(), t, v });
            }
        }
    }
    found.sort_by(|a, b| a.labels.cmp(&b.labels));
    found.dedup_by(|a, b| a.labels == b.labels);
    found.retain(|one| !is_stale_nan(one.v));
    Ok(found)
}

/// Returns the newest sample of the `i`-th series within `range`. Native histograms have no place in the text format; where
/// one is the newest, there is no sample.
fn newest_of(
    selected: &dyn Selected,
    i: usize,
    range: TimeRange,
    chunks: &mut Vec<ChunkView>,
) -> Result<Option<(TimestampMs, f64)>, StorageError> {
    let series = selected.series()[i].series;
    chunks.clear();
    selected.chunks(i, chunks)?;
    let mut best: Option<(TimestampMs, Option<f64>)> = None;
    for chunk in chunks.iter().filter(|chunk| chunk.max >= range.min && chunk.min <= range.max) {
        let bad = |e: ChunkError| StorageError::BadChunk { series: series.0, what: e.to_string() };
        let mut reader = SampleReader::of(chunk).map_err(bad)?;
        while let Some((times, kind)) = reader.advance().map_err(bad)? {
            // Of samples at one moment in several chunks, the first chunk's counts.
            if times.t >= range.min && times.t <= range.max && best.is_none_or(|(t, _)| t < times.t) {
                let value = match kind {
                    SampleKind::Float(v) => Some(v),
                    SampleKind::Histogram | SampleKind::FloatHistogram => None,
                };
                best = Some((times.t, value));
            }
        }
    }
    Ok(best.and_then(|(t, v)| Some((t, v?))))
}

fn write(mut found: Vec<Newest>, external: &Labels, escaping: Escaping) -> Vec<u8> {
    // By name alone; within a name the order of labels stays.
    found.sort_by(|a, b| a.labels.metric_name().cmp(b.labels.metric_name()));
    let mut outside: Vec<(&str, &str)> = external.iter().collect();
    if !outside.iter().any(|(name, _)| *name == "instance") {
        // Upstream: without it, the scraping server would put its own there.
        outside.push(("instance", ""));
        outside.sort_unstable();
    }
    let mut out = Vec::new();
    let (mut last, mut name) = (None, String::new());
    let mut pairs: Vec<(String, &str)> = Vec::new();
    for one in &found {
        let metric = one.labels.metric_name();
        if metric.is_empty() {
            warn!(component = "web", metric = %one.labels, "Ignoring nameless metric during federation");
            continue;
        }
        if last != Some(metric) {
            last = Some(metric);
            name.clear();
            escaping.push_name(&mut name, metric);
            push_text_type(&mut out, &name, "untyped");
        }
        pairs.clear();
        let own = one.labels.iter().filter(|(label, _)| *label != METRIC_NAME);
        let added = outside.iter().copied().filter(|(label, _)| one.labels.get(label).is_none());
        for (label, value) in own.chain(added) {
            let mut escaped = String::with_capacity(label.len());
            escaping.push_name(&mut escaped, label);
            pairs.push((escaped, value));
        }
        push_text_sample(&mut out, &name, pairs.iter().map(|(n, v)| (n.as_str(), *v)), one.v, Some(one.t.0));
    }
    out
}
