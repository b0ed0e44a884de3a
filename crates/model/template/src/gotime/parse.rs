//! `time.Parse`: a text beside a layout.

use firesteel_go_compat::{CivilDate, days_in_month, quote};

use super::layout::{DAYS, MONTHS, Part, part_at};
use super::{Time, Zone};
use crate::value::Value;

/// What a text said so far.
#[derive(Default)]
struct Said {
    year: i64,
    month: Option<u32>,
    day: Option<u32>,
    year_day: Option<u32>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    offset: Option<i64>,
}

/// Reads a time; the error is Go's. Zones that only have a name count as UTC.
pub(crate) fn parse(layout: &str, text: &str) -> Result<Value, String> {
    let mut said = Said::default();
    let (mut layout_rest, mut rest) = (layout, text);
    let cannot = |rest: &str, part: &str| {
        let (text, layout, rest, part) = (quote(text), quote(layout), quote(rest), quote(part));
        format!("parsing time {text} as {layout}: cannot parse {rest} as {part}")
    };
    let out_of_range = |what: &str| format!("parsing time {}: {what} out of range", quote(text));
    while let Some(c) = layout_rest.chars().next() {
        let Some((part, length)) = part_at(layout_rest) else {
            // Blanks may be more, or fewer.
            if c == ' ' {
                rest = rest.trim_start_matches(' ');
            } else if let Some(after) = rest.strip_prefix(c) {
                rest = after;
            } else {
                let literal =
                    layout_rest.char_indices().find(|(at, _)| *at > 0 && part_at(&layout_rest[*at..]).is_some());
                let literal = &layout_rest[..literal.map_or(layout_rest.len(), |(at, _)| at)];
                return Err(cannot(rest, literal));
            }
            layout_rest = &layout_rest[c.len_utf8()..];
            continue;
        };
        let spelled = &layout_rest[..length];
        layout_rest = &layout_rest[length..];
        let (ok, after) = said.take(part, rest, layout_rest);
        match ok {
            Taken::Yes => rest = after,
            Taken::No => return Err(cannot(rest, spelled)),
            Taken::OutOfRange(what) => return Err(out_of_range(what)),
        }
    }
    if !rest.is_empty() {
        return Err(format!("parsing time {}: extra text: {}", quote(text), quote(rest)));
    }
    said.time().map_err(out_of_range)
}

enum Taken {
    Yes,
    No,
    OutOfRange(&'static str),
}

/// A number of so many digits.
fn number(text: &str, least: usize, most: usize) -> Option<(i64, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if digits < least {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

fn named<'t>(text: &'t str, names: &[&str], short: bool) -> Option<(usize, &'t str)> {
    names.iter().enumerate().find_map(|(at, name)| {
        let name = if short { &name[..3] } else { name };
        let begin = text.get(..name.len())?;
        begin.eq_ignore_ascii_case(name).then(|| (at, &text[name.len()..]))
    })
}

impl Said {
    fn take<'t>(&mut self, part: Part, text: &'t str, layout_rest: &str) -> (Taken, &'t str) {
        let read = match part {
            Part::LongYear => number(text, 4, 4),
            Part::Year | Part::ZeroMonth | Part::ZeroDay | Part::Hour | Part::ZeroMinute | Part::ZeroSecond => {
                number(text, 2, 2)
            }
            Part::ZeroHour12 => number(text, 2, 2),
            Part::UnderDay => number(text.strip_prefix(' ').unwrap_or(text), 1, 2),
            Part::NumMonth | Part::Day | Part::Hour12 | Part::Minute | Part::Second => number(text, 1, 2),
            Part::ZeroYearDay | Part::UnderYearDay => number(text.trim_start_matches(' '), 1, 3),
            Part::LongMonth => named(text, &MONTHS, false).map(|(at, rest)| (at as i64 + 1, rest)),
            Part::Month => named(text, &MONTHS, true).map(|(at, rest)| (at as i64 + 1, rest)),
            Part::LongWeekday => named(text, &DAYS, false).map(|(at, rest)| (at as i64, rest)),
            Part::Weekday => named(text, &DAYS, true).map(|(at, rest)| (at as i64, rest)),
            Part::UpperPm => named(text, &["AM", "PM"], false).map(|(at, rest)| (at as i64, rest)),
            Part::LowerPm => named(text, &["am", "pm"], false).map(|(at, rest)| (at as i64, rest)),
            Part::Zone => {
                let letters = text.bytes().take_while(u8::is_ascii_uppercase).count();
                (3..=5).contains(&letters).then(|| (0, &text[letters..]))
            }
            Part::Offset { z, colons, seconds, minutes } => offset(text, z, colons, seconds, minutes),
            Part::Fraction { digits, nines, .. } => return self.fraction(text, (!nines).then_some(digits)),
        };
        let Some((value, mut rest)) = read else { return (Taken::No, text) };
        let small = value as u32;
        match part {
            Part::LongYear => self.year = value,
            Part::Year => self.year = if value >= 69 { 1900 + value } else { 2000 + value },
            Part::LongMonth | Part::Month | Part::NumMonth | Part::ZeroMonth => {
                if !(1..=12).contains(&value) {
                    return (Taken::OutOfRange("month"), text);
                }
                self.month = Some(small);
            }
            Part::Day | Part::UnderDay | Part::ZeroDay => self.day = Some(small),
            Part::ZeroYearDay | Part::UnderYearDay => self.year_day = Some(small),
            Part::Hour if value > 23 => return (Taken::OutOfRange("hour"), text),
            Part::Hour12 | Part::ZeroHour12 if value > 12 => return (Taken::OutOfRange("hour"), text),
            Part::Hour | Part::Hour12 | Part::ZeroHour12 => self.hour = value,
            Part::Minute | Part::ZeroMinute if value > 59 => return (Taken::OutOfRange("minute"), text),
            Part::Minute | Part::ZeroMinute => self.minute = value,
            Part::Second | Part::ZeroSecond if value > 59 => return (Taken::OutOfRange("second"), text),
            Part::Second | Part::ZeroSecond => {
                self.second = value;
                // A fraction may follow though the layout has none.
                let follows = matches!(part_at(layout_rest), Some((Part::Fraction { .. }, _)));
                let digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
                if !follows && rest.starts_with(['.', ',']) && digit {
                    rest = self.fraction(rest, None).1;
                }
            }
            Part::UpperPm | Part::LowerPm => self.afternoon = Some(value == 1),
            Part::Offset { .. } => self.offset = Some(value),
            Part::LongWeekday | Part::Weekday | Part::Zone | Part::Fraction { .. } => {}
        }
        (Taken::Yes, rest)
    }

    /// `.123`; of any length, or none, if `digits` is not given.
    fn fraction<'t>(&mut self, text: &'t str, digits: Option<usize>) -> (Taken, &'t str) {
        let Some(after) = text.strip_prefix(['.', ',']) else {
            return (if digits.is_none() { Taken::Yes } else { Taken::No }, text);
        };
        let there = after.bytes().take_while(u8::is_ascii_digit).count();
        let length = digits.unwrap_or(there);
        if there < length || length == 0 {
            return (if digits.is_none() { Taken::Yes } else { Taken::No }, text);
        }
        let kept: String = after[..length].chars().chain("000000000".chars()).take(9).collect();
        self.nanos = kept.parse().unwrap_or(0);
        (Taken::Yes, &after[length..])
    }

    fn time(self) -> Result<Value, &'static str> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let (mut month, mut day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        let first = CivilDate { year: self.year, month: 1, day: 1 }.to_unix_days();
        if let Some(year_day) = self.year_day {
            let date = CivilDate::from_unix_days(first + i64::from(year_day) - 1);
            if year_day == 0 || date.year != self.year {
                return Err("day-of-year");
            }
            (month, day) = (date.month, date.day);
        }
        if day == 0 || day > days_in_month(self.year, month) {
            return Err("day");
        }
        let days = CivilDate { year: self.year, month, day }.to_unix_days();
        let local = days * 86_400 + hour * 3600 + self.minute * 60 + self.second;
        let unix_secs = local - self.offset.unwrap_or(0);
        let zone = match self.offset {
            None | Some(0) => Zone::Utc,
            Some(offset) => Zone::fixed(offset as i32),
        };
        Ok(Time { unix_secs, nanos: self.nanos, zone }.into_value())
    }
}

/// Seconds east of UTC.
fn offset(text: &str, z: bool, colons: bool, seconds: bool, minutes: bool) -> Option<(i64, &str)> {
    if z && let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, mut rest) = number(&text[1..], 2, 2)?;
    let mut sum = hours * 3600;
    for (is_there, unit) in [(minutes, 60), (seconds, 1)] {
        if is_there {
            rest = if colons { rest.strip_prefix(':')? } else { rest };
            let (value, after) = number(rest, 2, 2)?;
            sum += value * unit;
            rest = after;
        }
    }
    Some((sign * sum, rest))
}
