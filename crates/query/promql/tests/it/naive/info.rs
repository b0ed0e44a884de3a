//! `info()`: series with the labels of what is known about their targets.

use std::collections::{BTreeMap, HashMap};

use firesteel_model::{Labels, METRIC_NAME, MatchType, Matcher};
use firesteel_promql_syntax::Expr;

use super::data::{Grid, Row, Sample, filtered, matches, with_label};
use super::{Error, Naive, Twins};

const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// When info series are looked at: at a fixed time or each step's own, that much earlier.
struct When {
    at: Option<i64>,
    offset: i64,
}

impl Naive<'_> {
    /// Returns the times of the first selector, seen from outside.
    fn info_time(&self, expr: &Expr) -> Result<Option<When>, Error> {
        Ok(match expr {
            Expr::Vector(selector) => {
                Some(When { at: self.at_time(selector.at), offset: self.offset(&selector.offset)? })
            }
            Expr::Matrix(matrix) => {
                let selector = &matrix.selector;
                Some(When { at: self.at_time(selector.at), offset: self.offset(&selector.offset)? })
            }
            Expr::Subquery(subquery) => match self.info_time(&subquery.expr)? {
                Some(When { at: None, offset }) => {
                    let offset = offset + self.offset(&subquery.offset)?;
                    Some(When { at: self.at_time(subquery.at), offset })
                }
                known => known,
            },
            other => {
                for child in other.children() {
                    if let Some(when) = self.info_time(child)? {
                        return Ok(Some(when));
                    }
                }
                None
            }
        })
    }

    pub(super) fn info(&self, args: &[&Expr], grid: Grid) -> Result<Vec<Row>, Error> {
        let when = self.info_time(args[0])?.unwrap_or(When { at: None, offset: 0 });
        let base = self.rows(args[0], grid)?;
        let mut names = Vec::<Matcher>::new();
        let mut data = BTreeMap::<String, Vec<Matcher>>::new();
        if let Some(Expr::Vector(selector)) = args.get(1) {
            for matcher in &selector.matchers {
                if matcher.name() == METRIC_NAME {
                    names.push(matcher.clone());
                } else {
                    data.entry(matcher.name().to_owned()).or_default().push(matcher.clone());
                }
            }
        }
        if names.is_empty() {
            names.push(Matcher::equal(METRIC_NAME, "target_info"));
        } else if !names.iter().any(|name| matches!(name.match_type(), MatchType::Equal | MatchType::Regexp)) {
            names.insert(0, Matcher::new(MatchType::Regexp, METRIC_NAME, ".+_info").expect("a pattern"));
        }
        let is_info = |labels: &Labels| matches(labels, &names);
        let others: Vec<&Row> = base.iter().filter(|row| !is_info(&row.labels)).collect();
        let values = |name: &str| others.iter().any(|row| !row.labels.value(name).is_empty());
        let known: Vec<&str> = IDENTIFYING.into_iter().filter(|name| values(name)).collect();
        let about = |labels: &Labels| {
            !known.is_empty()
                && is_info(labels)
                && data.values().flatten().all(|matcher| matcher.matches(labels.value(matcher.name())))
                && known.iter().all(|name| others.iter().any(|row| row.labels.value(name) == labels.value(name)))
        };
        let mut info = Vec::<(&Labels, Vec<Option<i64>>)>::new();
        for series in self.series.iter().filter(|series| about(&series.labels)) {
            let mut newest = Vec::new();
            for t in grid.times() {
                let found = series.at(when.at.unwrap_or(t) - when.offset, self.lookback);
                if found.is_some_and(|sample| sample.datum.float().is_none()) {
                    return Err(Error(format!("this should be an info metric, with float samples: {}", series.labels)));
                }
                newest.push(found.map(|sample| sample.t));
            }
            info.push((&series.labels, newest));
        }
        self.by_step(grid, &[&base], Twins::Refused, |step, _, mut vectors| {
            let vector = vectors.remove(0);
            if vector.is_empty() {
                return Ok(vector);
            }
            // Of several info series for one target the one with the newest sample counts.
            let mut by_target = HashMap::<Labels, (&Labels, i64)>::new();
            let target = |labels: &Labels, name: &str| {
                with_label(&filtered(labels, |label| IDENTIFYING.contains(&label)), METRIC_NAME, name)
            };
            for (labels, newest) in &info {
                let Some(t) = newest[step] else { continue };
                let kept = by_target.entry(target(labels, labels.metric_name())).or_insert((labels, t));
                if kept.1 < t {
                    *kept = (labels, t);
                } else if kept.1 == t && kept.0 != *labels {
                    return Err(Error(format!(
                        "found duplicate series for info metric: existing {} @ {}, new {labels} @ {t}",
                        kept.0, kept.1
                    )));
                }
            }
            let mut names: Vec<&str> = info.iter().map(|(labels, _)| labels.metric_name()).collect();
            names.sort_unstable();
            names.dedup();
            let mut out = Vec::new();
            for sample in vector {
                if is_info(&sample.labels) {
                    out.push(sample);
                    continue;
                }
                let found: Vec<&Labels> = names
                    .iter()
                    .filter_map(|name| by_target.get(&target(&sample.labels, name)).map(|(labels, _)| *labels))
                    .collect();
                let mut more = BTreeMap::<&str, &str>::new();
                for (name, value) in found.iter().copied().flatten() {
                    if name == METRIC_NAME || !data.is_empty() && !data.contains_key(name) {
                        continue;
                    }
                    if more.get(name).is_some_and(|known| *known != value) {
                        return Err(Error(format!("conflicting label: {name}")));
                    }
                    if sample.labels.get(name).is_none() {
                        more.insert(name, value);
                    }
                }
                let may_be_without = data.values().flatten().all(|matcher| matcher.matches(""));
                if found.is_empty() && !may_be_without {
                    continue;
                }
                let labels =
                    more.iter().fold(sample.labels.clone(), |labels, (name, value)| with_label(&labels, name, value));
                out.push(Sample { labels, ..sample });
            }
            Ok(out)
        })
    }
}
