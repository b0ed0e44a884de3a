//! `/series`, `/labels` and `/label/<name>/values`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_go_compat::quote;
use firesteel_model::{Labels, Matcher};
use firesteel_storage::{Querier, Selection, StorageError};
use http::Uri;

use crate::label_name::unescape;
use crate::params::Params;
use crate::respond::{TRUNCATED, success};
use crate::state::on_thread;
use crate::{Api, ApiError};

pub(crate) async fn series(State(api): State<Arc<Api>>, params: Params) -> Response {
    find_series(api, params).await.unwrap_or_else(ApiError::into_response)
}

async fn find_series(api: Arc<Api>, params: Params) -> Result<Response, ApiError> {
    params.whole_form()?;
    if params.values("match[]").next().is_none() {
        return Err(ApiError::BadData("no match[] parameter provided".to_owned()));
    }
    let limit = params.limit()?;
    let range = params.range()?;
    let sets = params.matcher_sets().map_err(|e| ApiError::parameter("match[]", e))?;
    let store = api.store.clone();
    on_thread(move || {
        let querier = store.querier(range)?;
        let mut warnings = Vec::new();
        let mut found: Vec<Labels> = Vec::new();
        let several = sets.len() > 1;
        for matchers in &sets {
            // One more than wanted tells whether there was more.
            let what = Selection { matchers, limit: ask(limit), sorted: several, ..Selection::default() };
            let selected = querier.select(&what)?;
            warnings.extend(selected.warnings());
            found.extend(selected.series().iter().map(|entry| entry.labels.clone()));
        }
        if several {
            found.sort();
            found.dedup();
        }
        cut(&mut found, limit, &mut warnings);
        Ok(success(&warnings, |json| {
            json.list(&found, |json, labels| {
                json.labels(labels);
            });
        }))
    })
    .await?
}

pub(crate) async fn names(State(api): State<Arc<Api>>, params: Params) -> Response {
    collect(api, params, |querier, what| querier.label_names(what)).await.unwrap_or_else(ApiError::into_response)
}

pub(crate) async fn values(State(api): State<Arc<Api>>, uri: Uri, params: Params) -> Response {
    // Taken from the path by hand: a name that is not UTF-8 gets the API's own refusal.
    let name = uri.path().strip_suffix("/values").and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let name: Vec<u8> = percent_encoding::percent_decode_str(name).collect();
    let name = match String::from_utf8(name).map(|name| unescape(&name)) {
        Ok(name) if !name.is_empty() => name,
        refused => {
            let bytes = refused.map_or_else(std::string::FromUtf8Error::into_bytes, String::into_bytes);
            return ApiError::BadData(format!("invalid label name: {}", quote(&bytes))).into_response();
        }
    };
    collect(api, params, move |querier, what| querier.label_values(&name, what))
        .await
        .unwrap_or_else(ApiError::into_response)
}

type Found = Result<Vec<Arc<str>>, StorageError>;

async fn collect(
    api: Arc<Api>,
    params: Params,
    ask_one: impl Fn(&dyn Querier, &Selection<'_>) -> Found + Send + 'static,
) -> Result<Response, ApiError> {
    let limit = params.limit()?;
    let range = params.range()?;
    let sets = params.matcher_sets().map_err(ApiError::BadData)?;
    let store = api.store.clone();
    on_thread(move || {
        let querier = store.querier(range)?;
        let of = |matchers: &[Matcher]| {
            ask_one(&*querier, &Selection { matchers, limit: ask(limit), ..Selection::default() })
        };
        let mut found = match &sets[..] {
            [] => of(&[])?,
            [one] => of(one)?,
            several => {
                let mut all = BTreeSet::new();
                for matchers in several {
                    all.extend(of(matchers)?);
                }
                all.into_iter().collect()
            }
        };
        let mut warnings = Vec::new();
        cut(&mut found, limit, &mut warnings);
        Ok(success(&warnings, |json| {
            json.list(&found, |json, text| {
                json.string(text);
            });
        }))
    })
    .await?
}

fn ask(limit: usize) -> usize {
    if limit == 0 { 0 } else { limit.saturating_add(1) }
}

fn cut<T>(found: &mut Vec<T>, limit: usize, warnings: &mut Vec<String>) {
    if limit > 0 && found.len() > limit {
        found.truncate(limit);
        warnings.push(TRUNCATED.to_owned());
    }
}
