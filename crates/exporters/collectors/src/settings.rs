//! What the flags of single collectors are set to.
//!
//! The flags themselves stand beside the collectors that read them ([`crate::CollectorDef::flags`]), so that a program
//! that knows no command line gets the same defaults as one that does.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_cli::{FlagDef, Matches};
use tracing::warn;

use crate::{COLLECTORS, DeviceFilter, FilterError};

/// Values of collectors' flags by their full names, such as `collector.cpu.guest`. What is not set has the flag's
/// default.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    given: BTreeMap<&'static str, Vec<String>>,
    /// Names of the collectors that run.
    running: Vec<&'static str>,
}

impl Settings {
    /// Takes the flags that stood on a command line.
    pub fn from_flags(flags: &Matches) -> Self {
        let mut settings = Self::default();
        for def in COLLECTORS.iter().flat_map(|collector| collector.flags) {
            if flags.is_given(def.name) {
                settings.given.insert(def.name, flags.texts(def.name).into_iter().map(str::to_owned).collect());
            }
        }
        settings
    }

    /// Sets a flag, as if `--name=value` stood on the command line. A flag that no collector has is left out.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Some(def) = find(name) {
            let values = self.given.entry(def.name).or_default();
            if !def.repeatable {
                values.clear();
            }
            values.push(value.to_owned());
        }
        self
    }

    /// Names the collectors that run, for those that hang on another.
    pub(crate) fn with_running(mut self, running: Vec<&'static str>) -> Self {
        self.running = running;
        self
    }

    pub(crate) fn is_running(&self, collector: &str) -> bool {
        self.running.contains(&collector)
    }

    /// Returns whether the flag was given.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// Returns the last value of a flag, its default, or the empty string.
    pub fn text(&self, name: &str) -> &str {
        match self.given.get(name) {
            Some(values) => values.last().map_or("", String::as_str),
            None => find(name).and_then(|def| def.defaults.last()).copied().unwrap_or(""),
        }
    }

    /// Returns all values of a repeatable flag, or its defaults.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.given.get(name) {
            Some(values) => values.iter().map(String::as_str).collect(),
            None => find(name).map_or(Vec::new(), |def| def.defaults.to_vec()),
        }
    }

    /// Returns a boolean flag.
    pub fn bool(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// Returns a duration in Go's syntax; zero when it is unset or no duration.
    pub fn duration(&self, name: &str) -> Duration {
        firesteel_go_compat::parse_go_duration(self.text(name))
            .map_or(Duration::ZERO, |ns| Duration::from_nanos(ns.max(0) as u64))
    }

    /// Returns the filter of the flags `<stem>-include` and `<stem>-exclude`. A chosen include replaces the exclude's
    /// default; both given are an error.
    pub fn filter(&self, stem: &str) -> Result<DeviceFilter, FilterError> {
        let (include, exclude) = (format!("{stem}-include"), format!("{stem}-exclude"));
        let chosen = self.text(&include);
        let left_out = if !chosen.is_empty() && !self.is_given(&exclude) { "" } else { self.text(&exclude) };
        DeviceFilter::new(chosen, left_out).map_err(|error| match error {
            FilterError::Both => FilterError::Exclusive { include, exclude },
            other => other,
        })
    }

    /// Returns these settings with the value of a flag's old name under its new one; both given are an error.
    pub fn renamed(&self, old: &str, new: &str) -> Result<Self, FilterError> {
        let value = self.text(old);
        if value.is_empty() {
            return Ok(self.clone());
        }
        if self.is_given(new) {
            return Err(FilterError::Exclusive { include: old.to_owned(), exclude: new.to_owned() });
        }
        warn!("--{old} is DEPRECATED and will be removed in 2.0.0, use --{new}");
        Ok(self.clone().with(new, value))
    }

    /// Returns the filter of one flag that names what is left out.
    pub fn ignored(&self, name: &str) -> Result<DeviceFilter, FilterError> {
        DeviceFilter::new("", self.text(name))
    }

    /// Returns the filter of one flag that names what is shown.
    pub fn shown(&self, name: &str) -> Result<DeviceFilter, FilterError> {
        DeviceFilter::new(self.text(name), "")
    }
}

fn find(name: &str) -> Option<&'static FlagDef> {
    COLLECTORS.iter().flat_map(|collector| collector.flags).find(|def| def.name == name)
}
