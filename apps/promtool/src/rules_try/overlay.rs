//! Stored data without what the rules on trial wrote in their time, and with what they write now.

use std::sync::Arc;

use firesteel_base::TimeRange;
use firesteel_model::{MatchType, Matcher};
use firesteel_rules::{Group, Rule};
use firesteel_storage::{
    LabelsWanted, MergeQuerier, Querier, Queryable, Selected, Selection, SelectionHints, StorageError,
};

const METRIC: &str = "__name__";

/// What rules see.
pub(super) struct Overlay {
    pub(super) stored: Arc<dyn Queryable>,
    pub(super) written: Arc<dyn Queryable>,
    /// Leaves series out that the rules write themselves.
    pub(super) hides: Matcher,
}

/// Matches all series but those that these rules write.
pub(super) fn hiding(groups: &[&Group]) -> Result<Matcher, String> {
    let mut names = vec!["ALERTS".to_owned(), "ALERTS_FOR_STATE".to_owned()];
    let rules = groups.iter().flat_map(|group| group.rules()).filter(|rule| matches!(rule, Rule::Recording(_)));
    names.extend(rules.map(|rule| escaped(rule.core().name())));
    names.sort();
    names.dedup();
    Matcher::new(MatchType::NotRegexp, METRIC, &names.join("|")).map_err(|error| error.to_string())
}

/// A name as a regular expression.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if !c.is_alphanumeric() && !matches!(c, '_' | ':') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Queryable for Overlay {
    fn querier(&self, range: TimeRange) -> Result<Box<dyn Querier>, StorageError> {
        let stored = Hidden { inner: self.stored.querier(range)?, hides: self.hides.clone() };
        Ok(MergeQuerier::over(vec![Box::new(stored), self.written.querier(range)?]))
    }
}

/// A querier with one more matcher.
struct Hidden {
    inner: Box<dyn Querier>,
    hides: Matcher,
}

impl Hidden {
    fn with<T>(&self, what: &Selection<'_>, ask: impl FnOnce(&Selection<'_>) -> T) -> T {
        // Most selectors name a metric that is not hidden.
        let name = what.matchers.iter().find(|m| m.name() == METRIC && m.match_type() == MatchType::Equal);
        if name.is_some_and(|name| self.hides.matches(name.value())) {
            return ask(what);
        }
        let mut matchers = what.matchers.to_vec();
        matchers.push(self.hides.clone());
        let hints: SelectionHints = what.hints;
        let labels: LabelsWanted<'_> = what.labels;
        ask(&Selection { matchers: &matchers, hints, limit: what.limit, sorted: what.sorted, labels })
    }
}

impl Querier for Hidden {
    fn select(&self, what: &Selection<'_>) -> Result<Box<dyn Selected>, StorageError> {
        self.with(what, |what| self.inner.select(what))
    }

    fn label_values(&self, name: &str, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.with(what, |what| self.inner.label_values(name, what))
    }

    fn label_names(&self, what: &Selection<'_>) -> Result<Vec<Arc<str>>, StorageError> {
        self.with(what, |what| self.inner.label_names(what))
    }
}
