//! Which rules of a group read what others of it write (`rules/group.go`, `buildDependencyMap`, 3.14).

use firesteel_model::{ALERT_NAME, METRIC_NAME, Matcher};

use crate::Rule;
use crate::alerting::{ALERTS, ALERTS_FOR_STATE};

/// Dependencies of the rules of one group. A rule depends on earlier rules only.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// For each rule, the rules before it that it reads; `None` when a selector without a name may read anything.
    reads: Option<Vec<Vec<usize>>>,
}

impl Dependencies {
    pub(crate) fn of(rules: &[Rule]) -> Self {
        let mut all = Vec::with_capacity(rules.len());
        if rules.len() <= 1 {
            return Self { reads: Some(vec![Vec::new(); rules.len()]) };
        }
        for (i, rule) in rules.iter().enumerate() {
            let mut reads = Vec::new();
            for matchers in rule.core().expr().selectors() {
                let Some(name) = matchers.iter().find(|m| m.name() == METRIC_NAME) else {
                    return Self { reads: None };
                };
                reads.extend((0..i).filter(|other| reads_output(name, matchers, &rules[*other])));
            }
            reads.sort_unstable();
            reads.dedup();
            all.push(reads);
        }
        Self { reads: Some(all) }
    }

    /// Returns whether rule `i` may read what one of `written` writes.
    pub(crate) fn may_read(&self, i: usize, written: &[usize]) -> bool {
        let Some(reads) = &self.reads else { return !written.is_empty() };
        reads.get(i).is_some_and(|reads| reads.iter().any(|one| written.contains(one)))
    }

    /// Returns the rules in batches: those of one batch may be evaluated at the same time (`rules/manager.go`,
    /// `SplitGroupIntoBatches`).
    pub(crate) fn batches(&self, rules: usize) -> Vec<Vec<usize>> {
        let Some(reads) = &self.reads else { return (0..rules).map(|i| vec![i]).collect() };
        let mut is_read = vec![false; rules];
        for one in reads.iter().flatten() {
            is_read[*one] = true;
        }
        let (mut first, mut between, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..rules {
            match (reads[i].is_empty(), is_read[i]) {
                (true, _) => first.push(i),
                (false, true) => between.push(vec![i]),
                (false, false) => last.push(i),
            }
        }
        std::iter::once(first).chain(between).chain([last]).filter(|batch| !batch.is_empty()).collect()
    }
}

/// Returns whether a selector may find what another rule writes.
fn reads_output(name: &Matcher, matchers: &[Matcher], other: &Rule) -> bool {
    let other_name = other.core().name();
    if name.matches(other_name) {
        return true;
    }
    let of_alerts = name.matches(ALERTS) || name.matches(ALERTS_FOR_STATE);
    let alert = matchers.iter().find(|m| m.name() == ALERT_NAME);
    of_alerts && other.alerting().is_some() && alert.is_none_or(|m| m.matches(other_name))
}
