//! The database: head, write-ahead log, blocks.
