//! How a query fails, in upstream's words (`promql/engine.go`).

use std::fmt;

use firesteel_promql_syntax::Span;
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
    /// More bytes than the limits allow would be held at once (HTTP 422, `execution`). Ours.
    #[error("{0}")]
    OverBudget(Box<OverBudget>),
    /// The data does not permit the operation (HTTP 422, `execution`).
    #[error("{0}")]
    Execution(String),
    /// The same with the place of the operation in the query.
    #[error("{text}")]
    ExecutionAt { text: String, span: Span },
    /// A part of the language or a kind of sample that this engine does not evaluate yet (HTTP 422, `execution`).
    #[error("cannot evaluate {0} yet")]
    Unsupported(String),
    /// The store failed (HTTP 422, `execution`).
    #[error("expanding series: {0}")]
    Storage(#[from] StorageError),
}

impl QueryError {
    /// Returns the error with its place, unless it has one.
    pub(crate) fn at(self, span: Span) -> Self {
        match self {
            Self::Execution(text) => Self::ExecutionAt { text, span },
            other => other,
        }
    }

    /// Says plainly what is missing.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self::Unsupported(what.to_owned())
    }
}

/// Which limit on memory was met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// That of one query.
    Query,
    /// That of all queries together; this one is the largest.
    All,
}

/// A query wanted more memory than there is for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OverBudget {
    pub scope: Scope,
    pub limit: u64,
    /// What the query held.
    pub held: u64,
    /// What it asked for then; 0 when it was told to end because others asked.
    pub wanted: u64,
    /// What most of it was for.
    pub dearest: Option<Dearest>,
}

/// The part of a query that most memory is held for: a selector, if there is any.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dearest {
    pub text: String,
    pub span: Span,
    /// Counted from 1; the column in bytes.
    pub line: usize,
    pub column: usize,
    pub bytes: u64,
}

impl fmt::Display for OverBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = MiB(self.limit);
        match self.scope {
            Scope::Query => write!(f, "query needs more memory than one query may have ({limit})")?,
            Scope::All => {
                write!(f, "query is the largest while all together need more memory than they may have ({limit})")?;
            }
        }
        if let Some(Dearest { text, line, column, bytes, .. }) = &self.dearest {
            write!(f, "; it is the selection {text} at {line}:{column} that costs most ({})", MiB(*bytes))?;
        }
        f.write_str(": select fewer series, shorten the range, or widen the step")
    }
}

/// Bytes as people read them.
struct MiB(u64);

impl fmt::Display for MiB {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}
