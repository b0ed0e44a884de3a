//! Faults of an alert's templates that can be seen without running them: variables and functions that do not exist,
//! actions and blocks that are not closed.
//!
//! Only what Go's parser surely refuses is refused: a variable counts as defined if it is defined anywhere in the text.

use std::collections::BTreeSet;

use firesteel_config::{Severity, TextFault};
use firesteel_go_compat::quote;
use firesteel_yaml::nearest;

/// What upstream defines in front of each template (model/rulefmt, `testTemplateParsing`).
const VARIABLES: [&str; 4] = ["$labels", "$value", "$externalLabels", "$externalURL"];
const KEYWORDS: [&str; 11] =
    ["block", "break", "continue", "define", "else", "end", "if", "range", "nil", "template", "with"];
/// Go's own and those of template/template.go.
const FUNCTIONS: [&str; 54] = [
    "and",
    "call",
    "html",
    "index",
    "slice",
    "js",
    "len",
    "not",
    "or",
    "print",
    "printf",
    "println",
    "urlquery",
    "eq",
    "ge",
    "gt",
    "le",
    "lt",
    "ne",
    "true",
    "false",
    "query",
    "first",
    "label",
    "value",
    "strvalue",
    "args",
    "reReplaceAll",
    "safeHtml",
    "match",
    "title",
    "toUpper",
    "toLower",
    "graphLink",
    "tableLink",
    "sortByLabel",
    "stripPort",
    "stripDomain",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "toTime",
    "toDuration",
    "now",
    "pathPrefix",
    "externalURL",
    "parseDuration",
    "urlQueryEscape",
    "strings",
    "sprintf",
    "externalLabels",
    "labels",
];
/// Names of the list above that are listed for suggestions only.
const NOT_FUNCTIONS: [&str; 4] = ["strings", "sprintf", "externalLabels", "labels"];

/// One word of an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Word<'a> {
    Variable(&'a str),
    Name(&'a str),
    /// `:=` or `=`
    Assign,
    Other,
}

/// A word and where it starts in the template.
type Placed<'a> = (usize, Word<'a>);

/// Returns the first fault of a template.
pub(crate) fn fault(alert: &str, text: &str) -> Option<TextFault> {
    let head = |at: usize| format!("template: __alert_{alert}:{}", text[..at].matches('\n').count() + 1);
    let actions = match actions(text) {
        Ok(actions) => actions,
        Err(at) => {
            return Some(
                error("FS1103", at..at + 2, "`{{` is never closed", "close it: }}")
                    .upstream(format!("{}: unclosed action", head(at))),
            );
        }
    };
    let defined: BTreeSet<&str> = defined(&actions);
    let mut open: Vec<usize> = Vec::new();
    for (start, words) in &actions {
        for (at, word) in words {
            match word {
                Word::Variable(name) if !VARIABLES.contains(name) && !defined.contains(name) => {
                    return Some(unknown_variable(text, *at, name, &head(*at)));
                }
                Word::Name(name) if is_unknown_function(name) => {
                    return Some(unknown_function(text, *at, name, &head(*at)));
                }
                _ => {}
            }
        }
        match words.first() {
            Some((_, Word::Name("if" | "range" | "with" | "define" | "block"))) => open.push(*start),
            Some((at, Word::Name("end"))) if open.pop().is_none() => {
                return Some(
                    error("FS1103", *at..at + 3, "`{{ end }}` without a block that it ends", "remove it")
                        .upstream(format!("{}: unexpected {{{{end}}}}", head(*at))),
                );
            }
            _ => {}
        }
    }
    let at = open.pop()?;
    let end = text.get(at..).and_then(|rest| rest.find("}}")).map_or(text.len(), |length| at + length + 2);
    let message = format!("`{}` is never ended", text.get(at..end).unwrap_or("{{"));
    Some(error("FS1103", at..end, &message, "add {{ end }}").upstream(format!("{}: unexpected EOF", head(text.len()))))
}

fn error(code: &'static str, range: std::ops::Range<usize>, message: &str, label: &str) -> TextFault {
    TextFault {
        severity: Severity::Error,
        code,
        range,
        message: message.to_owned(),
        label: Some(label.to_owned()),
        upstream: String::new(),
        suggestion: None,
    }
}

trait Upstream {
    fn upstream(self, text: String) -> Self;
}

impl Upstream for TextFault {
    fn upstream(mut self, text: String) -> Self {
        self.upstream = text;
        self
    }
}

fn replaced(text: &str, at: usize, old: &str, new: &str) -> String {
    format!("{}{new}{}", &text[..at], &text[at + old.len()..])
}

fn unknown_variable(text: &str, at: usize, name: &str, head: &str) -> TextFault {
    let meant = nearest(name, VARIABLES);
    let label = meant.map_or("known: $labels, $value, $externalLabels, $externalURL".to_owned(), |meant| {
        format!("did you mean {meant}?")
    });
    let found = error("FS1101", at..at + name.len(), &format!("no variable {name}"), &label);
    TextFault {
        suggestion: meant.map(|meant| replaced(text, at, name, meant)),
        ..found.upstream(format!("{head}: undefined variable {}", quote(name)))
    }
}

fn unknown_function(text: &str, at: usize, name: &str, head: &str) -> TextFault {
    let known = FUNCTIONS.iter().copied().filter(|name| !NOT_FUNCTIONS.contains(name));
    let meant = nearest(name, known);
    // A label or variable without its sign.
    let sign = ["labels", "value", "externalLabels", "externalURL"].contains(&name).then(|| format!("${name}"));
    let meant = sign.or_else(|| meant.map(str::to_owned));
    let label =
        meant.as_ref().map_or("functions have fixed names".to_owned(), |meant| format!("did you mean {meant}?"));
    let found = error("FS1102", at..at + name.len(), &format!("no function {name}"), &label);
    TextFault {
        suggestion: meant.map(|meant| replaced(text, at, name, &meant)),
        ..found.upstream(format!("{head}: function {} not defined", quote(name)))
    }
}

fn is_unknown_function(name: &str) -> bool {
    !KEYWORDS.contains(&name) && (!FUNCTIONS.contains(&name) || NOT_FUNCTIONS.contains(&name))
}

/// Returns the actions with their place, or the place of one that is not closed.
fn actions(text: &str) -> Result<Vec<(usize, Vec<Placed<'_>>)>, usize> {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find("{{")).map(|found| at + found) {
        let inside = start + 2;
        let rest = text.get(inside..).unwrap_or("");
        let comment = rest.strip_prefix("- ").unwrap_or(rest).starts_with("/*");
        if comment {
            let end = rest.find("*/").and_then(|end| rest[end..].find("}}").map(|close| inside + end + close + 2));
            at = end.ok_or(start)?;
            continue;
        }
        let (words, end) = words(text, inside).ok_or(start)?;
        out.push((start, words));
        at = end;
    }
    Ok(out)
}

/// Reads words up to `}}`; returns them and the place behind it.
fn words(text: &str, mut at: usize) -> Option<(Vec<Placed<'_>>, usize)> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let name_end = |from: usize| {
        let length = text[from..].find(|c: char| !c.is_alphanumeric() && c != '_');
        length.map_or(text.len(), |length| from + length)
    };
    loop {
        let byte = *bytes.get(at)?;
        match byte {
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Some((out, at + 2)),
            b'"' | b'\'' => {
                at += 1;
                while *bytes.get(at)? != byte {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
                out.push((at, Word::Other));
            }
            b'`' => {
                at += 2 + text.get(at + 1..)?.find('`')?;
                out.push((at, Word::Other));
            }
            b'$' => {
                let end = name_end(at + 1);
                out.push((at, Word::Variable(&text[at..end])));
                at = field_end(text, end);
            }
            b'.' => {
                out.push((at, Word::Other));
                at = field_end(text, at).max(at + 1);
            }
            b'=' => {
                out.push((at, Word::Assign));
                at += 1;
            }
            b'0'..=b'9' => {
                out.push((at, Word::Other));
                at = name_end(at);
            }
            b if b == b'_' || b.is_ascii_alphabetic() => {
                let end = name_end(at);
                out.push((at, Word::Name(&text[at..end])));
                at = field_end(text, end);
            }
            _ if text.is_char_boundary(at) => at += text[at..].chars().next().map_or(1, char::len_utf8),
            _ => at += 1,
        }
    }
}

/// Returns the place behind `.field.field`.
fn field_end(text: &str, mut at: usize) -> usize {
    while text[at..].starts_with('.') {
        let rest = &text[at + 1..];
        at += 1 + rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    }
    at
}

/// Variables that some action defines: `$x :=`, `range $i, $x :=`; and `$` itself.
fn defined<'a>(actions: &[(usize, Vec<Placed<'a>>)]) -> BTreeSet<&'a str> {
    let mut out = BTreeSet::from(["$"]);
    for (_, words) in actions {
        let Some(assign) = words.iter().position(|(_, word)| *word == Word::Assign) else { continue };
        out.extend(words.iter().take(assign).filter_map(|(_, word)| match word {
            Word::Variable(name) => Some(*name),
            _ => None,
        }));
    }
    out
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
