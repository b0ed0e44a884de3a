//! The database from outside: restarts, faults of the disk, truncation, and the directories of reference programs.

mod database;
mod faults;
mod head_chunks;
mod kinds;
mod peers;
mod restarts;
mod wal_peer;
