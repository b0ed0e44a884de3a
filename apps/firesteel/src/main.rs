//! The one binary: picks the program by subcommand or link name; `up`.
#![deny(unsafe_code)]

mod allocator;
mod beside;
mod explain;
mod host_metrics;
mod machine;
mod neighbour;
mod port_holder;
mod programs;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    allocator::give_back_soon();
    firesteel_tsdb::set_give_back(allocator::give_back_now);
    programs::run(std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect())
}
