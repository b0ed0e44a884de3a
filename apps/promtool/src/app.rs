//! Which command to run, and with what it ends.

use std::io;
use std::process::ExitCode;

use firesteel_cli::Matches;
use firesteel_promql_syntax::ParserOptions;

use crate::{
    Console, check_config, check_metrics, check_rules, check_server, check_service_discovery,
    debug::{self, What},
    flags::PROGRAM,
    format, push_metrics, query, query_analyze, rules_try, script, test_rules, tsdb,
};

pub(crate) const SUCCESS: u8 = 0;
pub(crate) const FAILURE: u8 = 1;
/// Lint findings under `--lint-fatal`.
pub(crate) const LINT: u8 = 3;

/// Runs promtool on the process' own streams. `args` are the words behind the program's name.
pub fn run(args: impl IntoIterator<Item = String>) -> ExitCode {
    let mut console = Console { input: &mut io::stdin(), out: &mut io::stdout(), err: &mut io::stderr() };
    ExitCode::from(run_on(args, &mut console))
}

/// Runs promtool on the given streams; returns the exit code.
pub fn run_on(args: impl IntoIterator<Item = String>, console: &mut Console<'_>) -> u8 {
    let mut args: Vec<String> = args.into_iter().collect();
    subcommand_first(&mut args);
    let matches = match PROGRAM.parse(args) {
        Ok(matches) => matches,
        Err(halt) => {
            let _ = write!(console.out, "{}", halt.stdout);
            let _ = write!(console.err, "{}", halt.stderr);
            return halt.code;
        }
    };
    let options = parser_options(&matches, console);
    match matches.command() {
        "check config" => check_config::run(&matches, options, console),
        "check web-config" => check_config::run_web(&matches, console),
        "check metrics" => check_metrics::run(&matches, console),
        "check rules" => check_rules::run(&matches, options, console),
        "check service-discovery" => check_service_discovery::run(&matches, console),
        "check healthy" => check_server::run(&matches, "/-/healthy", console),
        "check ready" => check_server::run(&matches, "/-/ready", console),
        "query instant" => query::instant(&matches, console),
        "query range" => query::range(&matches, console),
        "query series" => query::series(&matches, console),
        "query labels" => query::labels(&matches, console),
        "query analyze" => query_analyze::run(&matches, console),
        "push metrics" => push_metrics::run(&matches, console),
        "debug pprof" => debug::run(What::Profiles, &matches, console),
        "debug metrics" => debug::run(What::Metrics, &matches, console),
        "debug all" => debug::run(What::All, &matches, console),
        "rules try" => rules_try::run(&matches, options, console),
        "test rules" => test_rules::run(&matches, options, console),
        "test promql" => script::run(&matches, console),
        "tsdb bench write" => tsdb::bench_write(&matches, console),
        "tsdb analyze" => tsdb::analyze(&matches, console),
        "tsdb dump" => tsdb::dump(&matches, console),
        "tsdb dump-openmetrics" => tsdb::dump_openmetrics(&matches, console),
        "tsdb list" => tsdb::list(&matches, console),
        "tsdb create-blocks-from openmetrics" => tsdb::from_openmetrics(&matches, console),
        "tsdb create-blocks-from rules" => tsdb::from_rules(&matches, options, console),
        command => {
            if !matches.bool("experimental") {
                console.complain("This command is experimental and requires the --experimental flag to be set.");
                return FAILURE;
            }
            match command {
                "promql format" => format::format(&matches, options, console),
                "promql label-matchers set" => format::set_matcher(&matches, options, console),
                _ => format::delete_matcher(&matches, options, console),
            }
        }
    }
}

/// Flags of a group of commands may stand before the subcommand: `query -o json instant`.
fn subcommand_first(args: &mut [String]) {
    let is_group = |word: &String| ["query", "check", "test", "create-blocks-from", "bench"].contains(&word.as_str());
    let Some(group) = args.iter().position(is_group) else { return };
    let prefix = args.get(group).map_or(String::new(), |word| match word.as_str() {
        group @ ("create-blocks-from" | "bench") => format!("tsdb {group} "),
        word => format!("{word} "),
    });
    let is_second = |word: &String| PROGRAM.commands.iter().any(|c| c.name.strip_prefix(&prefix) == Some(word));
    let Some(rest) = args.get_mut(group + 1..) else { return };
    if let Some(at) = rest.iter().position(is_second)
        && let Some(head) = rest.get_mut(..=at)
    {
        head.rotate_right(1);
    }
}

fn parser_options(matches: &Matches, console: &mut Console<'_>) -> ParserOptions {
    let mut options = ParserOptions::default();
    for name in matches.texts("enable-feature").iter().flat_map(|list| list.split(',')) {
        match name {
            "promql-experimental-functions" => options.experimental_functions = true,
            "promql-extended-range-selectors" => options.extended_range_selectors = true,
            "promql-binop-fill-modifiers" => options.binop_fill_modifiers = true,
            "" | "promql-delayed-name-removal" => {}
            "promql-duration-expr" => console.complain("  WARNING: promql-duration-expr is stable and always on"),
            other => console.complain(format_args!("  WARNING: Unknown feature passed to --enable-feature: {other}")),
        }
    }
    options
}
