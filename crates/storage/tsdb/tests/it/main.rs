//! The database from outside: restarts, faults of the disk, truncation.

mod database;
mod faults;
mod restarts;
