//! Instants as RFC 3339, as Go's `time` package writes and reads them.

use std::fmt::Write as _;

use crate::civil::{CivilDate, days_in_month};

/// An instant: seconds since the Unix epoch and nanoseconds on top (below 10^9), with the offset it is shown at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Instant {
    pub unix_secs: i64,
    pub nanos: u32,
    /// Seconds east of UTC.
    pub offset_secs: i32,
}

impl Instant {
    /// Returns the instant, shown in UTC.
    pub fn from_unix_ms(ms: i64) -> Self {
        Self { unix_secs: ms.div_euclid(1000), nanos: ms.rem_euclid(1000) as u32 * 1_000_000, offset_secs: 0 }
    }

    /// Returns the instant, shown in UTC.
    pub fn from_unix_ns(ns: i64) -> Self {
        let (unix_secs, nanos) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000) as u32);
        Self { unix_secs, nanos, offset_secs: 0 }
    }

    /// Returns milliseconds since the epoch, cutting off what is finer; wraps where upstream's `timestamp.FromTime` does.
    pub fn unix_ms(self) -> i64 {
        self.unix_secs.wrapping_mul(1000).wrapping_add(i64::from(self.nanos / 1_000_000))
    }

    /// Returns `2006-01-02T15:04:05Z07:00`.
    pub fn to_rfc3339(self) -> String {
        self.format(false)
    }

    /// Returns `2006-01-02T15:04:05.999999999Z07:00`: the fraction without zeros at its end.
    pub fn to_rfc3339_nano(self) -> String {
        self.format(true)
    }

    fn format(self, with_fraction: bool) -> String {
        let local = self.unix_secs.saturating_add(i64::from(self.offset_secs));
        let date = CivilDate::from_unix_days(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        let mut out = String::with_capacity(36);
        if date.year < 0 {
            out.push('-');
        }
        let done = write!(
            out,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            date.year.unsigned_abs(),
            date.month,
            date.day,
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        if with_fraction && self.nanos > 0 {
            let fraction = format!("{:09}", self.nanos);
            out.push('.');
            out.push_str(fraction.trim_end_matches('0'));
        }
        let minutes = self.offset_secs / 60;
        let done = done.and(if self.offset_secs == 0 {
            out.write_char('Z')
        } else {
            let sign = if minutes < 0 { '-' } else { '+' };
            write!(out, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
        });
        debug_assert!(done.is_ok(), "writing to a string cannot fail");
        out
    }

    /// Reads what Go's `time.Parse(time.RFC3339Nano, …)` reads; `None` for anything else.
    ///
    /// upstream: Go also takes an hour of one digit, a comma before the fraction, digits beyond the ninth, and zone
    /// offsets up to 24:60 (time/format.go).
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let mut cursor = Cursor { rest: text.as_bytes() };
        let year = i64::from(cursor.number(4, 4, 0..=9999)?);
        cursor.expect(b'-')?;
        let month = cursor.number(2, 2, 1..=12)?;
        cursor.expect(b'-')?;
        let day = cursor.number(2, 2, 1..=31)?;
        cursor.expect(b'T')?;
        let hour = cursor.number(1, 2, 0..=23)?;
        cursor.expect(b':')?;
        let minute = cursor.number(2, 2, 0..=59)?;
        cursor.expect(b':')?;
        let second = cursor.number(2, 2, 0..=59)?;
        let nanos = cursor.fraction_nanos();
        let offset_secs = cursor.zone()?;
        if !cursor.rest.is_empty() || day > days_in_month(year, month) {
            return None;
        }
        let days = CivilDate { year, month, day }.to_unix_days();
        let unix_secs = days * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - i64::from(offset_secs);
        Some(Self { unix_secs, nanos, offset_secs })
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        Some(())
    }

    /// Reads as many digits as there are, up to `most`.
    fn number(&mut self, least: usize, most: usize, legal: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let digits = self.rest.iter().take(most).take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at_checked(digits).filter(|_| digits >= least)?;
        self.rest = rest;
        let v = number.iter().fold(0, |v, b| v * 10 + u32::from(b - b'0'));
        legal.contains(&v).then_some(v)
    }

    fn fraction_nanos(&mut self) -> u32 {
        let [b'.' | b',', fraction @ ..] = self.rest else { return 0 };
        let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if digits == 0 {
            return 0;
        }
        self.rest = &fraction[digits..];
        (0..9).fold(0, |v, at| v * 10 + if at < digits { u32::from(fraction[at] - b'0') } else { 0 })
    }

    fn zone(&mut self) -> Option<i32> {
        let sign = match self.rest {
            [b'Z', rest @ ..] => {
                self.rest = rest;
                return Some(0);
            }
            [b'+', ..] => 1,
            [b'-', ..] => -1,
            _ => return None,
        };
        self.rest = &self.rest[1..];
        let hours = self.number(2, 2, 0..=24)?;
        self.expect(b':')?;
        let minutes = self.number(2, 2, 0..=60)?;
        Some(sign * (hours * 3600 + minutes * 60) as i32)
    }
}

#[cfg(test)]
mod tests;
