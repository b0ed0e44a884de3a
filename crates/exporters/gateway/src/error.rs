//! Why something is refused. The texts of pushes are upstream's (pushgateway 1.11, `handler/push.go`).

use std::io;
use std::path::PathBuf;

use firesteel_expfmt::{ProtobufFamiliesError, TextFamiliesError};

/// A path does not name a group.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    #[error("invalid base64 encoding in job name {}: {why}", firesteel_go_compat::quote(job))]
    JobBase64 { job: String, why: String },
    #[error("odd number of components in label string {}", firesteel_go_compat::quote(labels))]
    Odd { labels: String },
    #[error("improper label name {}", firesteel_go_compat::quote(name))]
    LabelName { name: String },
    #[error("invalid base64 encoding for label {name}={}: {why}", firesteel_go_compat::quote(value))]
    LabelBase64 { name: String, value: String, why: String },
    #[error("job name is required")]
    NoJob,
}

/// A push is refused.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    #[error(transparent)]
    Text(#[from] TextFamiliesError),
    #[error(transparent)]
    Protobuf(#[from] ProtobufFamiliesError),
    /// The body can be read, but what it says does not fit. The group notes that a push failed.
    #[error("pushed metrics are invalid or inconsistent with existing metrics: {0}")]
    Inconsistent(String),
}

/// The file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: not a file of pushed metrics: {why} at byte {at}", path.display())]
    Format { path: PathBuf, why: &'static str, at: usize },
}
