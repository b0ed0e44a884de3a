//! Why targets could not be found.

use firesteel_net::client::{ClientError, RequestError};

/// A provider cannot be built, or could not find its targets this time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Request(#[from] RequestError),
    /// Another status than the one that was hoped for, in the words of the kind.
    #[error("{0}")]
    Status(String),
    /// An answer that cannot be read, with what is wrong and where.
    #[error("{0}")]
    Answer(String),
    /// The answer is longer than [`crate::fetch::BODY_BYTES_MAX`].
    #[error("answer of {url} is longer than {limit} bytes")]
    TooLong { url: String, limit: usize },
    #[error("context deadline exceeded")]
    Deadline,
    /// Anything else, in the words of the kind.
    #[error("{0}")]
    Other(String),
}
