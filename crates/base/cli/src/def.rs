//! What a program's command line may hold: tables of flags, commands and positional arguments.

/// A program: its flags, and its commands if it has any.
#[derive(Debug)]
pub struct ProgramDef {
    /// The name in usage lines and in the version banner, as `prometheus`.
    pub name: &'static str,
    /// The upstream release that this program follows; `None` is that of [`crate::version`].
    pub release: Option<&'static str>,
    pub help: &'static str,
    /// Flags that are legal everywhere; `--help` and `--version` are added by the parser.
    pub flags: &'static [FlagDef],
    pub commands: &'static [CommandDef],
    pub errors: ErrorStyle,
}

/// How a program reports a command line it does not understand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorStyle {
    /// `Error parsing command line arguments: …` on stderr, usage on stdout, exit 2 (the servers).
    Usage,
    /// `promtool: error: …, try --help` on stderr, exit 1 (the tools).
    TryHelp,
}

/// A command, as `check config`: words separated by one space.
#[derive(Debug)]
pub struct CommandDef {
    pub name: &'static str,
    pub help: &'static str,
    pub flags: &'static [FlagDef],
    pub args: &'static [ArgDef],
    pub hidden: bool,
}

/// A positional argument of a command.
#[derive(Debug)]
pub struct ArgDef {
    pub name: &'static str,
    pub help: &'static str,
    pub required: bool,
    /// Takes all that follows.
    pub repeatable: bool,
    pub default: Option<&'static str>,
}

/// A flag. Build it with [`FlagDef::new`] and the `const` methods below.
#[derive(Clone, Copy, Debug)]
pub struct FlagDef {
    pub name: &'static str,
    pub short: Option<char>,
    pub help: &'static str,
    pub kind: FlagKind,
    /// The value when the flag is not given; several only for repeatable flags.
    pub defaults: &'static [&'static str],
    pub placeholder: &'static str,
    pub repeatable: bool,
    pub hidden: bool,
    pub required: bool,
    pub mode: Mode,
}

/// What a flag's value must look like.
#[derive(Clone, Copy, Debug)]
pub enum FlagKind {
    /// `--x` and `--no-x`.
    Bool,
    Text,
    /// A whole number, also in scientific notation (`5e7`).
    Int,
    /// A whole number of 64 bits; nothing else is taken for one.
    Int64,
    Float,
    /// Prometheus' duration: `1d12h`, `5m`, `0`.
    Duration,
    /// Go's duration, with days and weeks: `2ms`, `1.5h`, `1d`.
    GoDuration,
    /// A number of bytes with a unit, powers of two.
    Bytes,
    /// One of the words.
    Enum(&'static [&'static str]),
    /// Checked by the function, which returns the error's text.
    Checked(fn(&str) -> Result<(), String>),
}

/// Which mode of the server a flag belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Any,
    ServerOnly,
    AgentOnly,
}

impl FlagDef {
    /// Returns a visible, optional flag without a default.
    pub const fn new(name: &'static str, kind: FlagKind, help: &'static str) -> Self {
        Self {
            name,
            short: None,
            help,
            kind,
            defaults: &[],
            placeholder: "",
            repeatable: false,
            hidden: false,
            required: false,
            mode: Mode::Any,
        }
    }

    /// Sets the value that stands when the flag is not given.
    #[must_use]
    pub const fn default(mut self, defaults: &'static [&'static str]) -> Self {
        self.defaults = defaults;
        self
    }

    /// Sets what help shows in place of a value.
    #[must_use]
    pub const fn placeholder(mut self, text: &'static str) -> Self {
        self.placeholder = text;
        self
    }

    /// Leaves the flag out of help.
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Lets the flag be given several times.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Makes the flag's absence an error.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Gives the flag a one-letter form.
    #[must_use]
    pub const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// Binds the flag to a mode of the server.
    #[must_use]
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Returns whether the flag takes no value.
    pub const fn is_bool(&self) -> bool {
        matches!(self.kind, FlagKind::Bool)
    }

    /// Returns the help sentence, the mode's sentence included.
    pub fn full_help(&self) -> String {
        match self.mode {
            Mode::Any => self.help.to_owned(),
            Mode::ServerOnly => format!("{} Use with server mode only.", self.help),
            Mode::AgentOnly => format!("{} Use with agent mode only.", self.help),
        }
    }

    /// Returns what help shows behind the `=`.
    pub fn shown_value(&self) -> String {
        if !self.placeholder.is_empty() {
            return self.placeholder.to_owned();
        }
        let more = if self.defaults.len() > 1 { "..." } else { "" };
        match self.defaults.first() {
            // Only plain strings are quoted; lists and parsed values are shown as they are.
            Some(first) if matches!(self.kind, FlagKind::Text) && !self.repeatable => format!("{first:?}{more}"),
            Some(first) => format!("{first}{more}"),
            None => self.name.to_uppercase(),
        }
    }
}

impl ArgDef {
    /// Returns a required argument.
    pub const fn required(name: &'static str, help: &'static str) -> Self {
        Self { name, help, required: true, repeatable: false, default: None }
    }

    /// Returns an optional argument.
    pub const fn optional(name: &'static str, help: &'static str) -> Self {
        Self { name, help, required: false, repeatable: false, default: None }
    }

    /// Lets the argument take all that follows.
    #[must_use]
    pub const fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// Sets the value that stands when the argument is not given.
    #[must_use]
    pub const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }
}
