//! Values as Go's `encoding/json` writes them.

use std::fmt::Write as _;

use firesteel_go_compat::{FloatForm, format_float_as};

use crate::gotime::Time;
use crate::value::Value;

/// `json.Marshal`
pub(crate) fn marshal(value: &Value) -> Result<String, String> {
    let mut out = String::new();
    write(&mut out, value)?;
    Ok(out)
}

/// As [`marshal`], but a value with a text of its own is that text, unless it knows its JSON, too.
pub(crate) fn marshal_or_text(value: &Value) -> Result<String, String> {
    match value.type_of().and_then(|type_| type_.text) {
        Some(text) if Time::of(value).is_none() => marshal(&Value::from(text(value))),
        _ => marshal(value),
    }
}

fn write(out: &mut String, value: &Value) -> Result<(), String> {
    if let Some(time) = Time::of(value) {
        write_text(out, &time.format("2006-01-02T15:04:05.999999999Z07:00"));
        return Ok(());
    }
    match value.indirect() {
        Value::Nil | Value::NilInterface | Value::Pointer(..) => out.push_str("null"),
        Value::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
        Value::Int(v, _) => {
            // Writing to memory cannot fail.
            let _ = write!(out, "{v}");
        }
        Value::Uint(v, _) => {
            let _ = write!(out, "{v}");
        }
        Value::Float(v) => write_float(out, *v)?,
        Value::String(text, _) => write_text(out, text),
        Value::List(list) => {
            out.push('[');
            for (at, item) in list.items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(out, item)?;
            }
            out.push(']');
        }
        Value::Map(map) => write_pairs(out, map.entries.iter().map(|(key, value)| (&**key, value)))?,
        Value::Record(record) => {
            let name = |field: &'static str| {
                let names = record.type_.json_names;
                names.iter().find(|(known, _)| *known == field).map_or(field, |(_, json)| *json)
            };
            write_pairs(out, record.fields.iter().map(|(field, value)| (name(field), value)))?;
        }
        Value::Func(_) => return Err("json: unsupported type: func()".to_owned()),
    }
    Ok(())
}

fn write_pairs<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, &'a Value)>) -> Result<(), String> {
    out.push('{');
    for (at, (key, value)) in pairs.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_text(out, key);
        out.push(':');
        // A slice or map that was never made is null, but templates know no such value.
        write(out, value)?;
    }
    out.push('}');
    Ok(())
}

fn write_float(out: &mut String, v: f64) -> Result<(), String> {
    if !v.is_finite() {
        let shown = firesteel_go_compat::format_float(v);
        return Err(format!("json: unsupported value: {shown}"));
    }
    let is_plain = v == 0.0 || (1e-6..1e21).contains(&v.abs());
    if is_plain {
        let _ = write!(out, "{}", format_float_as(v, FloatForm::Fixed));
        return Ok(());
    }
    let text = format_float_as(v, FloatForm::Exponent).to_string();
    // e-09 is e-9.
    match text.rsplit_once("e-0") {
        Some((digits, exponent)) => {
            let _ = write!(out, "{digits}e-{exponent}");
        }
        None => out.push_str(&text),
    }
    Ok(())
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            c if c < ' ' || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
