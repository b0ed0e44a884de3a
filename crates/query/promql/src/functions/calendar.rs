//! Parts of dates, in UTC, of times in seconds.

use firesteel_go_compat::{CivilDate, days_in_month, go_i64};

use crate::plan::MapFunction;

const SECONDS_PER_DAY: u64 = 86_400;
/// Days from the first of March of the year -292277022400, Go's absolute zero, to 1970.
const ABSOLUTE_DAYS: u64 = 730_692_556 * 146_097 + 719_468;

/// Returns the part of the date that the function names; fractions of seconds are cut off towards zero.
pub(crate) fn part(function: MapFunction, seconds: f64) -> f64 {
    // Go counts in unsigned seconds from a year far back, and a time before that comes out at the far end.
    let since = (go_i64(seconds) as u64).wrapping_add(ABSOLUTE_DAYS * SECONDS_PER_DAY);
    let days = (since / SECONDS_PER_DAY).wrapping_sub(ABSOLUTE_DAYS) as i64;
    let of_day = (since % SECONDS_PER_DAY) as i64;
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
        // What Go 1.26 says of times that are none.
        for (t, want) in [
            (f64::NAN, [292_277_026_596.0, 12.0, 4.0, 0.0, 339.0, 15.0, 30.0, 31.0]),
            (f64::INFINITY, [292_277_026_596.0, 12.0, 4.0, 0.0, 339.0, 15.0, 30.0, 31.0]),
            (-1e15, [-31_686_769.0, 6.0, 29.0, 0.0, 180.0, 22.0, 13.0, 30.0]),
            (-9.2e18, [-291_536_392_293.0, 5.0, 3.0, 2.0, 123.0, 12.0, 26.0, 31.0]),
        ] {
            let functions = [
                MapFunction::Year,
                MapFunction::Month,
                MapFunction::DayOfMonth,
                MapFunction::DayOfWeek,
                MapFunction::DayOfYear,
                MapFunction::Hour,
                MapFunction::Minute,
                MapFunction::DaysInMonth,
            ];
            assert_eq!(functions.map(|function| part(function, t)), want, "{t}");
        }
        assert_eq!(part(MapFunction::DayOfWeek, -1.0), 3.0);
    }
}
