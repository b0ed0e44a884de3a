//! Chores of the house: `cargo xtask test|tidy|peers|ui|bench`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who runs it")]

mod bench;
mod hot;
mod peers;
mod python;
mod shell;
mod test;
mod tidy;
mod ui;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <chore>

  test            everything CI runs: fmt, clippy, tidy, tests against real peers, the page in a browser
  tidy            the walls of the house: floors, module docs, file sizes, links of the compat tables
  deny            licences, bans and advisories by cargo-deny, which is installed when missing; by hand
  peers           unpack Debian's reference programs into target/peers (nothing is installed or started)
  ui [--check]    build the page into crates/web/ui/dist; --check only proves that it matches its source
  hot [--update]  instruction counts of the hot functions against docs/figures/hot.json (needs valgrind)
  bench <what>    the server under load, beside a `prometheus` on PATH; what: scrape,
                  remote-write, pushgateway, storage, promql, rules
";

/// Runs cargo-deny over the workspace.
fn deny() -> anyhow::Result<()> {
    if shell::which("cargo-deny").is_none() {
        shell::run(shell::command(&["cargo", "install", "--locked", "cargo-deny"]))?;
    }
    shell::run(shell::command(&["cargo", "deny", "check"]))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["test", rest @ ..] => test::run(rest),
        ["tidy"] => tidy::run(),
        ["deny"] => deny(),
        ["peers"] => peers::unpack().map(|_| ()),
        ["ui", rest @ ..] => ui::run(rest.contains(&"--check")),
        ["hot", rest @ ..] => hot::run(rest.contains(&"--update")),
        ["bench", rest @ ..] => bench::run(rest),
        ["help" | "-h" | "--help"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
