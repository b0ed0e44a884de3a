//! The remote-write receiver and the remote-read endpoint.
//!
//! **Writing** ([`WriteReceiver`]): a request is walked where it lies. The bytes that spell a series' labels are hashed,
//! and the hash leads to the series through a cache ([`series_cache`]) that also knows which series came next the last time,
//! so that a request that repeats an earlier order costs neither label parsing nor look-ups. Only series seen for the first
//! time are parsed, checked and looked up by their labels. The batch is acknowledged once it is with the operating system.
//!
//! **Reading** ([`ReadHandler`]): samples in one answer, or chunks as they are stored in a stream of checked frames.
#![forbid(unsafe_code)]

mod batch;
mod chunk_run;
mod histograms;
mod http_answer;
mod label_set;
mod message;
mod read_http;
mod read_request;
mod reader;
mod receiver;
mod routes;
mod series_cache;
mod walk_v1;
mod walk_v2;
mod write_http;

pub use message::MessageKind;
pub use reader::{ExternalLabels, ReadHandler, ReadOptions};
pub use receiver::{ReceiverOptions, StoreSource, WriteAnswer, WriteReceiver, Written};
pub use routes::routes;
