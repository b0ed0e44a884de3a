//! From words to [`Matches`], by the rules of kingpin.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Duration;

use crate::usage::Usage;
use crate::value;
use crate::{ArgDef, CommandDef, ErrorStyle, FlagDef, FlagKind, Mode, ProgramDef, Version, version};

/// Help, as upstream's parser adds it to every program.
pub(crate) const HELP: FlagDef =
    FlagDef::new("help", FlagKind::Bool, "Show context-sensitive help (also try --help-long and --help-man).")
        .short('h');
/// Version, as upstream's parser adds it.
pub(crate) const VERSION: FlagDef = FlagDef::new("version", FlagKind::Bool, "Show application version.");

/// The program should not run: what to print and how to exit (help, version, or an error).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Halt {
    pub stdout: String,
    pub stderr: String,
    pub code: u8,
}

impl Halt {
    /// Prints both texts and returns the exit code.
    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "the command line's own answers")]
    pub fn emit(&self) -> ExitCode {
        eprint!("{}", self.stderr);
        print!("{}", self.stdout);
        ExitCode::from(self.code)
    }

    /// Returns a halt that only says something on stderr.
    pub fn error(text: impl Into<String>, code: u8) -> Self {
        Self { stdout: String::new(), stderr: text.into(), code }
    }
}

/// A command line that was understood.
///
/// The getters panic on a flag or argument that the program's table does not have: that is a mistake in the program.
#[derive(Debug)]
pub struct Matches {
    program: &'static ProgramDef,
    command: Option<&'static CommandDef>,
    given: HashMap<&'static str, Vec<String>>,
    args: HashMap<&'static str, Vec<String>>,
}

impl ProgramDef {
    /// Parses the words behind the program's name.
    pub fn parse(&'static self, words: impl IntoIterator<Item = String>) -> Result<Matches, Halt> {
        Parser::new(self, words).run()
    }

    /// Returns the help of the whole program.
    pub fn usage(&'static self) -> String {
        Usage { program: self, command: None }.render()
    }
}

impl Matches {
    /// Returns the command's name, as `check config`; empty for a program without commands.
    pub fn command(&self) -> &'static str {
        self.command.map_or("", |c| c.name)
    }

    /// Returns whether the flag stood on the command line.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Returns the flag's value, its default, or the empty string.
    pub fn text(&self, name: &str) -> &str {
        self.last(name).unwrap_or("")
    }

    /// Returns the flag's value or default, or `None` when it has neither.
    pub fn text_opt(&self, name: &str) -> Option<&str> {
        self.last(name)
    }

    /// Returns all values of a repeatable flag, or its defaults.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.given.get(name) {
            Some(values) => values.iter().map(String::as_str).collect(),
            None => self.def(name).defaults.to_vec(),
        }
    }

    /// Returns a boolean flag.
    pub fn bool(&self, name: &str) -> bool {
        self.last(name) == Some("true")
    }

    /// Returns a whole number; 0 when unset. Fractions are cut, as upstream does.
    pub fn int(&self, name: &str) -> i64 {
        match self.def(name).kind {
            FlagKind::Int64 => self.last(name).and_then(|text| value::whole(text).ok()).unwrap_or(0),
            _ => self.float(name) as i64,
        }
    }

    /// Returns a number; 0 when unset.
    pub fn float(&self, name: &str) -> f64 {
        self.last(name).and_then(|text| value::number(text).ok()).unwrap_or(0.0)
    }

    /// Returns a duration in Prometheus' or Go's syntax, as the flag's kind says; `None` when unset.
    pub fn duration_opt(&self, name: &str) -> Option<Duration> {
        let text = self.last(name)?;
        match self.def(name).kind {
            FlagKind::GoDuration => value::go_duration(text),
            _ => firesteel_go_compat::parse_duration(text).ok(),
        }
    }

    /// Returns a duration; zero when unset.
    pub fn duration(&self, name: &str) -> Duration {
        self.duration_opt(name).unwrap_or_default()
    }

    /// Returns a size in bytes; 0 when unset.
    pub fn bytes(&self, name: &str) -> i64 {
        self.last(name).and_then(|text| firesteel_go_compat::parse_byte_size(text).ok()).unwrap_or(0)
    }

    /// Returns the values of a positional argument, or its default.
    pub fn args(&self, name: &str) -> Vec<&str> {
        self.args.get(name).map(|values| values.iter().map(String::as_str).collect()).unwrap_or_default()
    }

    /// Returns a positional argument, or the empty string.
    pub fn arg(&self, name: &str) -> &str {
        self.args.get(name).and_then(|values| values.first()).map_or("", String::as_str)
    }

    /// Returns the flags of a mode that stood on the command line, as `--name`, in the order of the table.
    pub fn given_of_mode(&self, mode: Mode) -> Vec<String> {
        self.program
            .flags
            .iter()
            .filter(|f| f.mode == mode && self.is_given(f.name))
            .map(|f| format!("--{}", f.name))
            .collect()
    }

    /// Returns every flag of the program with its value in canonical form, as `/api/v1/status/flags` shows them: hidden
    /// ones included, help and version not.
    pub fn flag_values(&self) -> Vec<(&'static str, String)> {
        self.program.flags.iter().map(|flag| (flag.name, self.shown(flag))).collect()
    }

    fn shown(&self, flag: &FlagDef) -> String {
        let values = self.texts(flag.name);
        if values.is_empty() {
            return value::unset(flag.kind).to_owned();
        }
        values.iter().map(|v| value::canonical(flag.kind, v)).collect::<Vec<_>>().join(",")
    }

    fn last(&self, name: &str) -> Option<&str> {
        match self.given.get(name) {
            Some(values) => values.last().map(String::as_str),
            None => self.def(name).defaults.first().copied(),
        }
    }

    fn def(&self, name: &str) -> &'static FlagDef {
        let own = self.command.map_or(&[][..], |c| c.flags);
        own.iter()
            .chain(self.program.flags)
            .find(|f| f.name == name)
            .expect("the program asks only for flags of its table")
    }
}

/// One word, as kingpin's lexer sees it.
#[derive(Clone, Debug)]
enum Token {
    Long(String),
    Short(char),
    Arg(String),
}

impl Token {
    fn shown(&self) -> String {
        match self {
            Self::Long(name) => format!("--{name}"),
            Self::Short(letter) => format!("-{letter}"),
            Self::Arg(text) => text.clone(),
        }
    }
}

struct Parser {
    program: &'static ProgramDef,
    words: VecDeque<String>,
    pushed: Option<Token>,
    flags_ended: bool,
    command: Option<&'static CommandDef>,
    /// Words of a command's name seen so far.
    path: String,
    given: Vec<(&'static FlagDef, String)>,
    args: Vec<String>,
}

/// Why parsing stopped.
enum Stop {
    Error(String),
    Help,
    Version,
}

impl Parser {
    fn new(program: &'static ProgramDef, words: impl IntoIterator<Item = String>) -> Self {
        Self {
            program,
            words: words.into_iter().collect(),
            pushed: None,
            flags_ended: false,
            command: None,
            path: String::new(),
            given: Vec::new(),
            args: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Matches, Halt> {
        if self.words.is_empty() && !self.program.commands.is_empty() {
            return Err(Halt { stdout: self.program.usage(), stderr: String::new(), code: 0 });
        }
        match self.walk().and_then(|()| self.finish()) {
            Ok(matches) => Ok(matches),
            Err(Stop::Help) => {
                let usage = Usage { program: self.program, command: self.command }.render_under(&self.path);
                Err(Halt { stdout: usage, stderr: String::new(), code: 0 })
            }
            Err(Stop::Version) => {
                let own = version();
                let version = Version { compatible: self.program.release.unwrap_or(own.compatible), ..own };
                let banner = version.banner(self.program.name);
                Err(Halt { stdout: format!("{banner}\n"), stderr: String::new(), code: 0 })
            }
            Err(Stop::Error(text)) => Err(self.program.refuse(&text)),
        }
    }

    fn next(&mut self) -> Result<Option<Token>, Stop> {
        if let Some(token) = self.pushed.take() {
            return Ok(Some(token));
        }
        let Some(word) = self.words.pop_front() else { return Ok(None) };
        if self.flags_ended {
            return Ok(Some(Token::Arg(word)));
        }
        if word == "--" {
            self.flags_ended = true;
            return self.next();
        }
        if let Some(file) = word.strip_prefix('@').filter(|f| !f.is_empty()) {
            self.expand(file)?;
            return self.next();
        }
        if let Some(long) = word.strip_prefix("--") {
            return Ok(Some(match long.split_once('=') {
                Some((name, value)) => {
                    self.pushed = Some(Token::Arg(value.to_owned()));
                    Token::Long(name.to_owned())
                }
                None => Token::Long(long.to_owned()),
            }));
        }
        let mut letters = word.chars();
        match (letters.next(), letters.next()) {
            (Some('-'), Some(letter)) => {
                self.split_short(letter, letters.as_str());
                Ok(Some(Token::Short(letter)))
            }
            _ => Ok(Some(Token::Arg(word))),
        }
    }

    /// `-xy` is `-x -y` after a boolean, else `-x` with the value `y`.
    fn split_short(&mut self, letter: char, rest: &str) {
        if rest.is_empty() {
            return;
        }
        if self.find(|f| f.short == Some(letter)).is_none_or(FlagDef::is_bool) {
            self.words.push_front(format!("-{rest}"));
        } else {
            self.pushed = Some(Token::Arg(rest.to_owned()));
        }
    }

    /// `@file` stands for the file's lines.
    fn expand(&mut self, file: &str) -> Result<(), Stop> {
        let text = std::fs::read_to_string(file).map_err(|e| {
            let why = match e.kind() {
                std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
                std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
                _ => e.to_string(),
            };
            Stop::Error(format!("failed to open arguments file \"{file}\": open {file}: {why}"))
        })?;
        for line in text.lines().rev().filter(|l| !l.starts_with('#')) {
            self.words.push_front(line.to_owned());
        }
        Ok(())
    }

    fn walk(&mut self) -> Result<(), Stop> {
        while let Some(token) = self.next()? {
            match token {
                Token::Long(_) | Token::Short(_) => self.flag(&token)?,
                Token::Arg(word) => self.word(word)?,
            }
        }
        Ok(())
    }

    fn word(&mut self, word: String) -> Result<(), Stop> {
        if self.command.is_none() && !self.program.commands.is_empty() {
            if self.path.is_empty() && word == "help" {
                while let Some(Token::Arg(word)) = self.next()? {
                    self.step(&word)?;
                }
                return Err(Stop::Help);
            }
            return self.step(&word);
        }
        let takes = self.command.map_or(&[][..], |c| c.args);
        if self.args.len() < takes.len() || takes.last().is_some_and(|a| a.repeatable) {
            self.args.push(word);
            Ok(())
        } else {
            Err(Stop::Error(format!("unexpected {word}")))
        }
    }

    /// Goes one word deeper into the commands.
    fn step(&mut self, word: &str) -> Result<(), Stop> {
        let path = if self.path.is_empty() { word.to_owned() } else { format!("{} {word}", self.path) };
        let deeper = format!("{path} ");
        if let Some(command) = self.program.commands.iter().find(|c| c.name == path) {
            self.command = Some(command);
        } else if !self.program.commands.iter().any(|c| c.name.starts_with(&deeper)) {
            return Err(Stop::Error(format!("expected command but got \"{word}\"")));
        }
        self.path = path;
        Ok(())
    }

    fn find(&self, is: impl Fn(&FlagDef) -> bool) -> Option<&'static FlagDef> {
        const BUILT_IN: [FlagDef; 2] = [HELP, VERSION];
        static BUILT_IN_FLAGS: [FlagDef; 2] = BUILT_IN;
        let own = self.command.map_or(&[][..], |c| c.flags);
        own.iter().chain(self.program.flags).chain(&BUILT_IN_FLAGS).find(|f| is(f))
    }

    fn flag(&mut self, token: &Token) -> Result<(), Stop> {
        let unknown = |kind: &str| Stop::Error(format!("unknown {kind} flag '{}'", token.shown()));
        let (flag, inverted) = match token {
            Token::Short(letter) => (self.find(|f| f.short == Some(*letter)).ok_or_else(|| unknown("short"))?, false),
            Token::Long(name) | Token::Arg(name) => match self.find(|f| f.name == name) {
                Some(flag) => (flag, false),
                None => {
                    let positive = name.strip_prefix("no-").and_then(|n| self.find(|f| f.name == n && f.is_bool()));
                    (positive.ok_or_else(|| unknown("long"))?, true)
                }
            },
        };
        match flag.name {
            "help" if !inverted => return Err(self.help_after_the_rest()),
            "version" if !inverted => return Err(Stop::Version),
            _ => {}
        }
        let value = if flag.is_bool() {
            if inverted { "false" } else { "true" }.to_owned()
        } else {
            match self.next()? {
                Some(Token::Arg(value)) => value,
                _ => return Err(Stop::Error(format!("expected argument for flag '{}'", token.shown()))),
            }
        };
        self.given.push((flag, value));
        Ok(())
    }

    /// Help is for the command that the remaining words lead to.
    fn help_after_the_rest(&mut self) -> Stop {
        while self.command.is_none() {
            match self.next() {
                Ok(Some(Token::Arg(word))) if self.step(&word).is_ok() => {}
                Ok(Some(_)) => {}
                _ => break,
            }
        }
        Stop::Help
    }

    fn finish(&mut self) -> Result<Matches, Stop> {
        if self.command.is_none() && !self.program.commands.is_empty() {
            let text = if self.path.is_empty() {
                "command not specified".to_owned()
            } else {
                format!("must select a subcommand of '{}'", self.path)
            };
            return Err(Stop::Error(text));
        }
        let mut given: HashMap<&'static str, Vec<String>> = HashMap::new();
        for (flag, text) in std::mem::take(&mut self.given) {
            let values = given.entry(flag.name).or_default();
            if !values.is_empty() && !flag.repeatable {
                return Err(Stop::Error(format!("flag '{}' cannot be repeated", flag.name)));
            }
            value::check(flag.kind, &text).map_err(Stop::Error)?;
            values.push(text);
        }
        let own = self.command.map_or(&[][..], |c| c.flags);
        let missing: Vec<String> = own
            .iter()
            .chain(self.program.flags)
            .filter(|f| f.required && !given.contains_key(f.name))
            .map(|f| format!("'--{}'", f.name))
            .collect();
        if !missing.is_empty() {
            return Err(Stop::Error(format!("required flag(s) {} not provided", missing.join(", "))));
        }
        let defs = self.command.map_or(&[][..], |c| c.args);
        let args = assign(defs, std::mem::take(&mut self.args))?;
        Ok(Matches { program: self.program, command: self.command, given, args })
    }
}

fn assign(defs: &'static [ArgDef], words: Vec<String>) -> Result<HashMap<&'static str, Vec<String>>, Stop> {
    let mut args: HashMap<&'static str, Vec<String>> = HashMap::new();
    let mut words = words.into_iter();
    for def in defs {
        let taken: Vec<String> =
            if def.repeatable { words.by_ref().collect() } else { words.next().into_iter().collect() };
        if !taken.is_empty() {
            args.insert(def.name, taken);
        } else if def.required {
            return Err(Stop::Error(format!("required argument '{}' not provided", def.name)));
        } else if let Some(default) = def.default {
            args.insert(def.name, vec![default.to_owned()]);
        }
    }
    Ok(args)
}

impl ProgramDef {
    /// Returns the halt for a command line that is not understood.
    pub fn refuse(&'static self, text: &str) -> Halt {
        match self.errors {
            ErrorStyle::Usage => {
                let stderr = format!("Error parsing command line arguments: {text}\n");
                Halt { stdout: self.usage(), stderr, code: 2 }
            }
            ErrorStyle::TryHelp => Halt::error(format!("{}: error: {text}, try --help\n", self.name), 1),
        }
    }
}

#[cfg(test)]
mod tests;
