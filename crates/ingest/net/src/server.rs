//! The HTTP server kit: listeners, connections, compression, cross-origin headers, TLS and passwords.
//!
//! hyper speaks HTTP/1.1 and HTTP/2, axum routes; endpoints live elsewhere. [`serve`] owns the connections it accepts: it
//! returns when told to stop and all of them have finished, so that nothing outlives its caller.

mod alternative_names;
mod client_certificates;
mod compress;
mod cors;
mod listener;
mod observe;
mod passwords;
mod request_limit;
mod request_line;
mod serve;
#[cfg(test)]
mod tests;
mod tls;
mod web_config;

pub use compress::compress;
pub use cors::{Cors, cors, set_cors};
pub use listener::{BindError, Listener};
pub use observe::{HttpMetrics, observe};
pub use serve::{ClientAddress, ServeOptions, serve};
pub use web_config::{WebConfigError, WebConfigFile};
