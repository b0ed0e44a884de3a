//! Answers of the API as upstream's promtool prints them: PromQL-like lines, or JSON.

use firesteel_go_compat::{FloatForm, format_float_as, parse_float, quote};
use serde_json::Value as Json;

fn unexpected(what: &str) -> String {
    format!("query error: unexpected {what} in the answer")
}

/// Returns the lines of a query's `data`.
pub(crate) fn value(data: &Json) -> Result<Vec<String>, String> {
    let result = data.get("result").unwrap_or(&Json::Null);
    let list = || result.as_array().ok_or_else(|| unexpected("result"));
    match data.get("resultType").and_then(Json::as_str).unwrap_or("") {
        "vector" => {
            let samples: Option<Vec<String>> = list()?
                .iter()
                .map(|sample| {
                    Some(format!("{} => {}", metric(sample)?, point(sample.get("value").or(sample.get("histogram"))?)?))
                })
                .collect();
            Ok(vec![samples.ok_or_else(|| unexpected("sample"))?.join("\n")])
        }
        "matrix" => {
            let series: Option<Vec<String>> = list()?
                .iter()
                .map(|series| {
                    let points = series.get("values").or(series.get("histograms"))?.as_array()?;
                    let points: Option<Vec<String>> = points.iter().map(point).collect();
                    Some(format!("{} =>\n{}", metric(series)?, points?.join("\n")))
                })
                .collect();
            Ok(vec![series.ok_or_else(|| unexpected("series"))?.join("\n")])
        }
        "scalar" => Ok(vec![format!("scalar: {}", point(result).ok_or_else(|| unexpected("scalar"))?)]),
        other => Err(format!("query error: unexpected value type {}", quote(other))),
    }
}

/// `1 @[1700000000.123]`.
fn point(pair: &Json) -> Option<String> {
    let at = pair.get(0)?;
    let value = pair.get(1)?;
    Some(format!("{} @[{at}]", value.as_str().map_or_else(|| value.to_string(), without_exponent)))
}

/// Upstream's client reads each value and prints it as `'f'`: 1e+21 of the API becomes all its digits.
fn without_exponent(text: &str) -> String {
    match parse_float(text) {
        Ok(value) if text.contains('e') => format_float_as(value, FloatForm::Fixed).to_string(),
        _ => text.to_owned(),
    }
}

/// Does so in all pairs of time and value below `json`.
fn expand(json: &mut Json) {
    match json {
        Json::Array(pair) => match pair.as_mut_slice() {
            [Json::Number(_), Json::String(text)] => *text = without_exponent(text),
            items => items.iter_mut().for_each(expand),
        },
        Json::Object(series) => {
            series.iter_mut().filter(|(key, _)| *key == "value" || *key == "values").for_each(|(_, v)| expand(v));
        }
        _ => {}
    }
}

/// `name{a="b", c="d"}`.
fn metric(series: &Json) -> Option<String> {
    let labels = series.get("metric")?.as_object()?;
    let name = labels.get("__name__").and_then(Json::as_str);
    let plain = name.is_some_and(|name| {
        let first_fits = !name.starts_with(|c: char| c.is_ascii_digit());
        first_fits && name.bytes().all(|b| b == b'_' || b == b':' || b.is_ascii_alphanumeric())
    });
    let mut inside: Vec<String> = Vec::new();
    if let Some(name) = name.filter(|_| !plain) {
        inside.push(quote(name).to_string());
    }
    let others = labels.iter().filter(|(label, _)| *label != "__name__");
    inside.extend(others.map(|(label, value)| pair(label, value)));
    Some(match name.filter(|_| plain) {
        Some(name) if inside.is_empty() => name.to_owned(),
        name => format!("{}{{{}}}", name.unwrap_or(""), inside.join(", ")),
    })
}

fn pair(label: &str, value: &Json) -> String {
    format!("{label}={}", quote(value.as_str().unwrap_or("")))
}

/// Returns a line for each series.
pub(crate) fn series(data: &Json) -> Result<Vec<String>, String> {
    let line = |series: &Json| {
        let labels: Vec<String> = series.as_object()?.iter().map(|(label, value)| pair(label, value)).collect();
        Some(format!("{{{}}}", labels.join(", ")))
    };
    let list = data.as_array().ok_or_else(|| unexpected("series"))?;
    list.iter().map(|series| line(series).ok_or_else(|| unexpected("series"))).collect()
}

/// Returns a line for each value.
pub(crate) fn label_values(data: &Json) -> Result<Vec<String>, String> {
    let list = data.as_array().ok_or_else(|| unexpected("label values"))?;
    Ok(list.iter().filter_map(Json::as_str).map(str::to_owned).collect())
}

/// Returns the result as Go's encoder writes it: `<`, `>` and `&` as escapes.
pub(crate) fn json(data: &Json) -> Result<String, String> {
    let mut shown = data.get("result").unwrap_or(data).clone();
    if data.get("resultType").is_some_and(|kind| kind != "string") {
        expand(&mut shown);
    }
    let text = serde_json::to_string(&shown).map_err(|error| format!("query error: {error}"))?;
    Ok(text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
}
