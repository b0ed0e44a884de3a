//! `info(vector, selector)`: adds to each series labels of the info metrics of the same `instance` and `job`
//! (`promql/info.go`, 3.14).

use std::collections::BTreeMap;
use std::sync::Arc;

use firesteel_base::{FastHashMap, FastHashSet};
use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME, MatchType, Matcher};
use firesteel_storage::{Selected, SelectionHints};

use super::merge::same_labelset;
use super::{Emitter, Flow, Input, Operator};
use crate::QueryError;
use crate::budget::Charge;
use crate::columns::Columns;
use crate::context::{Context, row_bytes};
use crate::grid::Grid;
use crate::series::OutputSeries;
use crate::tile::{SharedHistogram, Tile};

/// The labels that say which target a series is of.
const IDENTIFYING: [&str; 2] = ["instance", "job"];

/// At which time info series are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InfoTime {
    /// The time that `@` names.
    pub(crate) at: Option<i64>,
    pub(crate) offset_ms: i64,
}

pub(crate) struct Info {
    input: Input,
    /// Conditions on the labels of info metrics, by label; those on their names apart.
    data: BTreeMap<String, Vec<Matcher>>,
    names: Vec<Matcher>,
    when: InfoTime,
    grid: Grid,
    emitter: Emitter,
    charge: Charge,
}

/// What a point of the output takes while all are collected.
const CELL_BYTES: u64 = 64;

/// An info series: its labels, what finds it, and the time of its newest sample at each step.
struct InfoSeries {
    labels: Labels,
    name: usize,
    target: Labels,
    newest: Vec<Option<i64>>,
}

impl Info {
    pub(crate) fn new(input: Box<dyn Operator>, matchers: Option<Vec<Matcher>>, when: InfoTime, grid: Grid) -> Self {
        let mut data: BTreeMap<String, Vec<Matcher>> = BTreeMap::new();
        let mut names = Vec::new();
        for matcher in matchers.into_iter().flatten() {
            if matcher.name() == METRIC_NAME {
                names.push(matcher);
            } else {
                data.entry(matcher.name().to_owned()).or_default().push(matcher);
            }
        }
        let (emitter, charge) = (Emitter::default(), Charge::default());
        Self { input: Input::new(input), data, names, when, grid, emitter, charge }
    }

    /// Returns what info metrics are called: `target_info` unless something else is said, `.+_info` under conditions that
    /// only exclude.
    fn name_matchers(&self) -> Result<Vec<Matcher>, QueryError> {
        let made = |kind, value: &str| {
            Matcher::new(kind, METRIC_NAME, value).map_err(|e| QueryError::Execution(e.to_string()))
        };
        let positive = |m: &Matcher| matches!(m.match_type(), MatchType::Equal | MatchType::Regexp);
        if self.names.is_empty() {
            return Ok(vec![made(MatchType::Equal, "target_info")?]);
        }
        let mut names = self.names.clone();
        if !names.iter().any(positive) {
            names.insert(0, made(MatchType::Regexp, ".+_info")?);
        }
        Ok(names)
    }

    /// Selects the info series of the targets of `series`.
    fn fetch(&mut self, cx: &Context<'_>, series: &[&OutputSeries]) -> Result<Vec<InfoSeries>, QueryError> {
        let mut matchers = Vec::new();
        for label in IDENTIFYING {
            let mut values: Vec<&str> =
                series.iter().map(|one| one.labels.value(label)).filter(|value| !value.is_empty()).collect();
            values.sort_unstable();
            values.dedup();
            if !values.is_empty() {
                let pattern = values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join("|");
                let matcher = Matcher::new(MatchType::Regexp, label, &pattern);
                matchers.push(matcher.map_err(|e| QueryError::Execution(e.to_string()))?);
            }
        }
        if matchers.is_empty() {
            return Ok(Vec::new());
        }
        matchers.extend(self.data.values().flatten().cloned());
        matchers.extend(self.name_matchers()?);
        let selected = cx.select(&matchers, SelectionHints { step_ms: self.grid.step_ms, range_ms: 0 }, None)?;
        let mut names: FastHashMap<String, usize> = FastHashMap::default();
        let mut columns = Columns::default();
        let mut all = Vec::new();
        for (i, entry) in selected.series().iter().enumerate() {
            cx.check()?;
            let next = names.len();
            let name = *names.entry(entry.labels.metric_name().to_owned()).or_insert(next);
            self.charge.add(cx.node, (size_of::<InfoSeries>() + 16 * self.grid.n) as u64)?;
            let newest = self.newest(cx, selected.as_ref(), i, &mut columns)?;
            all.push(InfoSeries { labels: entry.labels.clone(), name, target: target(&entry.labels), newest });
        }
        Ok(all)
    }

    /// Returns the time of the newest sample at each step.
    fn newest(
        &self,
        cx: &Context<'_>,
        selected: &dyn Selected,
        i: usize,
        columns: &mut Columns,
    ) -> Result<Vec<Option<i64>>, QueryError> {
        let moment =
            |step: usize| self.when.at.unwrap_or_else(|| self.grid.at(step)).saturating_sub(self.when.offset_ms);
        let first = moment(0).saturating_sub(cx.lookback_ms).saturating_add(1);
        columns.load(selected, i, first, moment(self.grid.n - 1))?;
        let (t, v, h) = (columns.t(), columns.v(), columns.histograms());
        (0..self.grid.n)
            .map(|step| {
                let moment = moment(step);
                let at = t.partition_point(|t| t.0 <= moment).checked_sub(1);
                let float = at.map(|i| t[i].0).filter(|t| *t > moment.saturating_sub(cx.lookback_ms));
                let histogram = h.partition_point(|point| point.t.0 <= moment).checked_sub(1).map(|i| &h[i]);
                if let Some(point) = histogram
                    && point.t.0 > moment.saturating_sub(cx.lookback_ms)
                    && float.is_none_or(|t| t < point.t.0)
                    && !point.h.is_stale()
                {
                    let metric = selected.series().get(i).map(|entry| entry.labels.to_string()).unwrap_or_default();
                    return Err(QueryError::Execution(format!(
                        "this should be an info metric, with float samples: {metric}"
                    )));
                }
                let stale = at.is_some_and(|i| firesteel_model::is_stale_nan(v[i]));
                Ok(float.filter(|_| !stale))
            })
            .collect()
    }

    /// Returns for each info metric and target the series that counts at a step: the one with the newest sample.
    fn at_step(info: &[InfoSeries], step: usize) -> Result<FastHashMap<(usize, &Labels), &InfoSeries>, QueryError> {
        let mut found: FastHashMap<(usize, &Labels), &InfoSeries> = FastHashMap::default();
        for one in info {
            let Some(t) = one.newest[step] else { continue };
            let kept = found.entry((one.name, &one.target)).or_insert(one);
            let kept_t = kept.newest[step].unwrap_or(t);
            if kept_t < t {
                *kept = one;
            } else if kept_t == t && kept.labels != one.labels {
                return Err(QueryError::Execution(format!(
                    "found duplicate series for info metric: existing {} @ {kept_t}, new {} @ {t}",
                    kept.labels, one.labels
                )));
            }
        }
        Ok(found)
    }

    /// Returns the labels of a series with those of its info series at a step, `None` if it has to have one and has not.
    fn enriched(
        &self,
        labels: &Labels,
        found: &FastHashMap<(usize, &Labels), &InfoSeries>,
        n_names: usize,
    ) -> Result<Option<Labels>, QueryError> {
        let target = target(labels);
        let mut added: BTreeMap<&str, &str> = BTreeMap::new();
        let mut any = false;
        for name in 0..n_names {
            let Some(info) = found.get(&(name, &target)) else { continue };
            any = true;
            for (label, value) in &info.labels {
                let wanted = self.data.is_empty() || self.data.contains_key(label);
                if label == METRIC_NAME || !wanted {
                    continue;
                }
                if added.get(label).is_some_and(|known| *known != value) {
                    return Err(QueryError::Execution(format!("conflicting label: {label}")));
                }
                if labels.get(label).is_none() {
                    added.insert(label, value);
                }
            }
        }
        if !any && self.data.values().flatten().any(|matcher| !matcher.matches("")) {
            return Ok(None);
        }
        let mut builder = LabelsBuilder::from_labels(labels);
        for (label, value) in added {
            builder.set(label, value);
        }
        Ok(Some(builder.build()))
    }
}

/// Returns the labels that say which target a series is of.
fn target(labels: &Labels) -> Labels {
    let mut builder = LabelsBuilder::from_labels(labels);
    builder.retain(|name, _| IDENTIFYING.contains(&name));
    builder.build()
}

/// Quotes what has a meaning in patterns.
fn quoted(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Operator for Info {
    fn prepare(&mut self, cx: &Context<'_>) -> Result<Arc<[OutputSeries]>, QueryError> {
        let series = self.input.prepare(cx)?;
        let rows = self.input.gather(cx, series.len(), self.grid)?;
        let names = self.name_matchers()?;
        // Info metrics themselves stay as they are.
        let is_info: Vec<bool> =
            series.iter().map(|one| names.iter().all(|matcher| matcher.matches(one.labels.metric_name()))).collect();
        let present = |i: &usize| !rows.row(*i).is_empty();
        let base: Vec<&OutputSeries> =
            (0..series.len()).filter(present).filter(|i| !is_info[*i]).map(|i| &series[i]).collect();
        let info = self.fetch(cx, &base)?;
        let n_names = info.iter().map(|one| one.name + 1).max().unwrap_or(0);
        let mut outputs: Vec<OutputSeries> = Vec::new();
        let mut numbers: FastHashMap<Labels, usize> = FastHashMap::default();
        let mut cells: Vec<(usize, usize, Result<f64, SharedHistogram>)> = Vec::new();
        let mut taken: FastHashSet<(usize, usize)> = FastHashSet::default();
        for step in 0..self.grid.n {
            cx.check()?;
            self.charge.add(cx.node, CELL_BYTES * rows.n_points_at(step))?;
            let found = Self::at_step(&info, step)?;
            for (i, one) in series.iter().enumerate() {
                let row = rows.row(i);
                let point = match (row.get(step), row.histogram(step)) {
                    (Some(v), _) => Ok(v),
                    (None, Some(h)) => Err(Arc::clone(h)),
                    (None, None) => continue,
                };
                let labels = if is_info[i] {
                    one.labels.clone()
                } else {
                    match self.enriched(&one.labels, &found, n_names)? {
                        Some(labels) => labels,
                        None => continue,
                    }
                };
                let number = *numbers.entry(labels).or_insert_with_key(|labels| {
                    outputs.push(OutputSeries { labels: labels.clone(), drop_name: one.drop_name, apart: false });
                    outputs.len() - 1
                });
                if !taken.insert((number, step)) {
                    return Err(same_labelset());
                }
                cells.push((number, step, point));
            }
        }
        self.charge.add(cx.node, row_bytes(self.grid.n).saturating_mul(outputs.len() as u64))?;
        let mut out = Tile::default();
        out.reset(0, outputs.len(), self.grid.n);
        for (number, step, point) in cells {
            match point {
                Ok(v) => out.row_mut(number).set(step, v),
                Err(h) => out.row_mut(number).set_histogram(step, h),
            }
        }
        self.emitter = Emitter::new(out);
        Ok(outputs.into())
    }

    fn next(&mut self, _: &Context<'_>, out: &mut Tile) -> Result<Flow, QueryError> {
        Ok(self.emitter.next(self.grid, out))
    }
}
