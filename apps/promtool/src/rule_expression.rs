//! What is wrong with a rule's expression, or will hardly be meant, as faults inside its text.

use std::time::Duration;

use firesteel_config::{Severity, TextFault};
use firesteel_go_compat::format_duration;
use firesteel_promql_syntax::{ParseError, ParserOptions, parse};

/// Returns the fault that stops the parser, or advice on what parses.
pub(crate) fn faults(expr: &str, options: ParserOptions, scrape_interval: Duration) -> Vec<TextFault> {
    match parse(expr, options) {
        Err(errors) => vec![fault(expr, errors.first())],
        Ok(_) => advice(expr, options, scrape_interval),
    }
}

fn fault(expr: &str, error: &ParseError) -> TextFault {
    let end = error.span.end.max(error.span.start + 1).min(expr.len());
    let (code, label, suggestion) = match &error.hint {
        Some(hint) => (hint.code, Some(hint.message.clone()), hint.suggestion.clone()),
        None => ("FS1000", None, None),
    };
    TextFault {
        severity: Severity::Error,
        code,
        range: error.span.start.min(end)..end,
        message: format!("this expression cannot be parsed: {}", error.message),
        label,
        upstream: error.to_string(),
        suggestion,
    }
}

/// Advice on an expression that parses. It is read letter by letter: what is looked for is how it was written.
fn advice(expr: &str, options: ParserOptions, scrape_interval: Duration) -> Vec<TextFault> {
    let mut found = Vec::new();
    for (start, end) in windows(expr) {
        let Some(inner) = expr.get(start..end) else { continue };
        let window = inner.split(':').next().unwrap_or(inner).trim();
        if !window.is_empty() && window.bytes().all(|b| b.is_ascii_digit()) {
            let meant = format!("{}{window}m{}", &expr[..start], &expr[start + window.len()..]);
            found.push(TextFault {
                suggestion: parse(&meant, options).is_ok().then_some(meant),
                ..warning("FS1202", start..start + window.len(), format!("[{window}] is {window} seconds"))
                    .label(format!("did you mean [{window}m]?"))
            });
        } else if let Ok(length) = firesteel_go_compat::parse_duration(window)
            && !inner.contains(':')
            && !scrape_interval.is_zero()
            && length < scrape_interval * 2
        {
            let every = format_duration(scrape_interval);
            let enough = format_duration(scrape_interval * 4);
            found.push(
                warning("FS1203", start..end, format!("[{inner}] mostly holds fewer than two samples"))
                    .label(format!("series come every {every}; use at least [{enough}]")),
            );
        }
    }
    if let Some(at) = hyphen_in_a_name(expr) {
        let (a, b) = (&expr[..at], &expr[at + 1..]);
        found.push(
            warning("FS1201", 0..expr.len(), format!("read as {a} minus {b}"))
                .label(format!("if it is one metric, its name is probably {a}_{b}")),
        );
    }
    found
}

fn warning(code: &'static str, range: std::ops::Range<usize>, message: String) -> TextFault {
    TextFault {
        severity: Severity::Warning,
        code,
        range,
        message,
        label: None,
        upstream: String::new(),
        suggestion: None,
    }
}

trait Labelled {
    fn label(self, label: String) -> Self;
}

impl Labelled for TextFault {
    fn label(mut self, label: String) -> Self {
        self.label = Some(label);
        self
    }
}

/// Returns the insides of all brackets that stand outside of strings.
fn windows(expr: &str) -> Vec<(usize, usize)> {
    let (mut out, mut quote, mut open) = (Vec::new(), None, None);
    let mut bytes = expr.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match (quote, byte) {
            (Some(q), b'\\') if q != b'`' => {
                bytes.next();
            }
            (Some(q), b) if b == q => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'[') => open = Some(at + 1),
            (None, b']') => out.extend(open.take().map(|start| (start, at))),
            _ => {}
        }
    }
    out
}

/// `http-requests` and nothing else: two names with a hyphen between and no blanks.
fn hyphen_in_a_name(expr: &str) -> Option<usize> {
    let (a, b) = expr.trim().split_once('-')?;
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':'))
    };
    (expr.trim() == expr && is_name(a) && is_name(b)).then_some(a.len())
}
