//! Help texts in kingpin's layout: two columns, 80 wide.

use std::fmt::Write as _;

use crate::parse::{HELP, VERSION};
use crate::wrap::{wrap, wrap_text};
use crate::{ArgDef, CommandDef, FlagDef, ProgramDef};

const WIDTH: usize = 80;
/// A flag this long or longer stands on a line of its own.
const LONG: usize = 30;

/// What to describe: the program, or one command of it.
pub(crate) struct Usage {
    pub(crate) program: &'static ProgramDef,
    pub(crate) command: Option<&'static CommandDef>,
}

impl Usage {
    pub(crate) fn render(&self) -> String {
        self.render_under("")
    }

    /// Renders; `path` are the words of an unfinished command (`check`), whose subcommands are listed then.
    pub(crate) fn render_under(&self, path: &str) -> String {
        let mut out = String::new();
        let mut flags = vec![HELP, VERSION];
        flags.extend(self.program.flags);
        let help = if let Some(command) = self.command {
            let _ = writeln!(out, "usage: {} {}{}", self.program.name, command.name, signature(command));
            flags.extend(command.flags);
            command.help
        } else {
            let commands = if self.program.commands.is_empty() { "" } else { " <command> [<args> ...]" };
            let path = if path.is_empty() { String::new() } else { format!(" {path}") };
            let _ = writeln!(out, "usage: {}{path} [<flags>]{commands}", self.program.name);
            if path.is_empty() { self.program.help } else { "" }
        };
        if !help.is_empty() {
            out.push('\n');
            push_wrapped(&mut out, help, 0);
            out.push('\n');
        }
        out.push_str("\nFlags:\n");
        let have_short = flags.iter().any(|f| f.short.is_some());
        let rows: Vec<_> =
            flags.iter().filter(|f| !f.hidden).map(|f| (flag_column(f, have_short), f.full_help())).collect();
        push_columns(&mut out, &rows);
        out.push('\n');
        match self.command {
            Some(command) if !command.args.is_empty() => {
                out.push_str("Args:\n");
                let rows: Vec<_> = command.args.iter().map(|a| (arg_column(a), a.help.to_owned())).collect();
                push_columns(&mut out, &rows);
                out.push('\n');
            }
            Some(_) => {}
            None if !self.program.commands.is_empty() => self.push_commands(&mut out, path),
            None => {}
        }
        out
    }

    fn push_commands(&self, out: &mut String, path: &str) {
        if path.is_empty() {
            out.push_str("Commands:\nhelp [<command>...]\n    Show help.\n\n");
        } else {
            out.push_str("Subcommands:\n");
        }
        let under = |name: &str| path.is_empty() || name.strip_prefix(path).is_some_and(|rest| rest.starts_with(' '));
        for command in self.program.commands.iter().filter(|c| !c.hidden && under(c.name)) {
            let _ = writeln!(out, "{}{}", command.name, signature(command));
            push_wrapped(out, command.help, 4);
            out.push('\n');
        }
        out.push('\n');
    }
}

/// What follows a command's name in its usage line.
fn signature(command: &CommandDef) -> String {
    let mut out = String::new();
    let required: Vec<_> = command.flags.iter().filter(|f| f.required).collect();
    for flag in &required {
        let _ = write!(out, " --{}={}", flag.name, flag.shown_value());
    }
    if required.len() < command.flags.len() {
        out.push_str(" [<flags>]");
    }
    for arg in command.args {
        let _ = write!(out, " {}", if arg.required { arg_name(arg) } else { format!("[{}]", arg_name(arg)) });
    }
    out
}

fn arg_name(arg: &ArgDef) -> String {
    format!("<{}>{}", arg.name, if arg.repeatable { "..." } else { "" })
}

fn arg_column(arg: &ArgDef) -> String {
    if arg.required { format!("<{}>", arg.name) } else { format!("[<{}>]", arg.name) }
}

fn flag_column(flag: &FlagDef, have_short: bool) -> String {
    let mut out = match flag.short {
        Some(letter) => format!("-{letter}, "),
        None if have_short => "    ".to_owned(),
        None => String::new(),
    };
    if flag.is_bool() {
        let _ = write!(out, "--[no-]{}", flag.name);
    } else {
        let _ = write!(out, "--{}={}", flag.name, flag.shown_value());
    }
    if flag.repeatable {
        out.push_str(" ...");
    }
    out
}

fn push_columns(out: &mut String, rows: &[(String, String)]) {
    const INDENT: usize = 2;
    const GAP: usize = 2;
    let first = rows.iter().map(|(left, _)| left.len()).filter(|len| *len < LONG).max().unwrap_or(0);
    for (left, right) in rows {
        let mut lines = wrap(right, WIDTH - first - GAP - INDENT).into_iter();
        let _ = write!(out, "{:INDENT$}{left:first$}{:GAP$}", "", "");
        if left.len() >= LONG {
            let _ = write!(out, "\n{:1$}", "", INDENT + first + GAP);
        }
        let _ = writeln!(out, "{}", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(out, "{:1$}{line}", "", INDENT + first + GAP);
        }
    }
}

fn push_wrapped(out: &mut String, text: &str, indent: usize) {
    for line in wrap_text(text, WIDTH - indent) {
        let _ = writeln!(out, "{:1$}{line}", "", if line.is_empty() { 0 } else { indent });
    }
}
