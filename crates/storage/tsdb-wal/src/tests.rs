//! The log as a whole.

mod crash;
mod hostile;
mod log;
mod zstd;
