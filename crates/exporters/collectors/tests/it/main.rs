//! The collectors over a fake host of our own making, and over this machine.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod fake_host;
mod this_machine;
