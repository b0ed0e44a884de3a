//! `/query_exemplars`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_base::TimeRange;
use firesteel_go_compat::{FloatForm, push_float, push_timestamp_ms};
use firesteel_model::Matcher;
use firesteel_promql_syntax::parse;
use firesteel_storage::SeriesExemplars;
use http::StatusCode;

use crate::params::Params;
use crate::respond::success;
use crate::state::on_thread;
use crate::{Api, ApiError, Json};

pub(crate) async fn exemplars(State(api): State<Arc<Api>>, params: Params) -> Response {
    find(api, params).await.unwrap_or_else(ApiError::into_response)
}

async fn find(api: Arc<Api>, params: Params) -> Result<Response, ApiError> {
    let min = params.time_or("start", TimeRange::ALL.min)?;
    let max = params.time_or("end", TimeRange::ALL.max)?;
    if max < min {
        return Err(ApiError::BadData("end timestamp must not be before start timestamp".to_owned()));
    }
    let expr = parse(params.value("query"), api.options.parser).map_err(|e| ApiError::BadData(e.to_string()))?;
    let selectors: Vec<Vec<Matcher>> = expr.selectors().into_iter().map(<[Matcher]>::to_vec).collect();
    if selectors.is_empty() {
        // upstream: no content at all, not an empty list (web/api/v1/api.go, 3.14).
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let store = api.exemplars.clone();
    on_thread(move || {
        let sets: Vec<&[Matcher]> = selectors.iter().map(Vec::as_slice).collect();
        let found = store.exemplars(TimeRange { min, max }, &sets);
        Ok(success(&[], |json| write(json, &found)))
    })
    .await?
}

fn write(json: &mut Json, found: &[SeriesExemplars]) {
    json.list(found, |json, series| {
        json.raw(r#"{"seriesLabels":"#).labels(&series.labels).raw(r#","exemplars":"#);
        json.list(&series.exemplars, |json, e| {
            json.raw(r#"{"labels":"#).labels(&e.labels).raw(r#","value":""#);
            push_float(&mut json.0, e.v, FloatForm::Json);
            json.raw(r#"","timestamp":"#);
            push_timestamp_ms(&mut json.0, e.t.0);
            json.raw("}");
        });
        json.raw("}");
    });
}

#[cfg(test)]
mod tests {
    use firesteel_base::TimestampMs;
    use firesteel_model::{Labels, SeriesRef};
    use firesteel_storage::Exemplar;

    use super::*;

    #[test]
    fn written_as_upstream_writes_them() {
        let one = |t, v| Exemplar {
            series: SeriesRef(1),
            labels: Labels::from_pairs([("trace_id", "<a>")]),
            t: TimestampMs(t),
            v,
            timestamped: true,
        };
        let labels = Labels::from_pairs([("__name__", "m"), ("job", "x")]);
        let found = [SeriesExemplars { labels, exemplars: vec![one(1_600_096_945_479, 6.0), one(1000, f64::NAN)] }];
        let mut json = Json::default();
        write(&mut json, &found);
        assert_eq!(
            String::from_utf8_lossy(&json.0),
            r#"[{"seriesLabels":{"__name__":"m","job":"x"},"exemplars":[{"labels":{"trace_id":"<a>"},"value":"6","timestamp":1600096945.479},{"labels":{"trace_id":"<a>"},"value":"NaN","timestamp":1}]}]"#
        );
    }
}
