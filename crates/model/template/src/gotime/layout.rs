//! `Time.Format`: layouts that show a reference time, Mon Jan 2 15:04:05 MST 2006.

use std::fmt::Write as _;

use firesteel_go_compat::CivilDate;

use super::Time;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// What a part of a layout stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    Zone,
    /// `Z` in UTC instead of an offset, colons, seconds, minutes at all.
    Offset {
        z: bool,
        colons: bool,
        seconds: bool,
        minutes: bool,
    },
    /// Digits of a second behind `.` or `,`; nines leave zeros at the end out.
    Fraction {
        digits: usize,
        nines: bool,
        comma: bool,
    },
}

const FIXED: [(&str, Part); 34] = [
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::Weekday),
    ("MST", Part::Zone),
    ("2006", Part::LongYear),
    ("_2006", Part::LongYear),
    ("__2", Part::UnderYearDay),
    ("_2", Part::UnderDay),
    ("002", Part::ZeroYearDay),
    ("01", Part::ZeroMonth),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("1", Part::NumMonth),
    ("2", Part::Day),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::UpperPm),
    ("pm", Part::LowerPm),
    ("-070000", Part::Offset { z: false, colons: false, seconds: true, minutes: true }),
    ("-07:00:00", Part::Offset { z: false, colons: true, seconds: true, minutes: true }),
    ("-0700", Part::Offset { z: false, colons: false, seconds: false, minutes: true }),
    ("-07:00", Part::Offset { z: false, colons: true, seconds: false, minutes: true }),
    ("-07", Part::Offset { z: false, colons: false, seconds: false, minutes: false }),
    ("Z070000", Part::Offset { z: true, colons: false, seconds: true, minutes: true }),
    ("Z07:00:00", Part::Offset { z: true, colons: true, seconds: true, minutes: true }),
    ("Z0700", Part::Offset { z: true, colons: false, seconds: false, minutes: true }),
    ("Z07:00", Part::Offset { z: true, colons: true, seconds: false, minutes: true }),
    ("Z07", Part::Offset { z: true, colons: false, seconds: false, minutes: false }),
];

/// The part at the beginning of a layout, and its length.
pub(super) fn part_at(layout: &str) -> Option<(Part, usize)> {
    if let Some(fraction) = fraction_at(layout) {
        return Some(fraction);
    }
    // "Janvier" has no "Jan": a short name is not followed by a lower case letter.
    let is_short_name = |name: &str| matches!(name, "Jan" | "Mon");
    let continues = |length: usize| layout.as_bytes().get(length).is_some_and(u8::is_ascii_lowercase);
    let (text, part) = FIXED
        .iter()
        .filter(|(text, _)| layout.starts_with(text) && !(is_short_name(text) && continues(text.len())))
        .max_by_key(|(text, _)| text.len())?;
    // "_2006" is a blank before a year.
    if *text == "_2006" {
        return None;
    }
    Some((*part, text.len()))
}

fn fraction_at(layout: &str) -> Option<(Part, usize)> {
    let comma = match layout.as_bytes() {
        [b'.', ..] => false,
        [b',', ..] => true,
        _ => return None,
    };
    let digit = *layout.as_bytes().get(1)?;
    if !matches!(digit, b'0' | b'9') {
        return None;
    }
    let digits = layout.bytes().skip(1).take_while(|&b| b == digit).count();
    // Digits that go on are a number.
    if layout.as_bytes().get(1 + digits).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    Some((Part::Fraction { digits, nines: digit == b'9', comma }, 1 + digits))
}

pub(super) fn year_day(time: &Time) -> i64 {
    let date = time.date();
    date.to_unix_days() - CivilDate { month: 1, day: 1, ..date }.to_unix_days() + 1
}

/// `time.Format(layout)`
pub(super) fn format(time: &Time, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 10);
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        if let Some((part, length)) = part_at(rest) {
            push(&mut out, time, part);
            rest = &rest[length..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

fn push(out: &mut String, time: &Time, part: Part) {
    let date = time.date();
    let second = time.second_of_day();
    let (hour, minute, sec) = (second / 3600, second / 60 % 60, second % 60);
    let hour12 = if hour % 12 == 0 { 12 } else { hour % 12 };
    let month = MONTHS[date.month.clamp(1, 12) as usize - 1];
    let weekday = DAYS[time.weekday()];
    // Writing to memory cannot fail.
    let _ = match part {
        Part::LongMonth => out.write_str(month),
        Part::Month => out.write_str(&month[..3]),
        Part::NumMonth => write!(out, "{}", date.month),
        Part::ZeroMonth => write!(out, "{:02}", date.month),
        Part::LongWeekday => out.write_str(weekday),
        Part::Weekday => out.write_str(&weekday[..3]),
        Part::Day => write!(out, "{}", date.day),
        Part::UnderDay => write!(out, "{:2}", date.day),
        Part::ZeroDay => write!(out, "{:02}", date.day),
        Part::UnderYearDay => write!(out, "{:3}", year_day(time)),
        Part::ZeroYearDay => write!(out, "{:03}", year_day(time)),
        Part::Hour => write!(out, "{hour:02}"),
        Part::Hour12 => write!(out, "{hour12}"),
        Part::ZeroHour12 => write!(out, "{hour12:02}"),
        Part::Minute => write!(out, "{minute}"),
        Part::ZeroMinute => write!(out, "{minute:02}"),
        Part::Second => write!(out, "{sec}"),
        Part::ZeroSecond => write!(out, "{sec:02}"),
        Part::LongYear if date.year < 0 => write!(out, "-{:04}", date.year.unsigned_abs()),
        Part::LongYear => write!(out, "{:04}", date.year),
        Part::Year => write!(out, "{:02}", date.year.rem_euclid(100)),
        Part::UpperPm => out.write_str(if hour >= 12 { "PM" } else { "AM" }),
        Part::LowerPm => out.write_str(if hour >= 12 { "pm" } else { "am" }),
        Part::Zone => push_zone(out, time),
        Part::Offset { z, colons, seconds, minutes } => push_offset(out, time, z, colons, seconds, minutes),
        Part::Fraction { digits, nines, comma } => push_fraction(out, time.nanos, digits, nines, comma),
    };
}

fn push_zone(out: &mut String, time: &Time) -> std::fmt::Result {
    let (offset, name) = time.zone.at(time.unix_secs);
    if !name.is_empty() && !name.starts_with(['+', '-']) {
        return out.write_str(&name);
    }
    // A zone without letters is shown by its offset.
    let minutes = offset / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    write!(out, "{sign}{:02}", minutes.abs() / 60)?;
    if minutes % 60 != 0 { write!(out, "{:02}", minutes.abs() % 60) } else { Ok(()) }
}

fn push_offset(out: &mut String, time: &Time, z: bool, colons: bool, seconds: bool, minutes: bool) -> std::fmt::Result {
    let offset = time.offset_secs();
    if z && offset == 0 {
        return out.write_char('Z');
    }
    let magnitude = offset.unsigned_abs();
    let colon = if colons { ":" } else { "" };
    write!(out, "{}{:02}", if offset < 0 { '-' } else { '+' }, magnitude / 3600)?;
    if minutes {
        write!(out, "{colon}{:02}", magnitude / 60 % 60)?;
    }
    if seconds { write!(out, "{colon}{:02}", magnitude % 60) } else { Ok(()) }
}

fn push_fraction(out: &mut String, nanos: u32, digits: usize, nines: bool, comma: bool) -> std::fmt::Result {
    let all = format!("{nanos:09}");
    let mut shown = all[..digits.min(9)].to_owned();
    shown.extend(std::iter::repeat_n('0', digits.saturating_sub(9)));
    if nines {
        shown.truncate(shown.trim_end_matches('0').len());
        if shown.is_empty() {
            return Ok(());
        }
    }
    write!(out, "{}{shown}", if comma { ',' } else { '.' })
}
