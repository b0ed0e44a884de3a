//! `/status/…`: configuration, flags, build, runtime, database.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_base::TimestampMs;
use firesteel_cli::version;
use firesteel_go_compat::Instant;
use http::StatusCode;

use crate::params::Params;
use crate::respond::{plain, success};
use crate::state::on_thread;
use crate::{Api, ApiError, Json};

/// Upstream's bound on `limit`.
const MAX_ROWS: i64 = 10_000;

pub(crate) async fn config(State(api): State<Arc<Api>>) -> Response {
    let yaml = api.status.config_yaml();
    success(&[], |json| {
        json.raw(r#"{"yaml":"#).string(&yaml).raw("}");
    })
}

pub(crate) async fn flags(State(api): State<Arc<Api>>) -> Response {
    let mut flags = api.status.flags();
    // A Go map, whose keys its encoder sorts.
    flags.sort_unstable_by_key(|(name, _)| *name);
    success(&[], |json| {
        json.raw("{");
        for (i, (name, value)) in flags.iter().enumerate() {
            json.raw(if i > 0 { "," } else { "" }).string(name).raw(":").string(value);
        }
        json.raw("}");
    })
}

fn push_build(json: &mut Json) {
    let version = version();
    json.raw(r#"{"version":"#).string(version.compatible).raw(r#","revision":"#).string(version.revision);
    json.raw(r#","branch":"#).string(version.branch).raw(r#","buildUser":"#).string(version.build_user);
    json.raw(r#","buildDate":"#).string(version.build_date).raw(r#","goVersion":"#).string(version.compiler);
    json.raw("}");
}

pub(crate) async fn build() -> Response {
    success(&[], push_build)
}

/// `/version`: the same without the envelope.
pub(crate) async fn bare_build() -> Response {
    let mut json = Json::default();
    push_build(&mut json);
    json.raw("\n");
    // Upstream sets no type here, and Go guesses from the text.
    plain(StatusCode::OK, json.0)
}

pub(crate) async fn runtime(State(api): State<Arc<Api>>) -> Response {
    let info = api.status.runtime();
    let TimestampMs(now) = api.clock.now();
    let variable = |name| std::env::var(name).unwrap_or_default();
    success(&[], |json| {
        json.raw(r#"{"startTime":"#).string(&info.start_time.to_rfc3339_nano());
        json.raw(r#","CWD":"#).string(&info.cwd).raw(r#","hostname":"#).string(&info.hostname);
        json.raw(r#","serverTime":"#).string(&Instant::from_unix_ms(now).to_rfc3339_nano());
        json.raw(r#","reloadConfigSuccess":"#).bool(info.reload_success);
        if let Some(why) = &info.reload_error {
            // Ours, and only while there is something to say.
            json.raw(r#","reloadConfigError":"#).string(why);
        }
        json.raw(r#","lastConfigTime":"#).string(&info.last_config_time.to_rfc3339());
        json.raw(r#","corruptionCount":"#).int(info.corruption_count);
        json.raw(r#","goroutineCount":"#).int(info.threads).raw(r#","GOMAXPROCS":"#).int(info.max_threads);
        json.raw(r#","GOMEMLIMIT":"#).int(info.memory_limit).raw(r#","GOGC":"#).string(&info.gogc.to_string());
        json.raw(r#","GODEBUG":"#).string(&variable("GODEBUG"));
        json.raw(r#","storageRetention":"#).string(&info.retention).raw("}");
    })
}

pub(crate) async fn tsdb(State(api): State<Arc<Api>>, params: Params) -> Response {
    tsdb_status(api, params).await.unwrap_or_else(ApiError::into_response)
}

async fn tsdb_status(api: Arc<Api>, params: Params) -> Result<Response, ApiError> {
    let limit = match params.count("limit") {
        Ok(None) => 10,
        Ok(Some(n)) if n > MAX_ROWS => return Err(ApiError::BadData(format!("limit must not exceed {MAX_ROWS}"))),
        Ok(Some(n)) if n >= 1 => n as usize,
        _ => return Err(ApiError::BadData("limit must be a positive number".to_owned())),
    };
    let status = on_thread(move || api.status.tsdb(limit)).await?;
    Ok(success(&[], |json| {
        json.raw(r#"{"headStats":{"numSeries":"#).int(status.series as i64);
        json.raw(r#","numLabelPairs":"#).int(status.label_pairs as i64);
        json.raw(r#","chunkCount":"#).int(status.chunks);
        json.raw(r#","minTime":"#).int(status.min_time.0);
        json.raw(r#","maxTime":"#).int(status.max_time.0).raw("}");
        for (name, rows) in [
            ("seriesCountByMetricName", &status.series_by_metric),
            ("labelValueCountByLabelName", &status.values_by_label),
            ("memoryInBytesByLabelName", &status.bytes_by_label),
            ("seriesCountByLabelValuePair", &status.series_by_pair),
        ] {
            json.raw(",").string(name).raw(":").list(rows, |json, (name, value)| {
                json.raw(r#"{"name":"#).string(name).raw(r#","value":"#).int(*value as i64).raw("}");
            });
        }
        if let Some(growth) = &status.growth {
            json.raw(r#","seriesLimit":{"limit":"#).int(growth.limit as i64).raw(r#","refusedSeriesByJob":"#);
            json.list(&growth.refused, |json, (name, value)| {
                json.raw(r#"{"name":"#).string(name).raw(r#","value":"#).int(*value as i64).raw("}");
            });
            json.raw("}");
        }
        json.raw("}");
    }))
}

pub(crate) async fn blocks(State(api): State<Arc<Api>>) -> Response {
    let listed = on_thread(move || api.status.blocks()).await;
    match listed.and_then(|blocks| blocks.map_err(|e| ApiError::Internal(format!("error getting block metadata: {e}"))))
    {
        Ok(blocks) => success(&[], |json| {
            json.raw(r#"{"blocks":"#).raw(&blocks).raw("}");
        }),
        Err(e) => e.into_response(),
    }
}

/// Served before the server is ready, which is when it is of use.
pub(crate) async fn wal_replay(State(api): State<Arc<Api>>) -> Response {
    let [min, max, current] = api.status.wal_replay();
    success(&[], |json| {
        json.raw(&format!(r#"{{"min":{min},"max":{max},"current":{current}}}"#));
    })
}
