//! `/metadata` and `/targets/metadata`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_model::{Labels, MetricType};
use firesteel_promql_syntax::parse_metric_selector;

use crate::params::Params;
use crate::respond::success;
use crate::{Api, ApiError};

/// Type, help and unit.
type About = (MetricType, String, String);

pub(crate) async fn metrics(State(api): State<Arc<Api>>, params: Params) -> Response {
    of_metrics(&api, &params).unwrap_or_else(ApiError::into_response)
}

fn of_metrics(api: &Api, params: &Params) -> Result<Response, ApiError> {
    let limit = params.count("limit")?.and_then(|n| usize::try_from(n).ok());
    let per_metric = params.count("limit_per_metric")?.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    let metric = params.value("metric");
    let mut families: indexmap::IndexMap<String, Vec<About>> = indexmap::IndexMap::new();
    api.targets.metadata(&mut |_, about| {
        if !metric.is_empty() && metric != about.family {
            return;
        }
        if !families.contains_key(about.family) {
            families.insert(about.family.to_owned(), Vec::new());
        }
        let Some(known) = families.get_mut(about.family) else { return };
        let same = |k: &About| k.0 == about.metric_type && k.1 == about.help && k.2 == about.unit;
        if per_metric.is_none_or(|n| known.len() < n) && !known.iter().any(same) {
            known.push((about.metric_type, about.help.to_owned(), about.unit.to_owned()));
        }
    });
    families.sort_keys();
    families.truncate(limit.unwrap_or(usize::MAX));
    Ok(success(&[], |json| {
        json.raw("{");
        for (i, (name, known)) in families.iter().enumerate() {
            json.raw(if i > 0 { "," } else { "" }).string(name).raw(":");
            json.list(known, |json, (metric_type, help, unit)| {
                json.raw(r#"{"type":"#).string(metric_type.as_str()).raw(r#","unit":"#).string(unit);
                json.raw(r#","help":"#).string(help).raw("}");
            });
        }
        json.raw("}");
    }))
}

pub(crate) async fn targets(State(api): State<Arc<Api>>, params: Params) -> Response {
    of_targets(&api, &params).unwrap_or_else(ApiError::into_response)
}

fn of_targets(api: &Api, params: &Params) -> Result<Response, ApiError> {
    let limit = params.count("limit")?.and_then(|n| usize::try_from(n).ok());
    let matchers = match params.value("match_target") {
        "" => Vec::new(),
        text => parse_metric_selector(text).map_err(|e| ApiError::parameter("match_target", e))?,
    };
    let metric = params.value("metric");
    let mut rows: Vec<(Labels, String, About)> = Vec::new();
    let mut current = Labels::empty();
    let mut full = false;
    api.targets.metadata(&mut |labels, about| {
        // Upstream looks at the limit between targets only, so that the last one comes whole.
        if current != *labels {
            current = labels.clone();
            full = limit.is_some_and(|n| rows.len() >= n);
        }
        let wanted = metric.is_empty() || metric == about.family;
        if full || !wanted || !matchers.iter().all(|m| m.matches(labels.value(m.name()))) {
            return;
        }
        let about_metric = (about.metric_type, about.help.to_owned(), about.unit.to_owned());
        rows.push((labels.clone(), about.family.to_owned(), about_metric));
    });
    Ok(success(&[], |json| {
        json.list(&rows, |json, (labels, family, (metric_type, help, unit))| {
            json.raw(r#"{"target":"#).labels(labels);
            // The name is left out when it was asked for.
            if metric.is_empty() {
                json.raw(r#","metric":"#).string(family);
            }
            json.raw(r#","type":"#).string(metric_type.as_str()).raw(r#","help":"#).string(help);
            json.raw(r#","unit":"#).string(unit).raw("}");
        });
    }))
}
