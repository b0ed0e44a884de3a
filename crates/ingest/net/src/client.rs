//! The HTTP client kit: one [`HttpClient`] per `http_config` block, shared by all that it describes.
//!
//! hyper-util's pool under our own connector; credentials, headers, redirects, proxies and error texts are those of
//! upstream's client (prometheus/common, config/http_config.go, over Go's net/http).

mod auth;
mod connector;
mod error;
mod proxy;
mod request;
mod tls;
mod trust;

#[cfg(test)]
mod tests;

pub use error::{ClientError, RequestError, RequestFault};
pub use request::{ClientOptions, HttpClient};
