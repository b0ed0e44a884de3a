//! Which devices, mount points, fields a collector shows: one pattern to include or one to exclude.

use firesteel_re2::Regex;
use hashbrown::HashMap;
use parking_lot::Mutex;

/// A filter's flags do not fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    #[error("device-exclude & device-include are mutually exclusive")]
    Both,
    #[error("--{exclude} & --{include} are mutually exclusive")]
    Exclusive { include: String, exclude: String },
    #[error("{0}")]
    Pattern(#[from] firesteel_re2::RegexError),
    #[error("--{flag}: {what}")]
    Value { flag: &'static str, what: String },
}

/// Patterns are unanchored, as the flags' defaults expect.
#[derive(Clone, Debug, Default)]
pub struct DeviceFilter {
    include: Option<Regex>,
    exclude: Option<Regex>,
}

impl DeviceFilter {
    /// Takes the two flags; an empty one does not act.
    pub fn new(include: &str, exclude: &str) -> Result<Self, FilterError> {
        if !include.is_empty() && !exclude.is_empty() {
            return Err(FilterError::Both);
        }
        let compile = |pattern: &str| (!pattern.is_empty()).then(|| Regex::new(pattern)).transpose();
        Ok(Self { include: compile(include)?, exclude: compile(exclude)? })
    }

    /// Returns whether `name` is left out.
    pub fn ignores(&self, name: &str) -> bool {
        self.exclude.as_ref().is_some_and(|r| r.is_match(name))
            || self.include.as_ref().is_some_and(|r| !r.is_match(name))
    }
}

/// A filter of the kernel's own names, of which there are a few hundred and always the same: each is matched once.
#[derive(Debug)]
pub(crate) struct FieldFilter {
    filter: DeviceFilter,
    shown: Mutex<HashMap<String, bool>>,
}

/// More names than any kernel has in one place; the bound is for files that are not the kernel's.
const MOST_NAMES: usize = 4096;

impl FieldFilter {
    pub(crate) fn new(filter: DeviceFilter) -> Self {
        Self { filter, shown: Mutex::default() }
    }

    pub(crate) fn shows(&self, name: &str) -> bool {
        let mut known = self.shown.lock();
        if let Some(shown) = known.get(name) {
            return *shown;
        }
        let shown = !self.filter.ignores(name);
        if known.len() < MOST_NAMES {
            known.insert(name.to_owned(), shown);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_unanchored_but_keep_their_own_anchors() {
        let cases = [
            ("", "^(z?ram|loop|fd)\\d+$", "loop0", true),
            ("", "^(z?ram|loop|fd)\\d+$", "xloop0", false),
            ("eth", "", "veth12", false),
            ("^eth", "", "veth12", true),
            ("", "", "anything", false),
        ];
        for (include, exclude, name, ignored) in cases {
            let filter = DeviceFilter::new(include, exclude).unwrap();
            assert_eq!(filter.ignores(name), ignored, "{include:?} {exclude:?} {name}");
        }
        assert!(matches!(DeviceFilter::new("a", "b"), Err(FilterError::Both)));
        let fields = FieldFilter::new(DeviceFilter::new("^pg", "").unwrap());
        for _ in 0..2 {
            assert!(fields.shows("pgfault") && !fields.shows("nr_free_pages"));
        }
    }
}
