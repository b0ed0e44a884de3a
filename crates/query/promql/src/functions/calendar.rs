//! Parts of dates, in UTC, of times in seconds.

use firesteel_go_compat::{CivilDate, days_in_month};

use crate::plan::MapFunction;

const SECONDS_PER_DAY: i64 = 86_400;

/// Returns the part of the date that the function names; fractions of seconds are cut off towards zero.
pub(crate) fn part(function: MapFunction, seconds: f64) -> f64 {
    // A saturating conversion: Go's is undefined out of range, and so are such dates.
    let seconds = (seconds as i64).clamp(-(1 << 55), 1 << 55);
    let days = seconds.div_euclid(SECONDS_PER_DAY);
    let of_day = seconds.rem_euclid(SECONDS_PER_DAY);
    let date = CivilDate::from_unix_days(days);
    let part = match function {
        MapFunction::Minute => of_day / 60 % 60,
        MapFunction::Hour => of_day / 3600,
        // The epoch was a Thursday.
        MapFunction::DayOfWeek => (days + 4).rem_euclid(7),
        MapFunction::DayOfMonth => i64::from(date.day),
        MapFunction::DayOfYear => days - CivilDate { month: 1, day: 1, ..date }.to_unix_days() + 1,
        MapFunction::DaysInMonth => i64::from(days_in_month(date.year, date.month)),
        MapFunction::Month => i64::from(date.month),
        _ => date.year,
    };
    part as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_leap_day() {
        // 2024-02-29 23:59:59.9 UTC, a Thursday.
        let t = 1_709_251_199.9;
        let cases = [
            (MapFunction::Year, 2024.0),
            (MapFunction::Month, 2.0),
            (MapFunction::DayOfMonth, 29.0),
            (MapFunction::DayOfWeek, 4.0),
            (MapFunction::DayOfYear, 60.0),
            (MapFunction::DaysInMonth, 29.0),
            (MapFunction::Hour, 23.0),
            (MapFunction::Minute, 59.0),
        ];
        for (function, want) in cases {
            assert_eq!(part(function, t), want, "{function:?}");
        }
        assert_eq!(part(MapFunction::Year, -1.0), 1969.0);
        assert_eq!(part(MapFunction::DayOfWeek, -1.0), 3.0);
    }
}
