//! Numbers for people: `humanize` and its kin, and what they take for a number.

use firesteel_go_compat::{FloatForm, parse_float, push_float_precision};

use crate::gotime::{self, DURATION};
use crate::types;
use crate::value::Value;

type Answer = Result<Value, String>;

/// `ConvertToFloat` of prometheus/common.
pub(crate) fn to_float(value: &Value) -> Result<f64, String> {
    match value {
        Value::Float(v) => Ok(*v),
        Value::String(text, type_) if **type_ == types::STRING => {
            parse_float(&**text).map_err(|error| error.to_string())
        }
        Value::Int(v, type_) if **type_ == types::INT || **type_ == types::INT64 => Ok(*v as f64),
        Value::Int(v, type_) if **type_ == DURATION => {
            Ok((*v / 1_000_000_000) as f64 + (*v % 1_000_000_000) as f64 / 1e9)
        }
        Value::Uint(v, type_) if matches!(type_.name, "uint" | "uint64") => Ok(*v as f64),
        other => Err(format!("can't convert {} to float", other.type_name())),
    }
}

/// The first argument as a float.
pub(crate) fn float_arg(args: &[Value]) -> Result<f64, String> {
    to_float(args.first().unwrap_or(&Value::Nil))
}

/// `%.4g`
fn four_digits(v: f64) -> String {
    let mut out = Vec::with_capacity(12);
    push_float_precision(&mut out, v, FloatForm::General, 4);
    String::from_utf8_lossy(&out).into_owned()
}

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

fn divided(mut v: f64, by: f64, prefixes: [&'static str; 8]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if v.abs() < by {
            break;
        }
        prefix = next;
        v /= by;
    }
    (v, prefix)
}

fn multiplied(mut v: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in SMALL {
        if v.abs() >= 1.0 {
            break;
        }
        prefix = next;
        v *= 1000.0;
    }
    (v, prefix)
}

pub(super) fn humanize(args: &[Value]) -> Answer {
    let v = float_arg(args)?;
    if v == 0.0 || !v.is_finite() {
        return Ok(four_digits(v).into());
    }
    let (v, prefix) = if v.abs() >= 1.0 { divided(v, 1000.0, LARGE) } else { multiplied(v) };
    Ok(format!("{}{prefix}", four_digits(v)).into())
}

pub(super) fn humanize1024(args: &[Value]) -> Answer {
    let v = float_arg(args)?;
    if v.abs() <= 1.0 || !v.is_finite() {
        return Ok(four_digits(v).into());
    }
    let (v, prefix) = divided(v, 1024.0, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]);
    Ok(format!("{}{prefix}", four_digits(v)).into())
}

pub(super) fn humanize_percentage(args: &[Value]) -> Answer {
    Ok(format!("{}%", four_digits(float_arg(args)? * 100.0)).into())
}

pub(crate) fn humanize_duration(args: &[Value]) -> Answer {
    let v = float_arg(args)?;
    if !v.is_finite() {
        return Ok(four_digits(v).into());
    }
    if v == 0.0 {
        return Ok(format!("{}s", four_digits(v)).into());
    }
    if v.abs() < 1.0 {
        let (v, prefix) = multiplied(v);
        return Ok(format!("{}{prefix}s", four_digits(v)).into());
    }
    let (sign, v) = if v < 0.0 { ("-", -v) } else { ("", v) };
    // Go's conversion gives the smallest integer for what does not fit.
    let whole = if v >= 9_223_372_036_854_775_808.0 { i64::MIN } else { v as i64 };
    let (seconds, minutes) = (whole % 60, whole / 60 % 60);
    let (hours, days) = (whole / 3600 % 24, whole / 86_400);
    Ok(if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", four_digits(v))
    }
    .into())
}

/// Seconds and nanoseconds of a time as Prometheus keeps it, in milliseconds; none for what is no number.
fn to_time(v: f64) -> Result<Option<(i64, u32)>, String> {
    if !v.is_finite() {
        return Ok(None);
    }
    let ns = v * 1e9;
    if !(-9_223_372_036_854_775_808.0..=9_223_372_036_854_775_808.0).contains(&ns) {
        let shown = crate::gofmt::sprint(&[Value::Float(v)]);
        return Err(format!("{shown} cannot be represented as a nanoseconds timestamp since it overflows int64"));
    }
    let ms = firesteel_go_compat::go_i64(ns) / 1_000_000;
    Ok(Some((ms.div_euclid(1000), ms.rem_euclid(1000) as u32 * 1_000_000)))
}

pub(super) fn humanize_timestamp(args: &[Value]) -> Answer {
    let v = float_arg(args)?;
    Ok(match to_time(v)? {
        None => four_digits(v).into(),
        Some((secs, nanos)) => crate::gofmt::sprint(&[gotime::time(secs, nanos)]).into(),
    })
}

pub(super) fn as_time(args: &[Value]) -> Answer {
    match to_time(float_arg(args)?)? {
        None => Err("value is NaN or Inf".to_owned()),
        Some((secs, nanos)) => Ok(Value::pointer(gotime::time(secs, nanos), &gotime::TIME_POINTER)),
    }
}

pub(super) fn as_duration(args: &[Value]) -> Answer {
    let ns = firesteel_go_compat::go_i64(float_arg(args)? * 1e9);
    Ok(Value::pointer(gotime::duration(ns), &gotime::DURATION_POINTER))
}
