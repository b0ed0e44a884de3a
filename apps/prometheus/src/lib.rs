//! The server: options, wiring, reload, shutdown.
//!
//! [`main`] is the program `prometheus`; [`App`] is the same as a part of another program (`firesteel up`). An app is
//! made (`App::new`: configuration read and checked, sockets bound), started (storage opened, targets scraped), reloaded
//! on request and stopped; each of these is a written list in a file of its own.
#![forbid(unsafe_code)]

mod app;
mod auto_reload;
mod config_source;
mod external_url;
mod flag_fate;
mod flags;
mod host;
mod metrics;
mod notifying;
mod options;
mod program;
mod queries_active;
mod query_log;
mod reload;
mod ruling;
mod scraping;
mod shutdown;
mod storing;
mod unsupported;
mod wire;

pub use app::{App, StartError};
pub use config_source::ConfigSource;
pub use flags::PROGRAM;
pub use options::{LogChoice, Options, Starts};
pub use program::main;
