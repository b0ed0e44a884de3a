//! The database from outside: restarts, faults of the disk, truncation, and the directories of reference programs.

mod blocks;
mod chunk_snapshot_golden;
mod crash;
mod database;
mod deletion;
mod dice;
mod faults;
mod harmed_logs;
mod head_chunks;
mod kinds;
mod kinds_peer;
mod memory_snapshot;
mod metrics;
mod model;
mod older_references;
mod peers;
mod restarts;
mod stale_series;
mod starts;
mod wal_peer;
mod zstd_logs;
