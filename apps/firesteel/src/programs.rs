//! The table of programs, and choosing one: by the name the binary was called by, by the first word, or, for bare flags,
//! the server.

use std::process::ExitCode;

use firesteel_cli::{Halt, version};

use crate::{explain, up};

type Main = fn(Vec<String>) -> ExitCode;

/// A program inside the binary.
struct Program {
    /// Its own name first, then others it answers to.
    names: &'static [&'static str],
    help: &'static str,
    /// `None`: not built yet.
    main: Option<Main>,
}

const PROGRAMS: &[Program] = &[
    Program {
        names: &["up"],
        help: "Watch this machine: server, host metrics and page in one, without any configuration.",
        main: Some(up::main),
    },
    Program {
        names: &["prometheus"],
        help: "The monitoring server, with Prometheus' flags and files.",
        main: Some(firesteel_prometheus::main),
    },
    Program {
        names: &["promtool"],
        help: "Check configurations, rules and metrics; query a server; test PromQL.",
        main: Some(firesteel_promtool::run),
    },
    Program {
        names: &["explain"],
        help: "What a code such as FS0102 means, and what to do; without a code, all of them.",
        main: Some(explain::main),
    },
    Program { names: &["alertmanager"], help: "Route alerts.", main: None },
    Program { names: &["amtool"], help: "Talk to the alert router.", main: None },
    Program {
        names: &["pushgateway", "prometheus-pushgateway"],
        help: "Take pushed metrics and show them to scrapers, with the Pushgateway's flags.",
        main: Some(firesteel_pushgateway::run),
    },
    Program {
        names: &["node_exporter", "prometheus-node-exporter"],
        help: "Host metrics over HTTP, with node_exporter's flags and names.",
        main: Some(firesteel_node_exporter::run),
    },
];

/// Runs the program that the words (the binary's own name first) ask for.
pub(crate) fn run(words: Vec<String>) -> ExitCode {
    let mut words = words.into_iter();
    let called = words.next().unwrap_or_default();
    let called = called.rsplit('/').next().unwrap_or_default();
    if let Some(program) = find(called) {
        return program.start(words.collect());
    }
    let words: Vec<String> = words.collect();
    let first = words.first().map_or("", String::as_str);
    match first {
        "" | "help" | "-h" | "--help" => Halt { stdout: help(), stderr: String::new(), code: 0 }.emit(),
        "--version" | "version" => {
            let stdout = format!("{}\n", version().banner("firesteel"));
            Halt { stdout, stderr: String::new(), code: 0 }.emit()
        }
        _ if first.starts_with('-') || first.starts_with('@') => firesteel_prometheus::main(words),
        _ => match find(first) {
            Some(program) => program.start(words.into_iter().skip(1).collect()),
            None => Halt::error(format!("firesteel: no program {first:?}\n\n{}", help()), 2).emit(),
        },
    }
}

impl Program {
    fn start(&self, words: Vec<String>) -> ExitCode {
        match self.main {
            Some(main) => main(words),
            None => Halt::error(format!("firesteel: {} is not built yet\n", self.names[0]), 2).emit(),
        }
    }
}

fn find(name: &str) -> Option<&'static Program> {
    PROGRAMS.iter().find(|p| p.names.contains(&name))
}

/// Lists what is there; what is not built yet is not named.
fn help() -> String {
    let mut out = "usage: firesteel <program> [<args> ...]\n\n\
        The Prometheus stack in one binary. A link named after a program starts that program;\n\
        flags without a program are the server's.\n\nPrograms:\n"
        .to_owned();
    for program in PROGRAMS.iter().filter(|p| p.main.is_some()) {
        out += &format!("  {:<15}{}\n", program.names[0], program.help);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_only_what_is_built() {
        let text = help();
        for program in PROGRAMS {
            let listed = text.contains(&format!("  {:<15}", program.names[0]));
            assert_eq!(listed, program.main.is_some(), "{}", program.names[0]);
        }
    }

    #[test]
    fn links_find_their_program() {
        assert_eq!(find("prometheus-node-exporter").map(|p| p.names[0]), Some("node_exporter"));
        assert!(find("firesteel").is_none());
    }
}
