//! `/rules`, `/alerts`.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_go_compat::{FloatForm, Instant, format_float_as, quote};
use firesteel_model::Matcher;

use crate::params::Params;
use crate::respond::success;
use crate::source::{ActiveAlert, Rule, RuleGroup};
use crate::targets::NEVER;
use crate::{Api, ApiError, Json};

pub(crate) async fn rules(State(api): State<Arc<Api>>, params: Params) -> Response {
    match Wanted::read(&params).and_then(|wanted| wanted.page(api.rules.groups(!wanted.exclude_alerts))) {
        Ok((groups, next)) => success(&[], |json| {
            json.raw(r#"{"groups":"#).list(&groups, push_group);
            if let Some(token) = next {
                json.raw(r#","groupNextToken":"#).string(&token);
            }
            json.raw("}");
        }),
        Err(e) => e.into_response(),
    }
}

/// What the parameters leave in.
struct Wanted {
    names: BTreeSet<String>,
    groups: BTreeSet<String>,
    files: BTreeSet<String>,
    matcher_sets: Vec<Vec<Matcher>>,
    alerting: bool,
    recording: bool,
    exclude_alerts: bool,
    /// How many groups a page has; 0 = all.
    limit: usize,
    /// The group that a page begins with.
    from: String,
}

impl Wanted {
    fn read(params: &Params) -> Result<Self, ApiError> {
        params.whole_form()?;
        let matcher_sets = params.matcher_sets().map_err(ApiError::BadData)?;
        let kind = params.url_value("type").to_lowercase();
        if !matches!(kind.as_str(), "" | "alert" | "record") {
            return Err(ApiError::parameter("type", format_args!("not supported value {}", quote(&kind))));
        }
        let exclude_alerts = exclude_alerts(params)?;
        let (limit, from) = paging(params)?;
        let set = |name| params.values(name).map(str::to_owned).collect();
        Ok(Self {
            names: set("rule_name[]"),
            groups: set("rule_group[]"),
            files: set("file[]"),
            matcher_sets,
            alerting: kind != "record",
            recording: kind != "alert",
            exclude_alerts,
            limit,
            from,
        })
    }

    fn has(&self, rule: &Rule) -> bool {
        let of_kind = if rule.alerting.is_some() { self.alerting } else { self.recording };
        let in_set = |set: &Vec<Matcher>| set.iter().all(|m| m.matches(rule.labels.value(m.name())));
        of_kind
            && (self.names.is_empty() || self.names.contains(&rule.name))
            && (self.matcher_sets.is_empty() || self.matcher_sets.iter().any(in_set))
    }

    /// Returns a page of groups with the rules that are wanted, and where the next page begins.
    fn page(&self, groups: Vec<RuleGroup>) -> Result<(Vec<RuleGroup>, Option<String>), ApiError> {
        let mut page: Vec<RuleGroup> = Vec::new();
        let mut found = self.from.is_empty();
        for mut group in groups {
            if !found && self.from != token(&group) {
                continue;
            }
            found = true;
            let asked = |set: &BTreeSet<String>, name: &str| set.is_empty() || set.contains(name);
            if !asked(&self.groups, &group.name) || !asked(&self.files, &group.file) {
                continue;
            }
            group.rules.retain(|rule| self.has(rule));
            if group.rules.is_empty() {
                continue;
            }
            if self.limit > 0 && page.len() == self.limit {
                return Ok((page, Some(token(&group))));
            }
            page.push(group);
        }
        if !found {
            let why = format_args!("invalid group_next_token '{}'. were rule groups changed?", self.from).to_string();
            return Err(ApiError::parameter("group_next_token", why));
        }
        Ok((page, None))
    }
}

/// Returns the name of a group in requests for a page: hexadecimal digits of a hash.
fn token(group: &RuleGroup) -> String {
    let sum = digest(&SHA256, format!("{};{}", group.file, group.name).as_bytes());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn exclude_alerts(params: &Params) -> Result<bool, ApiError> {
    let text = params.url_value("exclude_alerts").to_lowercase();
    match text.as_str() {
        "" | "0" | "f" | "false" => Ok(false),
        "1" | "t" | "true" => Ok(true),
        _ => {
            let why = format!("strconv.ParseBool: parsing {}: invalid syntax", quote(&text));
            Err(ApiError::parameter("exclude_alerts", format_args!("error converting exclude_alerts: {why}")))
        }
    }
}

/// Returns how many groups a page has, and which is its first.
fn paging(params: &Params) -> Result<(usize, String), ApiError> {
    let limit = params.url_value("group_limit");
    let from = params.url_value("group_next_token");
    if limit.is_empty() {
        return if from.is_empty() {
            Ok((0, String::new()))
        } else {
            let why = "group_limit needs to be present in order to paginate over the groups";
            Err(ApiError::parameter("group_next_token", why))
        };
    }
    match limit.parse::<i32>() {
        Ok(n) if n > 0 => Ok((n as usize, from.to_owned())),
        Ok(_) => Err(ApiError::parameter("group_limit", "group_limit needs to be greater than 0")),
        Err(e) => {
            use std::num::IntErrorKind::{NegOverflow, PosOverflow};
            let out = matches!(e.kind(), PosOverflow | NegOverflow);
            let what = if out { "value out of range" } else { "invalid syntax" };
            let why = format!("strconv.ParseInt: parsing {}: {what}", quote(limit));
            Err(ApiError::parameter("group_limit", format_args!("group_limit needs to be a valid number: {why}")))
        }
    }
}

fn push_group(json: &mut Json, group: &RuleGroup) {
    json.raw(r#"{"name":"#).string(&group.name).raw(r#","file":"#).string(&group.file);
    json.raw(r#","rules":"#).list(&group.rules, push_rule);
    json.raw(r#","interval":"#).number(group.interval_secs).raw(r#","limit":"#).int(group.limit);
    push_times(json, group.evaluation_secs, group.last_evaluation);
    json.raw("}");
}

fn push_rule(json: &mut Json, rule: &Rule) {
    json.raw("{");
    if let Some(alerting) = &rule.alerting {
        json.raw(r#""state":"#).string(alerting.state).raw(",");
    }
    json.raw(r#""name":"#).string(&rule.name).raw(r#","query":"#).string(&rule.query);
    if let Some(alerting) = &rule.alerting {
        json.raw(r#","duration":"#).number(alerting.hold_secs);
        json.raw(r#","keepFiringFor":"#).number(alerting.keep_firing_secs);
    }
    json.raw(r#","labels":"#).labels(&rule.labels);
    if let Some(alerting) = &rule.alerting {
        json.raw(r#","annotations":"#).labels(&alerting.annotations).raw(r#","alerts":"#);
        match &alerting.alerts {
            Some(alerts) => json.list(alerts, push_alert),
            None => json.raw("null"),
        };
    }
    json.raw(r#","health":"#).string(rule.health);
    if !rule.last_error.is_empty() {
        json.raw(r#","lastError":"#).string(&rule.last_error);
    }
    push_times(json, rule.evaluation_secs, rule.last_evaluation);
    json.raw(r#","type":"#).string(if rule.alerting.is_some() { "alerting" } else { "recording" });
    if !rule.matches_nothing.is_empty() {
        json.raw(r#","matchesNothing":"#).list(&rule.matches_nothing, |json, one| {
            json.raw(r#"{"code":"#).string(one.code).raw(r#","message":"#).string(&one.message);
            json.raw(r#","near":"#).list(&one.near, |json, near| {
                json.string(near);
            });
            if let Some(fix) = &one.fix {
                json.raw(r#","fix":"#).string(fix);
            }
            json.raw("}");
        });
    }
    json.raw("}");
}

fn push_times(json: &mut Json, took_secs: f64, last: Option<Instant>) {
    json.raw(r#","evaluationTime":"#).number(took_secs).raw(r#","lastEvaluation":"#);
    json.string(&last.map_or_else(|| NEVER.to_owned(), Instant::to_rfc3339_nano));
}

fn push_alert(json: &mut Json, alert: &ActiveAlert) {
    json.raw(r#"{"labels":"#).labels(&alert.labels).raw(r#","annotations":"#).labels(&alert.annotations);
    json.raw(r#","state":"#).string(alert.state);
    json.raw(r#","activeAt":"#).string(&alert.active_at.to_rfc3339_nano());
    if let Some(since) = alert.keep_firing_since {
        json.raw(r#","keepFiringSince":"#).string(&since.to_rfc3339_nano());
    }
    json.raw(r#","value":"#).string(&format_float_as(alert.value, FloatForm::Exponent).to_string()).raw("}");
}

pub(crate) async fn alerts(State(api): State<Arc<Api>>) -> Response {
    let groups = api.rules.groups(true);
    let alerts =
        groups.iter().flat_map(|group| &group.rules).filter_map(|rule| rule.alerting.as_ref()?.alerts.as_ref());
    success(&[], |json| {
        json.raw(r#"{"alerts":"#).list(alerts.flatten(), push_alert).raw("}");
    })
}
