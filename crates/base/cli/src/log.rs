//! Logging: `tracing` events printed in upstream's slog shape.
//!
//! `time=2026-11-21T03:49:40.084Z level=INFO source=app.rs:75 msg="…" component=tsdb key=value`, or the same as a JSON
//! object. A `component` field comes first after the message, as upstream's loggers attach it. There are no spans: the
//! subscriber is one line writer, which is all the servers need and costs nothing at start. Events of foreign crates show
//! from WARN up only.

mod clock;
mod json;
mod logfmt;

use std::cell::RefCell;
use std::fmt;
use std::io::Write as _;

use tracing::field::{Field, Visit};
use tracing::metadata::LevelFilter;
use tracing::span;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::{FlagDef, FlagKind};

/// The flags that every program has for its log.
pub const LOG_FLAGS: [FlagDef; 2] = [
    FlagDef::new(
        "log.level",
        FlagKind::Checked(check_level),
        "Only log messages with the given severity or above. One of: [debug, info, warn, error]",
    )
    .default(&["info"]),
    FlagDef::new(
        "log.format",
        FlagKind::Checked(check_format),
        "Output format of log messages. One of: [logfmt, json]",
    )
    .default(&["logfmt"]),
];

/// The shape of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    #[default]
    Logfmt,
    Json,
}

/// Makes this process log to stderr: events at `level` (`debug`, `info`, `warn`, `error`) and above, in `format`
/// (`logfmt`, `json`). The first call wins; a program makes one.
pub fn init(level: &str, format: &str) {
    let format = if format == "json" { Format::Json } else { Format::Logfmt };
    // A second call means that two servers run in one test process: both log the same way.
    let _ = tracing::subscriber::set_global_default(Lines {
        level: level_named(level).unwrap_or(LevelFilter::INFO),
        format,
    });
}

fn level_named(name: &str) -> Option<LevelFilter> {
    match name.to_ascii_lowercase().as_str() {
        "debug" => Some(LevelFilter::DEBUG),
        "info" => Some(LevelFilter::INFO),
        "warn" => Some(LevelFilter::WARN),
        "error" => Some(LevelFilter::ERROR),
        _ => None,
    }
}

fn check_level(text: &str) -> Result<(), String> {
    level_named(text).map(drop).ok_or_else(|| format!("unrecognized log level {text}"))
}

fn check_format(text: &str) -> Result<(), String> {
    if matches!(text, "logfmt" | "json") { Ok(()) } else { Err(format!("unrecognized log format {text}")) }
}

/// Prints each event as one line.
#[derive(Debug)]
struct Lines {
    level: LevelFilter,
    format: Format,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let limit =
            if metadata.target().starts_with("firesteel") { self.level } else { self.level.min(LevelFilter::WARN) };
        metadata.is_event() && *metadata.level() <= limit
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        thread_local!(static LINE: RefCell<(Record, Vec<u8>)> = RefCell::default());
        LINE.with_borrow_mut(|(record, line)| {
            record.clear();
            line.clear();
            event.record(record);
            let about = About { at: clock::now(), level: *event.metadata().level(), source: event.metadata() };
            match self.format {
                Format::Logfmt => logfmt::push(line, &about, record),
                Format::Json => json::push(line, &about, record),
            }
            line.push(b'\n');
            // There is nowhere to say that stderr is gone.
            let _ = std::io::stderr().write_all(line);
        });
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Where and when an event happened.
struct About<'a> {
    at: clock::UtcTime,
    level: Level,
    source: &'a Metadata<'a>,
}

impl About<'_> {
    fn file(&self) -> &str {
        let file = self.source.file().unwrap_or("");
        file.rsplit('/').next().unwrap_or(file)
    }

    fn line(&self) -> u32 {
        self.source.line().unwrap_or(0)
    }
}

/// One event's message and fields.
#[derive(Default, Debug)]
struct Record {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

/// A field's value. JSON keeps numbers and booleans bare.
#[derive(Debug)]
enum Value {
    Bare(String),
    Text(String),
}

impl Record {
    fn clear(&mut self) {
        self.message.clear();
        self.fields.clear();
    }

    fn push(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Bare(text) | Value::Text(text)) => self.message = text,
            ("component", value) => self.fields.insert(0, ("component", value)),
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, Value::Text(value.to_owned()));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, Value::Bare(value.to_string()));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, Value::Bare(value.to_string()));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bare(value.to_string()));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, Value::Bare(value.to_string()));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, Value::Text(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests;
