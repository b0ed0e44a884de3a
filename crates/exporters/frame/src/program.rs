//! An exporter as a program: its command line, its log, the threads it runs on, and what it says when it cannot.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use firesteel_cli::{Matches, ProgramDef, log};
use tokio::runtime::{Builder, Runtime};
use tracing::error;

/// Scrapes come every 15 s, mostly: the thread of the last one is still there for the next.
const THREAD_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// Parses `args`, the words behind the program's name, starts the log and runs `start` to its end. When it fails, `failed`
/// is logged with the reason.
pub fn run_program<E: Display>(
    program: &'static ProgramDef,
    args: impl IntoIterator<Item = String>,
    failed: &'static str,
    start: impl FnOnce(&Matches) -> Result<(), E>,
) -> ExitCode {
    let flags = match program.parse(args) {
        Ok(flags) => flags,
        Err(halt) => return halt.emit(),
    };
    log::init(flags.text("log.level"), flags.text("log.format"));
    match start(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            error!(err = format!("{err:#}"), "{failed}");
            ExitCode::FAILURE
        }
    }
}

/// Makes a runtime of so many threads beside those that may block. With one, that is the thread that waits for the end: an
/// exporter has little to do, and each thread more costs memory and changes of threads in every scrape.
pub fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = if threads > 1 { Builder::new_multi_thread() } else { Builder::new_current_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().thread_keep_alive(THREAD_KEEP_ALIVE).build()
}
