//! Command lines in upstream's manners, logging, version stamps, exit codes.
//!
//! A program describes its flags once, in a table of [`FlagDef`]; parsing, `--help`, the flags page of the API and the
//! completeness tests all read that table. The manners are those of kingpin, the library that every upstream program
//! uses: `--f=v` and `--f v`, `--no-x` for booleans, `@file` for arguments from a file, repeated flags refused unless
//! cumulative, usage on stdout. It is written by hand because the error texts, the help layout and the quirk that
//! `--flag=true` is refused for booleans are not to be had from clap.
//!
//! [`log::init`] prints `tracing` events in upstream's logfmt or JSON shape.
#![forbid(unsafe_code)]

mod def;
pub mod log;
mod parse;
mod usage;
mod value;
mod version;
mod wrap;

pub use def::{ArgDef, CommandDef, ErrorStyle, FlagDef, FlagKind, Mode, ProgramDef};
pub use parse::{Halt, Matches};
pub use version::{Version, version};
