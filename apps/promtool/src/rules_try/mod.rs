//! `rules try`: replays rules over stored data, and says what would have fired against what did.
//!
//! Ours; upstream has nothing of the kind. The states of alerts come of the same [`Group::eval`] as the server's. What the
//! rules wrote in their time is hidden from them, what they write now goes to a database of its own.

mod overlay;
mod ranges;
mod report;
mod spans;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use firesteel_base::{TimestampMs, TimestampNs};
use firesteel_cli::Matches;
use firesteel_client::Registry;
use firesteel_config::ValidationScheme;
use firesteel_go_compat::parse_duration;
use firesteel_model::Labels;
use firesteel_promql::{Engine, EngineOptions, QueryOptions, Value};
use firesteel_promql_syntax::{ParserOptions, parse};
use firesteel_rules::{AlertState, EvalContext, Group, LoadOptions, Rule, RuleSettings, load_groups};
use firesteel_storage::Queryable;
use firesteel_tsdb::ReadOnlyDb;

use crate::Console;
use crate::app::{FAILURE, SUCCESS};
use crate::never_firing::open_data;
use crate::query_time::QueryTime;
use crate::scratch_db::ScratchDb;
use overlay::Overlay;
use ranges::RangeQueries;
use report::RuleTrial;
use spans::{Spans, note, of_stored};

pub(crate) fn run(matches: &Matches, parser: ParserOptions, console: &mut Console<'_>) -> u8 {
    match Trial::new(matches, parser).and_then(|mut trial| trial.run().map(|trials| (trials, trial.window))) {
        Err(error) => {
            console.complain(error);
            FAILURE
        }
        Ok((trials, window)) => {
            if matches.text("format") == "json" {
                console.say(report::json(&trials, window));
            } else {
                report::show(&trials, window, usize::try_from(matches.int("limit")).unwrap_or(0), console);
            }
            if trials.iter().any(|trial| trial.failures > 0) { FAILURE } else { SUCCESS }
        }
    }
}

/// Groups over data.
struct Trial {
    stored: Arc<ReadOnlyDb>,
    /// Each with its first evaluation, in milliseconds.
    groups: Vec<(Group, i64)>,
    engine: Arc<Engine>,
    parser: ParserOptions,
    external_url: String,
    /// What is told of; evaluation begins earlier, so that `for` is over where it would have been.
    window: (TimestampMs, TimestampMs),
}

impl Trial {
    fn new(matches: &Matches, parser: ParserOptions) -> Result<Self, String> {
        let external_url = matches.text("external-url").trim_end_matches('/').to_owned();
        let load = LoadOptions {
            interval: matches.duration("eval-interval"),
            external_labels: Labels::empty(),
            external_url: external_url.clone(),
            scheme: ValidationScheme::Utf8,
            parser,
            ignore_unknown_fields: matches.bool("ignore-unknown-fields"),
        };
        let files: Vec<PathBuf> = matches.args("rule-files").into_iter().map(PathBuf::from).collect();
        let groups = load_groups(&files, &load).map_err(|error| error.to_string())?;
        let dir = Path::new(matches.text("data-dir"));
        let stored = open_data(dir)?;
        let newest = stored.time_range().ok_or_else(|| format!("{}: there is no data", dir.display()))?.max;
        let newest = QueryTime::read(Some(&(newest.0 as f64 / 1000.0).to_string()), "time", QueryTime::now())?;
        let until = QueryTime::read(matches.text_opt("until"), "until", newest)?;
        let since = match parse_duration(matches.text("since")) {
            Ok(back) => until.earlier(back),
            Err(_) => QueryTime::read(Some(matches.text("since")), "since", until)?,
        };
        if since >= until {
            return Err("there is no time between --since and --until".to_owned());
        }
        let window = (TimestampMs(since.unix_ms()), TimestampMs(until.unix_ms()));
        let begin = TimestampMs(window.0.0.saturating_sub(warm_up(&groups).as_millis() as i64));
        let groups = groups.into_iter().map(|group| {
            let interval = i64::try_from(group.interval().as_nanos()).unwrap_or(i64::MAX);
            let slot = group.slot(TimestampNs(begin.0.saturating_mul(1_000_000)));
            let first = TimestampNs(slot.0.saturating_add(interval)).to_ms().0;
            (group, first)
        });
        let options = EngineOptions { max_concurrent: 0, timeout: Duration::from_hours(1), ..EngineOptions::default() };
        let engine = Engine::new(options, &Registry::new()).map_err(|error| error.to_string())?;
        Ok(Self { groups: groups.collect(), stored, engine: Arc::new(engine), parser, external_url, window })
    }

    fn run(&mut self) -> Result<Vec<RuleTrial>, String> {
        let all = std::mem::take(&mut self.groups);
        let hides = {
            let groups: Vec<&Group> = all.iter().map(|(group, _)| group).collect();
            overlay::hiding(&groups)?
        };
        let scratch = ScratchDb::open()?;
        let written = Arc::clone(scratch.db());
        let stored: Arc<dyn Queryable> = Arc::clone(&self.stored) as _;
        let seen: Arc<dyn Queryable> =
            Arc::new(Overlay { stored, written: Arc::clone(&written) as _, hides: hides.clone() });
        let queries = RangeQueries::new(Arc::clone(&self.engine), Arc::clone(&seen), &all, &hides, self.window.1);
        let settings =
            RuleSettings { external_url: self.external_url.clone(), parser: self.parser, ..RuleSettings::default() };
        let cx = EvalContext::new(Arc::new(queries), seen, written as _, settings, &Registry::new());
        let mut trials: Vec<Vec<RuleTrial>> = all.iter().map(|(group, _)| trials_of(group)).collect();
        let mut next: Vec<i64> = all.iter().map(|(_, first)| *first).collect();
        // Whichever group is due first; of several the first, as in the file.
        while let Some(at_group) = (0..next.len()).min_by_key(|i| next[*i]).filter(|i| next[*i] <= self.window.1.0) {
            let (group, at) = (&all[at_group].0, next[at_group]);
            group.eval(&cx, TimestampNs(at.saturating_mul(1_000_000)));
            next[at_group] = at.saturating_add((group.interval().as_millis() as i64).max(1));
            if at >= self.window.0.0 {
                for (rule, trial) in group.rules().iter().zip(&mut trials[at_group]) {
                    look(rule, at, trial);
                }
            }
        }
        let mut trials: Vec<RuleTrial> = trials.into_iter().flatten().collect();
        self.add_stored(&mut trials)?;
        Ok(trials)
    }

    /// Notes what fired in its time. Alerts that no rule of their name has are told of with the first one.
    fn add_stored(&self, trials: &mut [RuleTrial]) -> Result<(), String> {
        for at in 0..trials.len() {
            if !trials[at].is_alert || trials[..at].iter().any(|other| other.is_alert && other.name == trials[at].name)
            {
                continue;
            }
            let name = trials[at].name.clone();
            let interval = trials[at].interval_ms;
            let selector = format!("ALERTS{{alertname={},alertstate=\"firing\"}}", firesteel_go_compat::quote(&name));
            let mut stored = self.stored_spans(&selector, interval)?;
            for trial in trials.iter_mut().filter(|other| other.is_alert && other.name == name) {
                let own: Vec<Labels> =
                    trial.fired.keys().filter(|labels| stored.contains_key(labels)).cloned().collect();
                for labels in own {
                    if let Some(spans) = stored.remove(&labels) {
                        trial.stored.insert(labels, spans);
                    }
                }
            }
            trials[at].stored.append(&mut stored);
        }
        Ok(())
    }

    fn stored_spans(&self, selector: &str, step: i64) -> Result<Spans, String> {
        let expr = parse(selector, self.parser).map_err(|errors| errors.to_string())?;
        let (from, to) = self.window;
        let options = QueryOptions::default();
        let mut spans = Spans::new();
        // In parts, so that a month fits the engine's bound on samples.
        let part = step.saturating_mul(10_000);
        let mut begin = from.0;
        while begin <= to.0 {
            let end = (begin + part - step).min(to.0);
            let (begin_at, end_at) = (TimestampMs(begin), TimestampMs(end));
            let answer = self.engine.range(&*self.stored, &expr, begin_at, end_at, step, &options);
            if let Value::Matrix(series) = answer.map_err(|error| error.to_string())?.value {
                for (labels, found) in of_stored(&series, step) {
                    for span in found {
                        let known = spans.entry(labels.clone()).or_default();
                        match known.last_mut() {
                            Some(last) if span.from - last.to <= step => last.to = span.to,
                            _ => known.push(span),
                        }
                    }
                }
            }
            begin += part;
        }
        Ok(spans)
    }
}

/// How long before the window alerts may have begun that fire at its beginning.
fn warm_up(groups: &[Group]) -> Duration {
    let rules = groups.iter().flat_map(|group| group.rules().iter().map(move |rule| (group, rule)));
    let needs = rules.filter_map(|(group, rule)| {
        let alerting = rule.alerting()?;
        Some(alerting.hold() + alerting.keep_firing_for() + 2 * group.interval())
    });
    needs.max().unwrap_or_default()
}

fn trials_of(group: &Group) -> Vec<RuleTrial> {
    let one = |(at, rule): (usize, &Rule)| RuleTrial {
        file: group.file().to_owned(),
        group: group.name().to_owned(),
        place: at + 1,
        name: rule.core().name().to_owned(),
        is_alert: rule.alerting().is_some(),
        interval_ms: group.interval().as_millis() as i64,
        failures: 0,
        error: String::new(),
        evaluations: 0,
        fired: Spans::new(),
        stored: Spans::new(),
    };
    group.rules().iter().enumerate().map(one).collect()
}

/// Notes what an evaluation did.
fn look(rule: &Rule, at: i64, trial: &mut RuleTrial) {
    trial.evaluations += 1;
    let error = rule.core().status().last_error;
    if !error.is_empty() {
        trial.failures += 1;
        trial.error = error.to_string();
    }
    if let Some(alerting) = rule.alerting() {
        for (labels, alert) in alerting.active_alerts() {
            if alert.state == AlertState::Firing {
                note(&mut trial.fired, &labels, at, trial.interval_ms);
            }
        }
    }
}
