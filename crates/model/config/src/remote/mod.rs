//! `remote_write` and `remote_read`: other storages.

mod azuread;
mod header;
mod queue;
mod read;
mod write;

pub use azuread::{AzureAdConfig, AzureCertificate, AzureManagedIdentity, AzureOAuth, AzureSdk, AzureWorkloadIdentity};
pub(crate) use header::check_headers;
pub use queue::{MetadataConfig, QueueConfig};
pub use read::RemoteReadConfig;
pub use write::{GoogleIamConfig, RemoteWriteConfig};
