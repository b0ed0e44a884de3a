//! The states of one alert: pending, firing, and for a while resolved (`rules/alerting.go`, 3.14).

use std::time::Duration;

use firesteel_base::TimestampNs;
use firesteel_model::Labels;

/// Resolved alerts are kept so long, and sent again meanwhile: an Alertmanager may have been away.
pub(crate) const RESOLVED_RETENTION: Duration = Duration::from_mins(15);

/// The state of an alert or, as the greatest of its alerts', of a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum AlertState {
    /// Never evaluated.
    #[default]
    Unknown,
    Inactive,
    Pending,
    Firing,
}

impl AlertState {
    /// Returns the word of the API and of the label `alertstate`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Pending => "pending",
            Self::Firing => "firing",
        }
    }
}

/// One alert of a rule. Its labels are its key.
#[derive(Clone, PartialEq, Debug)]
pub struct ActiveAlert {
    pub state: AlertState,
    pub annotations: Labels,
    /// The value of the expression when it last had this element.
    pub value: f64,
    /// When the condition began to hold.
    pub active_at: TimestampNs,
    pub fired_at: Option<TimestampNs>,
    pub resolved_at: Option<TimestampNs>,
    pub last_sent_at: Option<TimestampNs>,
    /// When Alertmanagers may take it for resolved.
    pub valid_until: Option<TimestampNs>,
    /// Since when it fires only because of `keep_firing_for`.
    pub keep_firing_since: Option<TimestampNs>,
    /// It was restored after a gap in what its expression reads: one evaluation may pass without it.
    pub(crate) awaits_targets: bool,
    /// Labels of its series, made when they are first written: `ALERTS` pending and firing, `ALERTS_FOR_STATE`.
    pub(crate) series: [Option<Labels>; 3],
}

/// How long a rule's alerts wait, and how long they go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    pub(crate) hold: Duration,
    pub(crate) keep_firing_for: Duration,
}

/// What becomes of an alert in an evaluation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// It is pending or firing.
    Counts,
    /// It was resolved some time ago.
    Rests,
    /// It is forgotten.
    Gone,
}

impl ActiveAlert {
    /// Returns an alert that an evaluation has just found.
    pub(crate) fn new(at: TimestampNs, value: f64, annotations: Labels) -> Self {
        Self {
            state: AlertState::Pending,
            annotations,
            value,
            active_at: at,
            fired_at: None,
            resolved_at: None,
            last_sent_at: None,
            valid_until: None,
            keep_firing_since: None,
            awaits_targets: false,
            series: [None, None, None],
        }
    }

    /// Takes the alert through one evaluation; `is_there`: the expression has its element.
    pub(crate) fn step(&mut self, at: TimestampNs, is_there: bool, holds: Holds) -> Fate {
        if std::mem::take(&mut self.awaits_targets) && !is_there && self.state != AlertState::Inactive {
            // The first evaluation after a gap comes before all targets were scraped again; upstream waits for two.
            return Fate::Counts;
        }
        if is_there {
            self.keep_firing_since = None;
        } else {
            let mut keeps = false;
            if self.state == AlertState::Firing && !holds.keep_firing_for.is_zero() {
                let since = *self.keep_firing_since.get_or_insert(at);
                keeps = lasted(since, at) < nanos(holds.keep_firing_for);
            }
            let is_old = self.resolved_at.is_some_and(|since| lasted(since, at) > nanos(RESOLVED_RETENTION));
            if self.state == AlertState::Pending || is_old {
                return Fate::Gone;
            }
            if !keeps {
                if self.state != AlertState::Inactive {
                    self.state = AlertState::Inactive;
                    self.resolved_at = Some(at);
                }
                return Fate::Rests;
            }
        }
        let held = lasted(self.active_at, at) >= nanos(holds.hold);
        match self.state {
            AlertState::Pending if held => {
                self.state = AlertState::Firing;
                self.fired_at = Some(at);
            }
            // `for` has grown.
            AlertState::Firing if !held => {
                self.state = AlertState::Pending;
                (self.fired_at, self.last_sent_at, self.keep_firing_since) = (None, None, None);
            }
            _ => {}
        }
        Fate::Counts
    }

    /// Returns whether Alertmanagers are to be told now.
    pub(crate) fn needs_sending(&self, at: TimestampNs, resend_delay: Duration) -> bool {
        if self.state == AlertState::Pending {
            return false;
        }
        let Some(sent) = self.last_sent_at else { return true };
        self.resolved_at.is_some_and(|resolved| resolved > sent) || sent.after(resend_delay) < at
    }

    /// Returns whether it is pending or firing.
    pub fn is_active(&self) -> bool {
        self.resolved_at.is_none()
    }
}

fn lasted(since: TimestampNs, at: TimestampNs) -> i64 {
    at.0.saturating_sub(since.0)
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
