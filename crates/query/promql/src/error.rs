//! How a query fails, in upstream's words (`promql/engine.go`).

use firesteel_storage::StorageError;

/// A query gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The expression cannot be run in this way (HTTP 400, `bad_data`); the parser's own errors come from promql-syntax.
    #[error("{0}")]
    Parse(String),
    /// The time allowed is over (HTTP 503, `timeout`).
    #[error("query timed out in {0}")]
    Timeout(&'static str),
    /// Somebody raised the cancel flag (HTTP 499, `canceled`).
    #[error("query was canceled in {0}")]
    Canceled(&'static str),
    /// More samples than `max_samples` would be held at once (HTTP 422, `execution`).
    #[error("query processing would load too many samples into memory in query execution")]
    TooManySamples,
    /// The data does not permit the operation (HTTP 422, `execution`).
    #[error("{0}")]
    Execution(String),
    /// A part of the language or a kind of sample that this engine does not evaluate yet (HTTP 422, `execution`).
    #[error("cannot evaluate {0} yet")]
    Unsupported(String),
    /// The store failed (HTTP 500, `internal`).
    #[error("expanding series: {0}")]
    Storage(#[from] StorageError),
}

impl QueryError {
    /// Says plainly what is missing.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self::Unsupported(what.to_owned())
    }
}
