//! Restoring the states of alerts after a start, from the series that rules write about them.
//!
//! Upstream restores when a pending alert became active, after two evaluations and for a long `for` only
//! (`rules/group.go`, `RestoreForState`). Here the state is restored before the first evaluation, so that a restart gives
//! the notifications that none would have given: `ALERTS` says what was pending and firing and what was resolved, and
//! `ALERTS_FOR_STATE` since when; what no series says (the value, since when an alert fires only because of
//! `keep_firing_for`) the expression says, evaluated once more at those moments of the past. See docs/adr.

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_base::{FastHashMap, TimeRange, TimestampMs, TimestampNs};
use firesteel_model::{ALERT_NAME, Labels, METRIC_NAME, Matcher, is_stale_nan};
use firesteel_promql_syntax::Expr;
use firesteel_storage::chunkenc::{SampleKind, SampleReader};
use firesteel_storage::{Querier, Selection, StorageError};

use crate::active::{ActiveAlert, AlertState, RESOLVED_RETENTION};
use crate::alerting::{ALERT_STATE, ALERTS, ALERTS_FOR_STATE, Alerts};
use crate::context::EvalContext;
use crate::output::Entry;
use crate::{AlertingRule, Group};

/// So many moments of the past at most are looked at for when an alert was there the last time.
const LOOKS_BACK: u32 = 240;

/// What storage has about one alert: samples of its three series, markers included, ascending.
#[derive(Debug, Default)]
struct Stored {
    pending: Vec<(i64, f64)>,
    firing: Vec<(i64, f64)>,
    since: Vec<(i64, f64)>,
}

/// A series about an alert that did not end.
#[derive(Debug)]
struct Written {
    labels: Labels,
    /// The alert's own.
    alert: Labels,
    /// The last sample's time.
    t: i64,
}

/// The moments by which states are restored.
struct Moments<'a> {
    group: &'a Group,
    rule: &'a AlertingRule,
    offset: Duration,
    interval: Duration,
    resend_delay: Duration,
    /// The clock, now.
    now: TimestampNs,
    /// The rule's last evaluation before the start.
    last: TimestampNs,
    /// Where the window that was read begins.
    window: TimestampNs,
    /// Queries bridge the gap since then: it is no outage.
    is_short: bool,
    /// The gap since then may leave the expression without an answer until targets were scraped again.
    is_felt: bool,
}

/// Restores the alerts of one rule before its evaluation at `at`.
pub(crate) fn restore(
    group: &Group,
    i: usize,
    rule: &AlertingRule,
    cx: &EvalContext,
    at: TimestampNs,
) -> Result<(), StorageError> {
    let offset = group.query_offset(cx);
    let now = cx.clock.now_ns().max(at);
    let window = now.before(offset).before(cx.settings.outage_tolerance);
    let range = TimeRange { min: window.to_ms(), max: now.before(offset).to_ms() };
    let querier = cx.queryable.querier(range)?;
    let mut stored: BTreeMap<Labels, Stored> = BTreeMap::new();
    let mut series = Vec::new();
    for metric in [ALERTS, ALERTS_FOR_STATE] {
        read(querier.as_ref(), rule, metric, range, &mut stored, &mut series)?;
    }
    let times = stored.values().flat_map(|s| [s.pending.last(), s.firing.last(), s.since.last()]);
    let Some(last) = times.flatten().map(|(t, _)| *t).max() else { return Ok(()) };
    let mut moments = Moments {
        group,
        rule,
        offset,
        interval: group.interval(),
        resend_delay: cx.settings.resend_delay,
        now,
        last: TimestampNs(0),
        window,
        is_short: false,
        is_felt: false,
    };
    moments.last = moments.evaluation_of(last);
    moments.is_felt = 2 * at.since(moments.last) > shortest_window(rule.core.expr(), cx.settings.lookback);
    moments.is_short = now.since(moments.last) <= cx.settings.lookback.max(2 * group.interval());
    let mut alerts: Alerts = Alerts::default();
    for (labels, stored) in &stored {
        if let Some(alert) = moments.active(stored, last, cx).or_else(|| moments.resolved(stored)) {
            alerts.insert(labels.clone(), alert);
        }
    }
    moments.recall(&mut alerts, cx);
    // Of a rule that shares its name, the others' series are not to end with its alerts.
    series.retain(|one| one.t == last && (!rule.shares_name || alerts.contains_key(&one.alert)));
    remember(group, i, cx, series);
    rule.active.lock().extend(alerts);
    Ok(())
}

/// Returns how far back the selector looks that looks back the least.
fn shortest_window(expr: &Expr, lookback: Duration) -> Duration {
    let mut shortest = lookback;
    expr.walk(&mut |expr| {
        if let Expr::Matrix(matrix) = expr {
            let range = matrix.range.literal_ms().and_then(|ms| u64::try_from(ms).ok());
            shortest = shortest.min(range.map_or(Duration::ZERO, Duration::from_millis));
        }
    });
    shortest
}

/// Reads the series of one metric about the rule's alerts, by the labels of the rule that are no templates.
fn read(
    querier: &dyn Querier,
    rule: &AlertingRule,
    metric: &str,
    range: TimeRange,
    stored: &mut BTreeMap<Labels, Stored>,
    series: &mut Vec<Written>,
) -> Result<(), StorageError> {
    let own = rule.core.labels();
    let plain = own.iter().filter(|(name, value)| *name != ALERT_NAME && !value.is_empty() && !value.contains("{{"));
    let mut matchers = vec![Matcher::equal(METRIC_NAME, metric), Matcher::equal(ALERT_NAME, rule.core.name())];
    matchers.extend(plain.map(|(name, value)| Matcher::equal(name, value)));
    let selected = querier.select(&Selection { matchers: &matchers, sorted: true, ..Selection::default() })?;
    let mut chunks = Vec::new();
    for (n, entry) in selected.series().iter().enumerate() {
        chunks.clear();
        selected.chunks(n, &mut chunks)?;
        let mut samples = Vec::new();
        for chunk in &chunks {
            let bad = |e: firesteel_storage::chunkenc::ChunkError| StorageError::BadChunk {
                series: entry.series.0,
                what: e.to_string(),
            };
            let mut reader = SampleReader::of(chunk).map_err(bad)?;
            while let Some((times, kind)) = reader.advance().map_err(bad)? {
                if let SampleKind::Float(v) = kind
                    && range.contains(times.t)
                {
                    samples.push((times.t.0, v));
                }
            }
        }
        samples.sort_by_key(|(t, _)| *t);
        samples.dedup_by_key(|(t, _)| *t);
        let Some((last, v)) = samples.last() else { continue };
        // A label whose template yielded nothing stands in the series as the template is written.
        let mut without = vec![METRIC_NAME, ALERT_STATE];
        let as_written = |name: &&str| entry.labels.value(name) == own.value(name) && own.value(name).contains("{{");
        without.extend(own.iter().map(|(name, _)| name).filter(as_written));
        let alert = entry.labels.without(&without);
        if !is_stale_nan(*v) {
            series.push(Written { labels: entry.labels.clone(), alert: alert.clone(), t: *last });
        }
        let of_alert = stored.entry(alert).or_default();
        match (metric, entry.labels.value(ALERT_STATE)) {
            (ALERTS_FOR_STATE, _) => of_alert.since = samples,
            (_, "firing") => of_alert.firing = samples,
            _ => of_alert.pending = samples,
        }
    }
    Ok(())
}

/// Lets the group know which series the rule wrote last, so that those that end now get their markers.
fn remember(group: &Group, i: usize, cx: &EvalContext, series: Vec<Written>) {
    let appender = cx.store.appender();
    let known = series.into_iter().filter_map(|Written { labels, .. }| {
        let series = appender.known(&labels)?;
        Some(Entry { input: labels.clone(), output: labels, series })
    });
    group.memory_of(i).lock().entries = known.collect();
}

/// Returns the last sample that is no marker.
fn alive(samples: &[(i64, f64)]) -> Option<(i64, f64)> {
    samples.last().copied().filter(|(_, v)| !is_stale_nan(*v))
}

/// Returns the times of the last samples without a marker between, the marker at the end left out.
fn last_run(samples: &[(i64, f64)]) -> &[(i64, f64)] {
    let end = if alive(samples).is_some() { samples.len() } else { samples.len().saturating_sub(1) };
    let run = &samples[..end];
    let start = run.iter().rposition(|(_, v)| is_stale_nan(*v)).map_or(0, |at| at + 1);
    &run[start..]
}

impl Moments<'_> {
    /// Returns the evaluation of which a sample is.
    fn evaluation_of(&self, t: i64) -> TimestampNs {
        let sampled = TimestampNs::from_ms(TimestampMs(t)).after(self.offset);
        let slot = self.group.slot(TimestampNs(sampled.0.saturating_add(999_999)));
        if slot.to_ms() == sampled.to_ms() { slot } else { sampled }
    }

    /// Returns the evaluation of which only the second is known.
    fn evaluation_in_second(&self, secs: f64) -> TimestampNs {
        let begin = TimestampNs((secs as i64).saturating_mul(1_000_000_000));
        let mut slot = self.group.slot(TimestampNs(begin.0.saturating_add(999_999_999)));
        if slot < begin {
            return begin;
        }
        while slot.before(self.interval) >= begin {
            slot = slot.before(self.interval);
        }
        slot
    }

    /// Returns a pending or firing alert; `None` when it was neither, or when too much time has passed for it.
    fn active(&self, stored: &Stored, last: i64, cx: &EvalContext) -> Option<ActiveAlert> {
        let (_, since) = alive(&stored.since).filter(|(t, _)| *t == last)?;
        let mut alert = ActiveAlert::new(self.evaluation_in_second(since), 0.0, Labels::empty());
        alert.awaits_targets = self.is_felt;
        if alive(&stored.firing).is_some_and(|(t, _)| t == last) {
            alert.state = AlertState::Firing;
            let run = last_run(&stored.firing);
            let fired = self.fired_at(alert.active_at, run);
            alert.fired_at = Some(fired);
            let sent = self.last_sent(fired, run);
            // What was sent in the very last evaluations may not have left.
            if sent.after(self.interval) < self.last {
                alert.last_sent_at = Some(sent);
                alert.valid_until = Some(sent.after(4 * self.interval.max(self.resend_delay)));
            }
            return Some(alert);
        }
        if !self.is_short {
            alert.active_at = self.after_outage(alert.active_at, cx)?;
        }
        Some(alert)
    }

    /// Returns since when an alert that was pending before an outage counts as active; `None`: it starts anew (as
    /// upstream's `RestoreForState`).
    fn after_outage(&self, active_at: TimestampNs, cx: &EvalContext) -> Option<TimestampNs> {
        let (hold, grace) = (self.rule.hold, cx.settings.for_grace_period);
        if hold < grace {
            return None;
        }
        let remaining = hold.saturating_sub(self.last.since(active_at));
        Some(if remaining.is_zero() {
            active_at
        } else if remaining < grace {
            self.now.after(grace).before(hold)
        } else {
            active_at.after(self.now.since(self.last))
        })
    }

    /// Returns an alert that was resolved and is still to be told of.
    fn resolved(&self, stored: &Stored) -> Option<ActiveAlert> {
        let (ended, v) = *stored.firing.last()?;
        let run = last_run(&stored.firing);
        let is_pending_again = alive(&stored.pending).is_some() || alive(&stored.since).is_some();
        if !is_stale_nan(v) || run.is_empty() || is_pending_again {
            return None;
        }
        let resolved = self.evaluation_of(ended);
        if self.now.since(resolved) > RESOLVED_RETENTION {
            return None;
        }
        let since = stored.since.iter().rev().find(|(_, v)| !is_stale_nan(*v));
        let active_at = since.map_or(resolved, |(_, v)| self.evaluation_in_second(*v));
        let mut alert = ActiveAlert::new(active_at, 0.0, Labels::empty());
        alert.state = AlertState::Inactive;
        alert.fired_at = Some(self.fired_at(active_at, run));
        alert.resolved_at = Some(resolved);
        let period = self.resend_period();
        let sent = resolved.after(period * (self.now.since(resolved).as_nanos() / period.as_nanos().max(1)) as u32);
        if resolved.after(2 * self.interval) < self.last || self.last < resolved {
            alert.last_sent_at = Some(sent);
        }
        Some(alert)
    }

    /// Returns when an alert began to fire: its first sample, or when it must have been if that is not in the window.
    fn fired_at(&self, active_at: TimestampNs, run: &[(i64, f64)]) -> TimestampNs {
        let first = run.first().map(|(t, _)| self.evaluation_of(*t));
        if let Some(first) = first.filter(|first| self.window.after(self.offset).after(2 * self.interval) < *first) {
            return first;
        }
        let due = active_at.after(self.rule.hold);
        let slot = self.group.slot(due);
        let fired = if slot < due { slot.after(self.interval) } else { slot };
        first.map_or(fired, |first| fired.min(first))
    }

    /// Returns how long after one notification of an alert the next comes.
    fn resend_period(&self) -> Duration {
        let interval = self.interval.as_nanos().max(1);
        let n = self.resend_delay.as_nanos() / interval + 1;
        self.interval.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX))
    }

    /// Returns when an alert that fires was sent the last time.
    fn last_sent(&self, fired: TimestampNs, run: &[(i64, f64)]) -> TimestampNs {
        let first = run.first().map_or(self.last, |(t, _)| self.evaluation_of(*t));
        let mut sent = fired;
        if fired < first {
            let period = self.resend_period();
            let n = first.since(fired).as_nanos() / period.as_nanos().max(1);
            sent = fired.after(period.saturating_mul(u32::try_from(n).unwrap_or(u32::MAX)));
        }
        for (t, _) in run {
            let at = self.evaluation_of(*t);
            if sent.after(self.resend_delay) < at {
                sent = at;
            }
        }
        sent
    }

    /// Asks the expression for values, annotations, and since when alerts are kept firing. Alerts that it never had are
    /// another rule's if there is one of the same name.
    fn recall(&self, alerts: &mut Alerts, cx: &EvalContext) {
        // Moments at which alerts were there for certain, if nothing keeps them firing.
        let mut by_moment: BTreeMap<TimestampNs, Vec<Labels>> = BTreeMap::new();
        for (labels, alert) in alerts.iter() {
            let moment = alert.resolved_at.map_or(self.last, |resolved| resolved.before(self.interval));
            by_moment.entry(moment).or_default().push(labels.clone());
        }
        for (moment, mut wanted) in by_moment {
            let seen = self.last_seen(moment, &mut wanted, cx);
            for (labels, (seen_at, found)) in seen {
                let Some(alert) = alerts.get_mut(&labels) else { continue };
                (alert.value, alert.annotations) = (found.value, found.annotations);
                if alert.state == AlertState::Firing && seen_at < moment {
                    alert.keep_firing_since = Some(seen_at.after(self.interval));
                }
            }
            if self.rule.shares_name {
                for labels in wanted {
                    alerts.shift_remove(&labels);
                }
            }
        }
    }

    /// Returns when alerts were there the last time, and as what; takes them out of `wanted`.
    fn last_seen(
        &self,
        from: TimestampNs,
        wanted: &mut Vec<Labels>,
        cx: &EvalContext,
    ) -> FastHashMap<Labels, (TimestampNs, ActiveAlert)> {
        let mut seen = FastHashMap::default();
        let interval = self.interval.as_nanos().max(1);
        let evaluations = u32::try_from(self.rule.keep_firing_for.as_nanos() / interval).unwrap_or(u32::MAX);
        let looks = evaluations.min(LOOKS_BACK);
        for look in 0..=looks {
            let back =
                if looks == 0 { 0 } else { (u64::from(evaluations) * u64::from(look) / u64::from(looks)) as u32 };
            let at = from.before(self.interval.saturating_mul(back));
            let core = &self.rule.core;
            // A moment that cannot be asked about is like one without the alert.
            let samples = cx.vector(&core.expr, at.before(self.offset).to_ms(), &core.options).unwrap_or_default();
            let found = self.rule.alerts_of(&samples, cx, at).unwrap_or_default();
            wanted.retain(|labels| match found.get(labels) {
                Some(alert) => {
                    seen.insert(labels.clone(), (at, alert.clone()));
                    false
                }
                None => true,
            });
            if wanted.is_empty() {
                break;
            }
        }
        seen
    }
}
