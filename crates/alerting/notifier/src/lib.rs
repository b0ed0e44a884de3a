//! Sends alerts to Alertmanagers (upstream: `notifier/`).
//!
//! [`Notifier::send`] relabels alerts and puts them into one bounded queue for each Alertmanager; a task each posts them in
//! batches. Nothing is sent twice: a batch that fails is dropped and counted, because whoever evaluates rules sends what
//! still fires again.
#![forbid(unsafe_code)]

#[cfg(test)]
mod example;
mod metrics;
mod notifier;
mod payload;
mod peer;
mod peer_url;
mod queue;
mod relabelling;
mod set;

pub use notifier::{Notifier, NotifierError, NotifierOptions};
