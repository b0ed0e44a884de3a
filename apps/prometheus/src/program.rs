//! The program `prometheus`.

use std::process::ExitCode;

use crate::{App, Options};

/// Runs the server with the words behind the program's name, until it ends.
pub fn main(words: Vec<String>) -> ExitCode {
    let (options, log) = match Options::parse(words) {
        Ok(parsed) => parsed,
        Err(halt) => return halt.emit(),
    };
    firesteel_cli::log::init(&log.level, &log.format);
    let app = match App::new(options) {
        Ok(app) => app,
        Err(e) => return firesteel_cli::Halt::error(e.text, e.code).emit(),
    };
    // These only wait for sockets and timers; scraping and queries compute on threads of their own.
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            tracing::error!(err = %e, "Fatal error");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(app.run(|| ()))
}
