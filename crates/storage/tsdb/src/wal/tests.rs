//! The log as a whole.

mod crash;
mod log;
