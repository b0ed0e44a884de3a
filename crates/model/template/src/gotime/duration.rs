//! `time.Duration`.

use firesteel_go_compat::format_go_duration;

use crate::func::Func;
use crate::types::{Kind, Type};
use crate::value::Value;

/// `time.Duration`: nanoseconds.
pub static DURATION: Type =
    Type::named("time.Duration", Kind::Int).with_methods(method).with_text(|value| format_go_duration(ns(value)));
/// `*time.Duration`
pub static DURATION_POINTER: Type = Type::pointer("*time.Duration", &DURATION);

/// A `time.Duration` of so many nanoseconds.
pub fn duration(ns: i64) -> Value {
    Value::Int(ns, &DURATION)
}

pub(super) fn ns(value: &Value) -> i64 {
    match value.indirect() {
        Value::Int(ns, _) => *ns,
        _ => 0,
    }
}

fn method(value: &Value, name: &str) -> Option<Func<'static>> {
    let own = ns(value);
    let constant = |value: Value| Func::new(&[], move |_| Ok(value.clone()));
    let whole = |unit: i64| Value::Int(own / unit, &crate::types::INT64);
    // Go adds whole units and the rest, each as a float.
    let parts = |unit: i64| Value::Float((own / unit) as f64 + (own % unit) as f64 / unit as f64);
    Some(match name {
        "String" => constant(format_go_duration(own).into()),
        "Nanoseconds" => constant(Value::Int(own, &crate::types::INT64)),
        "Microseconds" => constant(whole(1_000)),
        "Milliseconds" => constant(whole(1_000_000)),
        "Seconds" => constant(parts(1_000_000_000)),
        "Minutes" => constant(parts(60_000_000_000)),
        "Hours" => constant(parts(3_600_000_000_000)),
        "Abs" => constant(duration(own.checked_abs().unwrap_or(i64::MAX))),
        "Truncate" => Func::new(&[&DURATION], move |args| Ok(duration(truncate(own, args.first().map_or(0, ns))))),
        "Round" => Func::new(&[&DURATION], move |args| Ok(duration(round(own, args.first().map_or(0, ns))))),
        _ => return None,
    })
}

fn truncate(own: i64, unit: i64) -> i64 {
    if unit <= 0 { own } else { own - own % unit }
}

/// To the nearest multiple, halves away from zero; what overflows is cut to the largest.
fn round(own: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return own;
    }
    let rest = own % unit;
    let down = own - rest;
    let goes_down = rest.unsigned_abs() * 2 < unit.unsigned_abs();
    match (goes_down, own < 0) {
        (true, _) => down,
        (false, true) => down.checked_sub(unit).unwrap_or(i64::MIN),
        (false, false) => down.checked_add(unit).unwrap_or(i64::MAX),
    }
}
