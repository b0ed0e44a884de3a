//! What a push may ask for that upstream does not know: parameters of its query, which upstream passes over.

use std::time::Duration;

use firesteel_go_compat::parse_duration;

/// A push asks for something that cannot be.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    #[error("parameter {name}: {value:?} is no duration: {why}")]
    Duration { name: &'static str, value: String, why: String },
    #[error("parameter mode: {0:?} is not known; what is there: sum")]
    Mode(String),
    #[error("mode=sum adds to what is there: POST it")]
    SumIsPost,
}

/// What a push asks for; by default what upstream does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PushOptions {
    /// The group is deleted when nothing was pushed for so long; zero lets it stay. `None`: as before.
    pub ttl: Option<Duration>,
    /// A push is expected at least this often; zero forgets it. `None`: as before.
    pub expect: Option<Duration>,
    /// Counters, histograms and summaries are added to what the group has.
    pub sum: bool,
}

impl PushOptions {
    /// Reads the parameters of a push; `replace` is that of a PUT. Unknown ones are passed over.
    pub fn from_query<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
        replace: bool,
    ) -> Result<Self, OptionsError> {
        let mut options = Self::default();
        for (name, value) in parameters {
            let duration = |name| {
                let fault =
                    |why: &dyn ToString| OptionsError::Duration { name, value: value.to_owned(), why: why.to_string() };
                parse_duration(value).map(Some).map_err(|e| fault(&e))
            };
            match name {
                "ttl" => options.ttl = duration("ttl")?,
                "expect" => options.expect = duration("expect")?,
                "mode" if value == "sum" => options.sum = true,
                "mode" => return Err(OptionsError::Mode(value.to_owned())),
                _ => {}
            }
        }
        if options.sum && replace { Err(OptionsError::SumIsPost) } else { Ok(options) }
    }
}

/// What a group has been asked for, as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) ttl: Option<Duration>,
    pub(crate) expect: Option<Duration>,
}

impl Wishes {
    pub(crate) fn apply(&mut self, asked: &PushOptions) {
        let set = |asked: Option<Duration>, wish: &mut Option<Duration>| {
            if let Some(asked) = asked {
                *wish = Some(asked).filter(|d| !d.is_zero());
            }
        };
        set(asked.ttl, &mut self.ttl);
        set(asked.expect, &mut self.expect);
    }

    /// Returns the wishes as the file keeps them; empty when there are none.
    pub(crate) fn to_text(self) -> String {
        let part = |name, wish: Option<Duration>| wish.map(|d| format!("{name}={}ns", d.as_nanos()));
        [part("ttl", self.ttl), part("expect", self.expect)].into_iter().flatten().collect::<Vec<_>>().join(";")
    }

    /// Reads them again; what is not understood is passed over.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut wishes = Self::default();
        for (name, value) in text.split(';').filter_map(|part| part.split_once('=')) {
            let nanos = value.strip_suffix("ns").and_then(|n| n.parse().ok());
            match name {
                "ttl" => wishes.ttl = nanos.map(Duration::from_nanos),
                "expect" => wishes.expect = nanos.map(Duration::from_nanos),
                _ => {}
            }
        }
        wishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_or_refused() {
        let read = |query: &[(&'static str, &'static str)], replace| {
            PushOptions::from_query(query.iter().copied(), replace).map_err(|e| e.to_string())
        };
        assert_eq!(read(&[("x", "y")], true), Ok(PushOptions::default()));
        let asked = read(&[("ttl", "1h30m"), ("mode", "sum"), ("expect", "0s")], false).expect("legal");
        let want = PushOptions { ttl: Some(Duration::from_secs(5400)), expect: Some(Duration::ZERO), sum: true };
        assert_eq!(asked, want);
        assert_eq!(read(&[("mode", "sum")], true), Err("mode=sum adds to what is there: POST it".to_owned()));
        assert!(read(&[("mode", "max")], false).expect_err("no such mode").contains("\"max\""));
        assert!(read(&[("ttl", "soon")], false).expect_err("no duration").starts_with("parameter ttl: \"soon\""));
    }

    #[test]
    fn wishes_stay_until_others_come() {
        let mut wishes = Wishes::default();
        let hour = Duration::from_secs(3600);
        wishes.apply(&PushOptions { ttl: Some(hour), expect: Some(hour), sum: false });
        wishes.apply(&PushOptions::default());
        assert_eq!(Wishes::from_text(&wishes.to_text()), wishes);
        wishes.apply(&PushOptions { ttl: Some(Duration::ZERO), ..PushOptions::default() });
        assert_eq!(wishes, Wishes { ttl: None, expect: Some(hour) });
        assert_eq!(Wishes::default().to_text(), "");
    }
}
