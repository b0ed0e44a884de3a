//! Which devices, mount points, fields a collector shows: one pattern to include or one to exclude.

use firesteel_re2::Regex;

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
    }
}
