//! Where a time is shown.

use std::sync::Arc;

/// A time zone.
#[derive(Clone, Debug)]
pub(crate) enum Zone {
    Utc,
    /// From the system's table, with the name under which it was asked for.
    Named(Arc<str>, jiff::tz::TimeZone),
}

impl Zone {
    /// So many seconds east of UTC, without a name.
    pub(crate) fn fixed(offset_secs: i32) -> Self {
        match jiff::tz::Offset::from_seconds(offset_secs) {
            Ok(offset) => Self::Named("".into(), jiff::tz::TimeZone::fixed(offset)),
            Err(_) => Self::Utc,
        }
    }

    /// `time.LoadLocation`: `UTC`, `Local`, or a name of the IANA table.
    pub(crate) fn load(name: &str) -> Result<Self, String> {
        match name {
            "" | "UTC" => return Ok(Self::Utc),
            "Local" => return Ok(Self::Named("Local".into(), jiff::tz::TimeZone::system())),
            _ => {}
        }
        match jiff::tz::TimeZone::get(name) {
            Ok(zone) => Ok(Self::Named(name.into(), zone)),
            Err(_) => Err(format!("unknown time zone {name}")),
        }
    }

    /// Seconds east of UTC at a time, and the abbreviation.
    pub(crate) fn at(&self, unix_secs: i64) -> (i32, String) {
        match self {
            Self::Utc => (0, "UTC".to_owned()),
            Self::Named(_, zone) => match jiff::Timestamp::from_second(unix_secs) {
                Ok(at) => {
                    let info = zone.to_offset_info(at);
                    (info.offset().seconds(), info.abbreviation().to_owned())
                }
                Err(_) => (0, "UTC".to_owned()),
            },
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Named(name, _) => name,
        }
    }
}
