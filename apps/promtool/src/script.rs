//! `test promql`: runs test scripts of upstream's promqltest language.

use std::fs;

use firesteel_cli::Matches;
use firesteel_promql::testscript::{Script, Verdict};

use crate::{
    Console,
    app::{FAILURE, SUCCESS},
};

pub(crate) fn run(matches: &Matches, console: &mut Console<'_>) -> u8 {
    let mut code = SUCCESS;
    for file in matches.args("test-files") {
        if !run_file(file, console) {
            code = FAILURE;
        }
    }
    code
}

/// Returns whether every eval of the file passed. What is not supported yet has not passed.
fn run_file(file: &str, console: &mut Console<'_>) -> bool {
    console.say(format_args!("Testing {file}"));
    let read = fs::read_to_string(file).map_err(|error| error.to_string());
    let report = read.and_then(|text| {
        let script = Script::parse(&text).map_err(|error| error.to_string())?;
        let engine = Script::engine().map_err(|error| error.to_string())?;
        Ok(script.run(&engine))
    });
    let report = match report {
        Ok(report) => report,
        Err(message) => {
            console.complain(format_args!("  FAILED: {file}: {message}"));
            return false;
        }
    };
    for eval in &report.evals {
        let line = eval.line;
        match &eval.verdict {
            Verdict::Passed => {}
            Verdict::Failed(why) => console.complain(format_args!("  FAILED: {file}:{line}: {}: {why}", eval.expr)),
            Verdict::Unsupported(why) => {
                console.complain(format_args!("  NOT SUPPORTED YET: {file}:{line}: {}: {why}", eval.expr));
            }
        }
    }
    let (total, passed) = (report.evals.len(), report.n_passed());
    if total == passed {
        console.say(format_args!("  SUCCESS: {total} evals passed"));
    } else {
        console.say(format_args!("  {passed} of {total} evals passed, {} not supported yet", report.n_unsupported()));
    }
    total == passed
}
