//! Methods of `time.Time`.

use firesteel_go_compat::{CivilDate, days_in_month};

use super::duration::{DURATION, duration, ns};
use super::layout;
use super::{Time, Zone};
use crate::func::Func;
use crate::types::{INT, INT64, Kind, STRING, Type};
use crate::value::Value;

/// `time.Time`
pub static TIME: Type = Type::record("time.Time", true).with_methods(method).with_text(text);
/// `*time.Time`
pub static TIME_POINTER: Type = Type::pointer("*time.Time", &TIME);
static MONTH: Type = Type::named("time.Month", Kind::Int).with_methods(name_of).with_text(|month| match month {
    Value::Int(month @ 1..=12, _) => layout::MONTHS[*month as usize - 1].to_owned(),
    Value::Int(month, _) => format!("%!Month({month})"),
    _ => String::new(),
});
static WEEKDAY: Type = Type::named("time.Weekday", Kind::Int).with_methods(name_of).with_text(|day| match day {
    Value::Int(day @ 0..=6, _) => layout::DAYS[*day as usize].to_owned(),
    Value::Int(day, _) => format!("%!Weekday({day})"),
    _ => String::new(),
});

/// The seconds of the year 1, which is Go's zero time.
pub(super) const ZERO_TIME_SECS: i64 = -62_135_596_800;

fn name_of(value: &Value, name: &str) -> Option<Func<'static>> {
    if name != "String" {
        return None;
    }
    let text = value.type_of()?.text?(value);
    Some(Func::new(&[], move |_| Ok(text.as_str().into())))
}

fn text(value: &Value) -> String {
    Time::of(value).map(|time| layout::format(time, "2006-01-02 15:04:05.999999999 -0700 MST")).unwrap_or_default()
}

fn method(value: &Value, name: &str) -> Option<Func<'static>> {
    let time = Time::of(value)?.clone();
    let constant = |value: Value| Func::new(&[], move |_| Ok(value.clone()));
    let second = time.second_of_day();
    let since_epoch = |per_second: i64, ns: i64| {
        Value::Int(time.unix_secs.wrapping_mul(per_second).wrapping_add(i64::from(time.nanos) / ns), &INT64)
    };
    Some(match name {
        "String" => constant(text(value).into()),
        "Unix" => constant(Value::Int(time.unix_secs, &INT64)),
        "UnixMilli" => constant(since_epoch(1_000, 1_000_000)),
        "UnixMicro" => constant(since_epoch(1_000_000, 1_000)),
        "UnixNano" => constant(since_epoch(1_000_000_000, 1)),
        "Year" => constant(Value::int(time.date().year)),
        "Month" => constant(Value::Int(i64::from(time.date().month), &MONTH)),
        "Day" => constant(Value::int(i64::from(time.date().day))),
        "Hour" => constant(Value::int(second / 3600)),
        "Minute" => constant(Value::int(second / 60 % 60)),
        "Second" => constant(Value::int(second % 60)),
        "Nanosecond" => constant(Value::int(i64::from(time.nanos))),
        "Weekday" => constant(Value::Int(time.weekday() as i64, &WEEKDAY)),
        "YearDay" => constant(Value::int(layout::year_day(&time))),
        "IsZero" => constant(Value::Bool(time.unix_secs == ZERO_TIME_SECS && time.nanos == 0)),
        "UTC" => constant(Time { zone: Zone::Utc, ..time }.into_value()),
        "Local" => match Zone::load("Local") {
            Ok(zone) => constant(Time { zone, ..time }.into_value()),
            Err(error) => Func::new(&[], move |_| Err(error.clone())),
        },
        "Location" => constant(Value::string(time.zone.name())),
        "GoString" => constant(time.instant().to_rfc3339_nano().into()),
        "Format" => Func::new(&[&STRING], move |args| {
            Ok(layout::format(&time, args.first().and_then(Value::as_str).unwrap_or_default()).into())
        }),
        "Add" => Func::new(&[&DURATION], move |args| Ok(time.plus_ns(args.first().map_or(0, ns)).into_value())),
        "AddDate" => Func::new(&[&INT, &INT, &INT], move |args| Ok(add_date(&time, args).into_value())),
        "Sub" => with_time(time, |own, other| duration(own.minus(other))),
        "Before" => with_time(time, |own, other| Value::Bool(own.minus(other) < 0)),
        "After" => with_time(time, |own, other| Value::Bool(own.minus(other) > 0)),
        "Equal" => with_time(time, |own, other| Value::Bool(own.minus(other) == 0)),
        "Compare" => with_time(time, |own, other| Value::int(own.minus(other).signum())),
        "Truncate" => Func::new(&[&DURATION], move |args| Ok(to_multiple(&time, args, false).into_value())),
        "Round" => Func::new(&[&DURATION], move |args| Ok(to_multiple(&time, args, true).into_value())),
        _ => return None,
    })
}

fn with_time(time: Time, body: fn(&Time, &Time) -> Value) -> Func<'static> {
    Func::new(&[&TIME], move |args| match args.first().and_then(Time::of) {
        Some(other) => Ok(body(&time, other)),
        None => Ok(Value::Nil),
    })
}

/// Multiples are counted from the year 1.
fn to_multiple(time: &Time, args: &[Value], nearest: bool) -> Time {
    let unit = i128::from(args.first().map_or(0, ns));
    if unit <= 0 {
        return time.clone();
    }
    let since = (i128::from(time.unix_secs) - i128::from(ZERO_TIME_SECS)) * 1_000_000_000 + i128::from(time.nanos);
    let rest = since.rem_euclid(unit);
    let step = if nearest && rest * 2 >= unit { unit - rest } else { -rest };
    time.plus_ns(i64::try_from(step).unwrap_or(0))
}

fn add_date(time: &Time, args: &[Value]) -> Time {
    let number = |at: usize| match args.get(at) {
        Some(Value::Int(v, _)) => (*v).clamp(-1_000_000, 1_000_000),
        _ => 0,
    };
    let date = time.date();
    let months = date.year.saturating_add(number(0)) * 12 + i64::from(date.month) - 1 + number(1);
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) as u32 + 1);
    // Days beyond the month run on into the next one, as Go normalises them.
    debug_assert!(days_in_month(year, month) >= 28);
    let first = CivilDate { year, month, day: 1 }.to_unix_days();
    let days = first + i64::from(date.day) - 1 + number(2);
    let local = days * 86_400 + time.second_of_day();
    Time { unix_secs: local - i64::from(time.offset_secs()), ..time.clone() }
}
