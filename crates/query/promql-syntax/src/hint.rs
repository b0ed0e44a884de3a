//! Advice on faults that people make often: codes FS1001 to FS1012.
//!
//! A suggestion is offered only if it parses.

use crate::{
    error::{Hint, ParseError},
    functions::{FUNCTIONS, function},
    operators::AggregateOp,
    options::ParserOptions,
    parse::{parse_metric_selector, parse_unadvised},
    span::Span,
};

/// Returns advice on the first fault of a query, if there is any.
pub(crate) fn advise(query: &str, error: &ParseError) -> Option<Hint> {
    let message = error.message.as_str();
    let span = error.span;
    match message {
        "unexpected \"=\"" | "unexpected \"=\" in aggregation" => Some(hint(
            "FS1003",
            "`=` compares labels inside {}; to compare values write `==`",
            replaced(query, span, "=="),
        )),
        "unexpected character after '=': '~'" | "unexpected character after '!': '~'" => {
            Some(hint("FS1004", "`=~` and `!~` compare labels and belong inside {}", None))
        }
        "unexpected <by> in aggregation" | "unexpected <without> in aggregation" => closed_before(query, span),
        "unclosed left parenthesis" => {
            Some(hint("FS1007", "a `)` is missing", valid(format!("{})", query.trim_end()))))
        }
        "trailing commas not allowed in function call args" => {
            Some(hint("FS1008", "remove the comma behind the last argument", replaced(query, span, "")))
        }
        "comparisons between scalars must use BOOL modifier" => {
            let operator = query.get(span.start..span.end)?;
            let fixed = replaced(query, span, &format!("{operator} bool"));
            Some(hint("FS1009", "two numbers compare with `bool`, which gives 0 or 1", fixed))
        }
        "vector selector must contain at least one non-empty matcher" => Some(hint(
            "FS1012",
            "this selects every series; to mean \"has the label\" use the pattern .+",
            valid(query.replace("\".*\"", "\".+\"")).filter(|fixed| fixed != query),
        )),
        _ if message.starts_with("unexpected character") => typographic_quotes(query, span),
        _ if message.starts_with("unknown function with name") => similar_function(query, span),
        _ if message.contains("in grouping opts, expected \"(\"") => labels_in_parens(query, span),
        _ => wrong_type(query, message, span),
    }
}

fn hint(code: &'static str, message: impl Into<String>, suggestion: Option<String>) -> Hint {
    Hint { code, message: message.into(), suggestion }
}

/// Returns the query if it parses.
fn valid(query: String) -> Option<String> {
    parse_unadvised(&query, ParserOptions::ALL).is_ok().then_some(query)
}

fn replaced(query: &str, span: Span, by: &str) -> Option<String> {
    valid(format!("{}{by}{}", query.get(..span.start)?, query.get(span.end..)?))
}

/// `sum(rate(x[5m]) by (job)`.
fn closed_before(query: &str, span: Span) -> Option<Hint> {
    let (before, after) = (query.get(..span.start)?, query.get(span.start..)?);
    let word = query.get(span.start..span.end)?;
    let before = before.trim_end();
    Some(hint("FS1005", format!("a `)` is missing before `{word}`"), valid(format!("{before}) {after}"))))
}

fn typographic_quotes(query: &str, span: Span) -> Option<Hint> {
    const DOUBLE: [char; 3] = ['“', '”', '„'];
    const SINGLE: [char; 2] = ['‘', '’'];
    let is_quote = |c| DOUBLE.contains(&c) || SINGLE.contains(&c);
    let at_fault = query.get(span.start..)?.chars().next()?;
    if !is_quote(at_fault) {
        return None;
    }
    let fixed = query.replace(DOUBLE, "\"").replace(SINGLE, "'");
    Some(hint("FS1001", "these are typographic quotes; use \"plain\" ones", valid(fixed)))
}

fn similar_function(query: &str, span: Span) -> Option<Hint> {
    let name = query.get(span.start..span.end)?;
    let lower = name.to_ascii_lowercase();
    let known = FUNCTIONS.iter().map(|function| function.name).chain(AggregateOp::ALL.iter().map(|op| op.as_str()));
    let nearest = known
        .map(|known| (strsim::damerau_levenshtein(&lower, known), known))
        .filter(|(distance, known)| *distance <= 2 && *distance * 2 < known.len())
        .min();
    let Some((_, nearest)) = nearest else {
        return Some(hint("FS1002", format!("there is no function `{name}`"), None));
    };
    let message = format!("there is no function `{name}`; did you mean `{nearest}`?");
    Some(hint("FS1002", message, replaced(query, span, nearest)))
}

/// `avg(x) by instance, job`.
fn labels_in_parens(query: &str, span: Span) -> Option<Hint> {
    let rest = query.get(span.start..)?;
    let mut end = 0;
    for part in rest.split_inclusive(',') {
        let name = part.trim_end_matches(',').trim();
        let is_name = !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
        let word = part.trim_start();
        let length = word.bytes().take_while(|&b| b == b'_' || b.is_ascii_alphanumeric()).count();
        if length == 0 {
            break;
        }
        end += part.len() - word.len() + length;
        if !is_name || !part.ends_with(',') {
            break;
        }
        end += part.len() - (part.len() - word.len() + length);
    }
    let labels = rest.get(..end)?.trim_end_matches([',', ' ']);
    if labels.is_empty() {
        return None;
    }
    let fixed = replaced(query, Span::new(span.start, span.start + labels.len()), &format!("({labels})"));
    Some(hint("FS1006", format!("put the labels in parentheses: ({labels})"), fixed))
}

fn wrong_type(query: &str, message: &str, span: Span) -> Option<Hint> {
    let name = message.split_once("in call to function \"").and_then(|(_, rest)| rest.split('"').next());
    let argument = query.get(span.start..span.end)?;
    if let Some(name) = name.filter(|_| message.starts_with("expected type range vector")) {
        function(name)?;
        if message.ends_with("got instant vector") && parse_metric_selector(argument).is_ok() {
            let fixed = replaced(query, Span::new(span.end, span.end), "[5m]");
            return Some(hint("FS1010", format!("{name} needs a time window: {name}({argument}[5m])"), fixed));
        }
        return Some(hint("FS1010", format!("{name} needs a time window, such as {name}(metric[5m])"), None));
    }
    if message.starts_with("expected type instant vector") && message.ends_with("got range vector") {
        let advice =
            format!("{argument} is a range of samples; a function such as rate or avg_over_time makes it a vector");
        return Some(hint("FS1011", advice, None));
    }
    None
}
