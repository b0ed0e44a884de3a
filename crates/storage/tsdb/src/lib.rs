//! The database: head, write-ahead log, blocks.
//!
//! [`Db`] is what a server holds: it opens a data directory, takes appends through [`firesteel_storage::Appendable`] and
//! answers through [`firesteel_storage::Queryable`]. Everything is synchronous; the few threads it owns are joined by
//! [`Db::close`].

#![forbid(unsafe_code)]

mod db;
mod head;
pub mod wal;

pub use db::{Cardinality, Db, DbError, DbOptions, HeadStats, NamedCount, ReplayStats};
