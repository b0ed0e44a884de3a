//! `--coverage`: rules that no test reaches.

use std::collections::{BTreeMap, BTreeSet};

use firesteel_rules::{Group, Rule};

use crate::Console;

/// How far tests came with a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Reached {
    /// Its expression never yielded anything.
    Nothing,
    /// It yielded, but no test looks at it.
    Unseen,
    Seen,
}

/// File, group, place in the group.
type Key = (String, String, usize);

/// What all tests together reached.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    rules: BTreeMap<Key, (String, bool, Reached)>,
}

impl Coverage {
    /// Adds what one test did. `yielded` are the rules, by places of group and rule, whose expression yielded something;
    /// `asserted` are the names of alerts that fired when the test looked at them.
    pub(super) fn add(&mut self, groups: &[Group], yielded: &BTreeSet<(usize, usize)>, asserted: &BTreeSet<String>) {
        for (group_at, group) in groups.iter().enumerate() {
            for (at, rule) in group.rules().iter().enumerate() {
                let (name, alerts) = (rule.core().name(), rule.alerting().is_some());
                let reached = match rule {
                    Rule::Alerting(_) if asserted.contains(name) => Reached::Seen,
                    _ if yielded.contains(&(group_at, at)) && alerts => Reached::Unseen,
                    _ if yielded.contains(&(group_at, at)) => Reached::Seen,
                    _ => Reached::Nothing,
                };
                let key = (group.file().to_owned(), group.name().to_owned(), at);
                let known = self.rules.entry(key).or_insert_with(|| (name.to_owned(), alerts, reached));
                known.2 = known.2.max(reached);
            }
        }
    }

    /// Writes a line for each rule that was not reached, and a sum.
    pub(super) fn show(&self, console: &mut Console<'_>) {
        let seen = self.rules.values().filter(|(_, _, reached)| *reached == Reached::Seen).count();
        console.say(format_args!("Coverage: {seen} of {} rules are reached by a test", self.rules.len()));
        for ((file, group, at), (name, alerts, reached)) in &self.rules {
            let what = match (reached, alerts) {
                (Reached::Seen, _) => continue,
                (Reached::Unseen, _) => "becomes active, but no test sees it fire",
                (Reached::Nothing, true) => "never becomes active",
                (Reached::Nothing, false) => "never yields a sample",
            };
            let kind = if *alerts { "alert" } else { "record" };
            console.say(format_args!("  {file}: group \"{group}\", rule {}: {kind} {name}: {what}", at + 1));
        }
    }
}
