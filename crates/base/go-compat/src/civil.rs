//! Days of the proleptic Gregorian calendar.

/// A day, with a year that may be negative or have more than four digits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CivilDate {
    pub year: i64,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
}

const DAYS_PER_ERA: i64 = 146_097;

impl CivilDate {
    /// Returns the date so many days after 1970-01-01.
    pub fn from_unix_days(days: i64) -> Self {
        // Eras of 400 years that begin on 0000-03-01, so that the leap day ends a year.
        let days = days + 719_468;
        let era = days.div_euclid(DAYS_PER_ERA);
        let day_of_era = days.rem_euclid(DAYS_PER_ERA);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
        Self { year: era * 400 + year_of_era + i64::from(month <= 2), month, day }
    }

    /// Returns the days since 1970-01-01.
    pub fn to_unix_days(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = i64::from((self.month + 9) % 12);
        let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * DAYS_PER_ERA + day_of_era - 719_468
    }
}

/// Returns whether `year` has a 29th of February.
pub fn is_leap_year(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Returns how many days the month (1 to 12) has.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap_year(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_round_trip() {
        for days in (-800_000..800_000).step_by(37).chain([-1, 0, 1, 11_016, 11_017, i64::MAX / 86_400_000_000]) {
            let date = CivilDate::from_unix_days(days);
            assert_eq!(date.to_unix_days(), days, "{date:?}");
            assert!(date.day <= days_in_month(date.year, date.month), "{date:?}");
        }
        assert_eq!(CivilDate::from_unix_days(0), CivilDate { year: 1970, month: 1, day: 1 });
        assert_eq!(CivilDate::from_unix_days(11_016), CivilDate { year: 2000, month: 2, day: 29 });
    }
}
