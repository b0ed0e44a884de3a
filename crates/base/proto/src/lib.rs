//! Prometheus' protobuf messages as bytes: walked where they lie, without building strings or trees.
//!
//! [`fields`] reads any message; the modules beside it know the messages of remote write ([`write_v1`], [`write_v2`],
//! [`histogram`]) and remote read ([`read`]). [`encode`] writes them. [`snappy`] and [`frames`] are what wraps them on the
//! wire. Errors are worded as upstream's generated decoders word theirs, since clients get them to read.
#![forbid(unsafe_code)]

pub mod encode;
mod error;
pub mod fields;
pub mod frames;
pub mod histogram;
pub mod read;
pub mod snappy;
pub mod write_v1;
pub mod write_v2;

pub use error::WireError;

#[cfg(test)]
mod tests;
