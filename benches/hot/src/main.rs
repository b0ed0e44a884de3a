//! The hot functions, each run N times: what `cargo xtask hot` counts instructions of.
//!
//! `firesteel-hot list` names them with their rounds and the operations of a round; `firesteel-hot NAME N` runs one.
//! `firesteel-hot pages N FILE…` takes the time of reading real pages, for `cargo xtask bench parser`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who runs it")]

mod chunks;
mod numbers;
mod pages;
mod query;
mod rules;
mod scrape;
mod store;

use std::process::ExitCode;

/// A function under count.
struct Hot {
    name: &'static str,
    /// How many rounds make the set-up small beside them.
    rounds: u64,
    /// Samples, lines or numbers in a round.
    operations: u64,
    run: fn(u64),
}

const HOT: &[Hot] = &[
    Hot { name: "scrape_known_page", rounds: 20, operations: scrape::LINES, run: scrape::known },
    Hot { name: "scrape_new_page", rounds: 5, operations: scrape::LINES, run: scrape::new },
    Hot {
        name: "scrape_known_classic_as_native",
        rounds: 20,
        operations: scrape::LINES,
        run: scrape::classic_as_native,
    },
    Hot { name: "scrape_known_with_starts", rounds: 20, operations: scrape::LINES, run: scrape::with_starts },
    Hot { name: "commit_known_series", rounds: 20, operations: store::SERIES, run: store::commit },
    Hot { name: "xor_append", rounds: 200, operations: chunks::SAMPLES, run: chunks::append },
    Hot { name: "xor_decode", rounds: 200, operations: chunks::SAMPLES, run: chunks::decode },
    Hot { name: "query_sum_rate", rounds: 3, operations: query::SAMPLES, run: query::sum_rate },
    Hot { name: "query_sum_instant", rounds: 3, operations: query::SAMPLES, run: query::sum },
    Hot { name: "query_max", rounds: 3, operations: query::SAMPLES, run: query::max },
    Hot { name: "query_avg", rounds: 3, operations: query::SAMPLES, run: query::avg },
    Hot { name: "query_long_sums", rounds: 3, operations: query::SAMPLES, run: query::long_sums },
    Hot { name: "rule_eval", rounds: 20, operations: rules::RULES, run: rules::eval },
    Hot { name: "answer_json", rounds: 10, operations: query::SAMPLES, run: query::json },
    Hot { name: "float_format", rounds: 100, operations: numbers::COUNT, run: numbers::format },
    Hot { name: "float_parse", rounds: 100, operations: numbers::COUNT, run: numbers::parse },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list"] => {
            for hot in HOT {
                println!("{} {} {}", hot.name, hot.rounds, hot.operations);
            }
            ExitCode::SUCCESS
        }
        ["pages", rounds, files @ ..] => match rounds.parse() {
            Ok(rounds) if pages::time(rounds, files) => ExitCode::SUCCESS,
            _ => ExitCode::from(2),
        },
        [name, rounds] => match (HOT.iter().find(|h| h.name == *name), rounds.parse()) {
            (Some(hot), Ok(rounds)) => {
                (hot.run)(rounds);
                ExitCode::SUCCESS
            }
            _ => ExitCode::from(2),
        },
        _ => ExitCode::from(2),
    }
}
