//! The HTTP client kit: one [`HttpClient`] per `http_config` block, shared by all that it describes.
//!
//! hyper-util's pool under our own connector, and a shorter way for what is asked again and again ([`RepeatedGet`]);
//! credentials, headers, redirects, proxies and error texts are those of upstream's client (prometheus/common,
//! config/http_config.go, over Go's net/http).

mod answer_head;
mod auth;
mod aws;
mod chunked;
mod connector;
mod error;
mod jwt_assertion;
mod oauth2;
mod plain;
mod proxy;
mod repeated;
mod request;
mod tls;
mod trust;

#[cfg(test)]
mod oauth2_tests;
#[cfg(test)]
mod repeated_tests;
#[cfg(test)]
mod tests;

pub use aws::{AwsAccount, AwsSettings, Signing};
pub use error::{ClientError, GetError, RequestError, RequestFault, go_io};
pub use jwt_assertion::sign_jwt;
pub use repeated::{Answer, RepeatedGet};
pub use request::{ClientOptions, HttpClient};
