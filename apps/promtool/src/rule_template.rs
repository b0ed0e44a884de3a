//! Faults of an alert's templates, as the parser of templates finds them, with what was meant.

use std::ops::Range;

use firesteel_config::{Severity, TextFault};
use firesteel_template::TemplateError;
use firesteel_template::prometheus::{check_alert_template, function_names};
use firesteel_yaml::nearest;

/// What upstream defines in front of each template (model/rulefmt, `testTemplateParsing`).
const VARIABLES: [&str; 4] = ["$labels", "$value", "$externalLabels", "$externalURL"];
/// Go's own functions.
const BUILTINS: [&str; 19] = [
    "and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
    "println", "slice", "urlquery",
];

/// Returns what stops the parser.
pub(crate) fn fault(alert: &str, text: &str) -> Option<TextFault> {
    let error = check_alert_template(alert, text).err()?;
    let word = |what: &str| -> Option<String> {
        let quoted = error.message.strip_prefix(what)?.trim();
        Some(quoted.split('"').nth(1)?.to_owned())
    };
    if let Some(name) = word("undefined variable ") {
        return Some(unknown_variable(text, &name, &error));
    }
    if let Some(name) = word("function ").filter(|_| error.message.ends_with("not defined")) {
        return Some(unknown_function(text, &name, &error));
    }
    Some(unreadable(text, &error))
}

fn found(
    code: &'static str,
    range: Range<usize>,
    message: impl Into<String>,
    label: Option<String>,
    error: &TemplateError,
) -> TextFault {
    TextFault {
        severity: Severity::Error,
        code,
        range,
        message: message.into(),
        label,
        upstream: error.text.clone(),
        suggestion: None,
    }
}

fn replaced(text: &str, at: usize, old: &str, new: &str) -> Option<String> {
    let (before, after) = (text.get(..at)?, text.get(at..)?.strip_prefix(old)?);
    Some(format!("{before}{new}{after}"))
}

fn unknown_variable(text: &str, name: &str, error: &TemplateError) -> TextFault {
    let at = error.offset;
    let meant = nearest(name, VARIABLES);
    let label = meant.map_or("known: $labels, $value, $externalLabels, $externalURL".to_owned(), |meant| {
        format!("did you mean {meant}?")
    });
    TextFault {
        suggestion: meant.and_then(|meant| replaced(text, at, name, meant)),
        ..found("FS1101", at..at + name.len(), format!("no variable {name}"), Some(label), error)
    }
}

fn unknown_function(text: &str, name: &str, error: &TemplateError) -> TextFault {
    let at = error.offset;
    let meant = nearest(name, function_names().into_iter().chain(BUILTINS));
    // A label or variable without its sign.
    let sign = ["labels", "value", "externalLabels", "externalURL"].contains(&name).then(|| format!("${name}"));
    let meant = sign.or_else(|| meant.map(str::to_owned));
    let label =
        meant.as_ref().map_or("functions have fixed names".to_owned(), |meant| format!("did you mean {meant}?"));
    TextFault {
        suggestion: meant.and_then(|meant| replaced(text, at, name, &meant)),
        ..found("FS1102", at..at + name.len(), format!("no function {name}"), Some(label), error)
    }
}

/// Everything else: what is not closed, and words at the wrong place.
fn unreadable(text: &str, error: &TemplateError) -> TextFault {
    let message = error.message.as_str();
    let last_open = text.rfind("{{").unwrap_or(0);
    if message.starts_with("unclosed action") {
        let label = "close it: }}".to_owned();
        return found("FS1103", last_open..last_open + 2, "`{{` is never closed", Some(label), error);
    }
    if message == "unexpected EOF" {
        let end = text.get(last_open..).and_then(|rest| rest.find("}}")).map_or(text.len(), |at| last_open + at + 2);
        let label = "add {{ end }}".to_owned();
        return found("FS1103", last_open..end, "a block is never ended", Some(label), error);
    }
    if message == "unexpected {{end}}" {
        let start = text.get(..error.offset).and_then(|before| before.rfind("{{")).unwrap_or(last_open);
        let label = "remove it".to_owned();
        return found("FS1103", start..error.offset, "`{{ end }}` without a block that it ends", Some(label), error);
    }
    let start = (0..=error.offset.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let end = text.get(start..).and_then(|rest| rest.chars().next()).map_or(start, |c| start + c.len_utf8());
    found("FS1104", start..end, format!("this template cannot be parsed: {message}"), None, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let found = fault("a", text).map(|fault| fault.upstream).unwrap_or_default();
        assert_eq!(found, want, "{text}");
    }

    /// The texts are those of promtool 3.14.
    #[test]
    fn faults_are_upstreams() {
        check("plain", "");
        check("{{ $labels.instance }} is {{ $value | humanize }}", "");
        check("{{ $label.instance }}", "template: __alert_a:1: undefined variable \"$label\"");
        check("a\nb {{ $values }}", "template: __alert_a:2: undefined variable \"$values\"");
        check("{{ foo }}", "template: __alert_a:1: function \"foo\" not defined");
        check("{{ labels.a }}", "template: __alert_a:1: function \"labels\" not defined");
        check("{{ range query \"up\" }}{{ .Labels.job }}", "template: __alert_a:1: unexpected EOF");
        check("{{ $value ", "template: __alert_a:1: unclosed action");
        check("{{ end }}", "template: __alert_a:1: unexpected {{end}}");
        check("{{ }}", "template: __alert_a:1: missing value for command");
        check("{{ $value & 1 }}", "template: __alert_a:1: unexpected \"&\" in operand");
        check("{{ (1 }}", "template: __alert_a:1: unclosed left paren");
        check("{{ range $i, $x := query \"$a{}\" }}{{ $i }}{{ $x.Value }}{{ end }}", "");
        check("{{ with $v := $value }}{{ printf `%.1f $foo` $v }}{{ end }}", "");
        check("{{/* $foo bar */}}{{- /* {{ */ -}}{{ \"}} $foo\" }}", "");
        check("{{ if gt $value 1.5e3 }}a{{ else if eq 1 'a' }}b{{ else }}c{{ end }}", "");
        check("{{ $externalURL }}{{ $externalLabels.x }}{{ .Labels.foo }}{{ $.Value }}", "");
        check("{{ define \"x\" }}{{ end }}{{ template \"x\" . }}{{ block \"y\" . }}{{ end }}", "");
    }

    #[test]
    fn the_nearest_word_is_offered() {
        let fault = fault("a", "x {{ $label.instance }}").expect("a fault");
        assert_eq!((fault.range, fault.label.as_deref()), (5..11, Some("did you mean $labels?")));
        assert_eq!(fault.suggestion.as_deref(), Some("x {{ $labels.instance }}"));
    }
}
