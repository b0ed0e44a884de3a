//! What can go wrong with a request, in Go's words.

use std::io;

use firesteel_go_compat::quote;

/// A client cannot be built from its configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    #[error("unable to read {what}: unable to read file {path}: open {path}: {}", go_io(source))]
    File { what: &'static str, path: String, source: io::Error },
    #[error("unable to use specified CA cert {0}")]
    CaCert(String),
    #[error("unable to use specified client cert ({cert}) & key ({key}): {why}")]
    ClientCert { cert: String, key: String, why: String },
    #[error("tls_config.max_version must be greater than or equal to tls_config.min_version if both are specified")]
    TlsVersions,
    #[error("tls: {0}")]
    Tls(String),
    #[error("cannot use secret ref without manager")]
    SecretReference,
    #[error("parse proxy_url: {0}")]
    ProxyUrl(String),
    #[error("invalid header {0}")]
    Header(String),
}

/// A request failed: Go's `url.Error`.
#[derive(Debug, thiserror::Error)]
#[error("{method} {}: {fault}", quote(url))]
pub struct RequestError {
    /// `Get`, `Post`.
    pub method: &'static str,
    /// Without a password.
    pub url: String,
    pub fault: RequestFault,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestFault {
    #[error("dial {network} {address}: connect: {}", go_io(source))]
    Dial { network: &'static str, address: String, source: io::Error },
    #[error("dial tcp: lookup {host}: no such host")]
    Lookup { host: String },
    #[error("tls: {0}")]
    Tls(String),
    #[error("http: server gave HTTP response to HTTPS client")]
    NotTls,
    #[error("{0}")]
    Proxy(String),
    #[error("unsupported protocol scheme {}", quote(.0))]
    Scheme(String),
    #[error("stopped after 10 redirects")]
    Redirects,
    #[error("{status} response missing Location header")]
    NoLocation { status: u16 },
    #[error("failed to parse Location header {}: {why}", quote(location))]
    BadLocation { location: String, why: String },
    #[error("context deadline exceeded")]
    Deadline,
    #[error("EOF")]
    Eof,
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("{0}")]
    Other(String),
}

/// A request got no whole answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("body size limit exceeded")]
    BodyLimit,
    /// The deadline passed while the body was read.
    #[error("context deadline exceeded")]
    BodyDeadline,
    #[error("{0}")]
    Body(String),
}

/// Returns an I/O error as Go prints the system's.
pub fn go_io(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".into(),
        io::ErrorKind::NotFound => "no such file or directory".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::HostUnreachable => "no route to host".into(),
        io::ErrorKind::NetworkUnreachable => "network is unreachable".into(),
        io::ErrorKind::TimedOut => "connection timed out".into(),
        io::ErrorKind::AddrNotAvailable => "cannot assign requested address".into(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}
