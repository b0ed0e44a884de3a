//! Parameters of a request: from the query string and, for POST, from a form in the body, which comes first.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::response::Response;
use firesteel_base::{TimeRange, TimestampMs};
use firesteel_go_compat::{atoi, parse_api_duration_ns, parse_api_time};
use firesteel_model::Matcher;
use firesteel_net::server::ClientAddress;
use firesteel_promql::QueryOrigin;
use firesteel_promql_syntax::parse_metric_selector;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

use crate::ApiError;
use crate::form::parse_query;
use crate::respond::plain;

/// Go's bound on forms (`net/http`, `defaultMaxMemory` of `ParseForm`).
const MAX_FORM_BYTES: usize = 10 << 20;

/// The pairs of a request, in the order in which Go would find them.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// Where those of the query string begin.
    url_from: usize,
    /// Who asks.
    pub(crate) origin: QueryOrigin,
    /// Why Go's `ParseForm` would have complained.
    fault: Option<String>,
}

impl<S: Sync> FromRequest<S> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let is_form = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH)
            && parts
                .headers
                .get(CONTENT_TYPE)
                .and_then(|v| v.to_str().ok())
                .is_some_and(|t| t.split(';').next().unwrap_or("").trim() == "application/x-www-form-urlencoded");
        let (mut pairs, mut fault) = (Vec::new(), None);
        if is_form {
            let bytes = to_bytes(body, MAX_FORM_BYTES).await;
            let bytes = bytes.map_err(|_| plain(StatusCode::BAD_REQUEST, "http: request body too large\n"))?;
            fault = parse_query(&bytes, &mut pairs);
        }
        let url_from = pairs.len();
        let of_url = parse_query(parts.uri.query().unwrap_or("").as_bytes(), &mut pairs);
        let client = parts.extensions.get::<ClientAddress>().map(|client| client.0.ip().to_string());
        let path = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |original| original.0.path());
        let origin = QueryOrigin::Http {
            client_ip: client.unwrap_or_default(),
            method: parts.method.to_string(),
            path: path.to_owned(),
        };
        Ok(Self { pairs, url_from, fault: fault.or(of_url), origin })
    }
}

impl Params {
    #[cfg(test)]
    pub(crate) fn of_query(query: &str) -> Self {
        let mut params = Self::default();
        params.fault = parse_query(query.as_bytes(), &mut params.pairs);
        params
    }

    /// Returns why a part of the parameters could not be read.
    pub(crate) fn form_fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// Errors when a part of the parameters could not be read, for handlers of upstream that look at it.
    pub(crate) fn whole_form(&self) -> Result<(), ApiError> {
        let fault = self.form_fault().map(|why| ApiError::BadData(format!("error parsing form values: {why}")));
        fault.map_or(Ok(()), Err)
    }

    /// Returns the first value, or the empty string (Go's `FormValue`).
    pub(crate) fn value(&self, name: &str) -> &str {
        self.pairs.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }

    /// Returns the first value of the query string alone, or the empty string.
    pub(crate) fn url_value(&self, name: &str) -> &str {
        self.pairs[self.url_from..].iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str())
    }

    /// Returns the pairs of the query string.
    pub(crate) fn url_pairs(&self) -> &[(String, String)] {
        &self.pairs[self.url_from..]
    }

    /// Returns all values.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// Returns a time that must be given.
    pub(crate) fn time(&self, name: &str) -> Result<TimestampMs, ApiError> {
        let instant = parse_api_time(self.value(name)).map_err(|e| ApiError::parameter(name, e))?;
        Ok(TimestampMs(instant.unix_ms()))
    }

    /// Returns a time, or `otherwise` when it is not given.
    pub(crate) fn time_or(&self, name: &str, otherwise: TimestampMs) -> Result<TimestampMs, ApiError> {
        let text = self.value(name);
        if text.is_empty() {
            return Ok(otherwise);
        }
        let instant = parse_api_time(text)
            .map_err(|e| ApiError::parameter(name, format_args!("invalid time value for '{name}': {e}")))?;
        Ok(TimestampMs(instant.unix_ms()))
    }

    /// Returns the range from `start` to `end`, each unbounded when not given.
    pub(crate) fn range(&self) -> Result<TimeRange, ApiError> {
        // The bounds themselves are upstream's: far outside any data, so all of time answers the same.
        let min = self.time_or("start", TimeRange::ALL.min)?;
        let max = self.time_or("end", TimeRange::ALL.max)?;
        Ok(TimeRange { min, max })
    }

    /// Returns a duration in nanoseconds, or `None` when it is not given.
    pub(crate) fn duration_ns(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.value(name) {
            "" => Ok(None),
            text => parse_api_duration_ns(text).map(Some).map_err(|e| ApiError::parameter(name, e)),
        }
    }

    /// Returns the timeout; a negative one has passed already.
    pub(crate) fn timeout(&self) -> Result<Option<Duration>, ApiError> {
        Ok(self.duration_ns("timeout")?.map(|ns| Duration::from_nanos(ns.max(0) as u64)))
    }

    /// Returns the limit on the number of results; 0 = none.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        match self.value("limit") {
            "" => Ok(0),
            text => {
                let limit = atoi(text).map_err(|e| ApiError::parameter("limit", e))?;
                usize::try_from(limit).map_err(|_| ApiError::parameter("limit", "limit must be non-negative"))
            }
        }
    }

    /// Returns a whole number, or `None` when it is not given; the error says `limit must be a number`.
    pub(crate) fn count(&self, name: &str) -> Result<Option<i64>, ApiError> {
        match self.value(name) {
            "" => Ok(None),
            text => atoi(text).map(Some).map_err(|_| ApiError::BadData(format!("{name} must be a number"))),
        }
    }

    /// Returns the selectors of `match[]`. The error is the bare reason.
    pub(crate) fn selectors(&self) -> Result<Vec<Vec<Matcher>>, String> {
        self.values("match[]").map(|text| parse_metric_selector(text).map_err(|e| e.to_string())).collect()
    }

    /// Returns the selectors of `match[]`, each with a matcher that the empty string does not satisfy. The error is the
    /// bare reason.
    pub(crate) fn matcher_sets(&self) -> Result<Vec<Vec<Matcher>>, String> {
        let sets = self.selectors()?;
        if sets.iter().any(|set| set.iter().all(Matcher::matches_empty)) {
            return Err("match[] must contain at least one non-empty matcher".to_owned());
        }
        Ok(sets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_in_upstreams_words() {
        let p = Params::of_query("limit=x&time=foo&step=y&n=z&start=2015-07-01T20:10:51.781Z&end=1.5");
        let text = |e: ApiError| e.to_string();
        assert_eq!(
            p.limit().map_err(text).expect_err("no number"),
            r#"invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax"#
        );
        assert_eq!(
            p.time_or("time", TimestampMs(0)).map_err(text).expect_err("no time"),
            r#"invalid parameter "time": invalid time value for 'time': cannot parse "foo" to a valid timestamp"#
        );
        assert_eq!(
            p.time("missing").map_err(text).expect_err("not given"),
            r#"invalid parameter "missing": cannot parse "" to a valid timestamp"#
        );
        assert_eq!(
            p.duration_ns("step").map_err(text).expect_err("no duration"),
            r#"invalid parameter "step": cannot parse "y" to a valid duration"#
        );
        assert_eq!(p.count("n").map_err(text).expect_err("no number"), "n must be a number");
        let range = p.range().expect("both times are good");
        assert_eq!((range.min.0, range.max.0), (1_435_781_451_781, 1_500));
        assert_eq!(
            Params::of_query("limit=-1").limit().map_err(text).expect_err("negative"),
            r#"invalid parameter "limit": limit must be non-negative"#
        );
    }
}
