//! The collectors over a fake host of our own making, and over this machine.
#![expect(clippy::unwrap_used, reason = "a test may fail by panic")]

mod broken;
mod containers;
mod dashboard;
mod fake_host;
mod off_tree;
mod on_tree;
mod reference;
mod supervised;
mod textfile;
mod this_machine;
mod topprocesses;
mod tree;
