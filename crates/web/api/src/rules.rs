//! `/rules`, `/alerts`: this server evaluates no rules yet, and says so by empty lists.

use axum::response::{IntoResponse as _, Response};
use firesteel_go_compat::quote;

use crate::ApiError;
use crate::params::Params;
use crate::respond::success;

pub(crate) async fn rules(params: Params) -> Response {
    if let Err(e) = params.whole_form() {
        return e.into_response();
    }
    let kind = params.url_value("type").to_lowercase();
    if !matches!(kind.as_str(), "" | "alert" | "record") {
        return ApiError::parameter("type", format_args!("not supported value {}", quote(&kind))).into_response();
    }
    if let Err(e) = params.matcher_sets() {
        return ApiError::BadData(e).into_response();
    }
    if let Err(e) = paging(&params) {
        return e.into_response();
    }
    success(&[], |json| {
        json.raw(r#"{"groups":[]}"#);
    })
}

/// Checks the parameters that leave rules or groups out.
fn paging(params: &Params) -> Result<(), ApiError> {
    let exclude = params.url_value("exclude_alerts").to_owned();
    if !matches!(
        exclude.as_str(),
        "" | "1" | "t" | "T" | "TRUE" | "true" | "True" | "0" | "f" | "F" | "FALSE" | "false" | "False"
    ) {
        let why = format!("strconv.ParseBool: parsing {}: invalid syntax", quote(&exclude));
        return Err(ApiError::parameter("exclude_alerts", format_args!("error converting exclude_alerts: {why}")));
    }
    let limit = params.url_value("group_limit");
    if limit.is_empty() {
        return if params.url_value("group_next_token").is_empty() {
            Ok(())
        } else {
            let why = "group_limit needs to be present in order to paginate over the groups";
            Err(ApiError::parameter("group_next_token", why))
        };
    }
    match limit.parse::<i32>() {
        Ok(n) if n > 0 => Ok(()),
        Ok(_) => Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0")),
        Err(e) => {
            use std::num::IntErrorKind::{NegOverflow, PosOverflow};
            let out = matches!(e.kind(), PosOverflow | NegOverflow);
            let what = if out { "value out of range" } else { "invalid syntax" };
            let why = format!("strconv.ParseInt: parsing {}: {what}", quote(limit));
            Err(ApiError::parameter("group_limit", format_args!("group_limit needs to be a valid number: {why}")))
        }
    }
}

pub(crate) async fn alerts() -> Response {
    success(&[], |json| {
        json.raw(r#"{"alerts":[]}"#);
    })
}
