//! How a request fails: upstream's `errorType` words, codes and texts.

use axum::response::{IntoResponse, Response};
use firesteel_go_compat::quote;
use firesteel_promql::QueryError;
use firesteel_storage::StorageError;
use http::StatusCode;

use crate::detail::Detail;
use crate::respond::json_response;
use crate::{Api, Json};

/// A request that gets no data.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApiError {
    /// The request is wrong (400).
    #[error("{0}")]
    BadData(String),
    /// The query cannot be answered from the data (422).
    #[error("{0}")]
    Execution(String),
    /// The client went away or cancelled (499).
    #[error("{0}")]
    Canceled(String),
    /// It took too long (503).
    #[error("{0}")]
    Timeout(String),
    /// The server failed (500).
    #[error("{0}")]
    Internal(String),
    /// What is asked for is switched off or not ready (500).
    #[error("{0}")]
    Unavailable(String),
    /// There is no such thing (404).
    #[error("{0}")]
    NotFound(String),
    /// Any of these, with what we have to say beside upstream's words.
    #[error("{0}")]
    Detailed(Box<Self>, Box<Detail>),
}

impl ApiError {
    /// Returns `invalid parameter "x": reason`.
    pub fn parameter(name: &str, why: impl std::fmt::Display) -> Self {
        Self::BadData(format!("invalid parameter {}: {why}", quote(name)))
    }

    /// Adds numbers of this server to what is said beside upstream's text.
    #[must_use]
    pub(crate) fn counted(mut self, api: &Api) -> Self {
        if let Self::Detailed(_, detail) = &mut self {
            detail.count(|| api.status.series());
        }
        self
    }

    /// Returns the error with our advice beside it.
    pub(crate) fn with(self, detail: Option<Detail>) -> Self {
        match detail {
            Some(detail) => Self::Detailed(Box::new(self), Box::new(detail)),
            None => self,
        }
    }

    fn kind(&self) -> (&'static str, StatusCode) {
        match self {
            Self::BadData(_) => ("bad_data", StatusCode::BAD_REQUEST),
            Self::Execution(_) => ("execution", StatusCode::UNPROCESSABLE_ENTITY),
            // nginx' code for a client that closed the connection; hyper knows no name for it.
            Self::Canceled(_) => ("canceled", StatusCode::from_u16(499).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)),
            Self::Timeout(_) => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal(_) => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unavailable(_) => ("unavailable", StatusCode::INTERNAL_SERVER_ERROR),
            Self::NotFound(_) => ("not_found", StatusCode::NOT_FOUND),
            Self::Detailed(error, _) => error.kind(),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let text = error.to_string();
        match error {
            QueryError::Parse(_) => Self::parameter("query", text),
            QueryError::Timeout(_) => Self::Timeout(text),
            QueryError::Canceled(_) => Self::Canceled(text),
            QueryError::Storage(StorageError::Closed) => Self::Unavailable(StorageError::Closed.to_string()),
            _ => Self::Execution(text),
        }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Closed => Self::Unavailable(error.to_string()),
            _ => Self::Execution(error.to_string()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (kind, code) = self.kind();
        let mut json = Json::default();
        json.raw(r#"{"status":"error","errorType":"#).string(kind).raw(r#","error":"#).string(&self.to_string());
        if let Self::Detailed(_, detail) = &self {
            detail.push(json.raw(r#","detail":"#));
        }
        json.raw("}");
        json_response(code, json.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of storage that fails in the middle of a query 3.14 says `execution` with 422; `internal` only comes from storages that
    /// ask for it, and its own does not (`web/api/v1/api.go`).
    #[test]
    fn storage_that_fails_under_a_query_is_an_execution_error() {
        let broken = StorageError::NotDurable { why: "any fault will do".to_owned() };
        let error = ApiError::from(QueryError::Storage(broken));
        assert_eq!(error.kind(), ("execution", StatusCode::UNPROCESSABLE_ENTITY));
        let closed = ApiError::from(QueryError::Storage(StorageError::Closed));
        assert_eq!(closed.kind(), ("unavailable", StatusCode::INTERNAL_SERVER_ERROR));
    }
}
