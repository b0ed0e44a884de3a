//! The one binary: picks the program by subcommand or link name; `up`.
#![forbid(unsafe_code)]

mod beside;
mod explain;
mod host_metrics;
mod machine;
mod port_holder;
mod programs;
mod up;

use std::process::ExitCode;

/// The system's allocator keeps pages that a server no longer needs; this one gives them back, and is faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    programs::run(std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect())
}
