//! `tsdb create-blocks-from rules`: recording rules evaluated over the past by a running server, into blocks.

use std::fs;
use std::path::Path;
use std::time::Duration;

use firesteel_cli::Matches;
use firesteel_go_compat::parse_float;
use firesteel_model::{Labels, LabelsBuilder, METRIC_NAME};
use firesteel_promql_syntax::ParserOptions;
use serde_json::Value as Json;

use super::block_builder::{BlockBuilder, block_range_ms};
use crate::{
    Console,
    app::{FAILURE, SUCCESS},
    check_config::missing_file,
    file_error::{file_error, mkdir_error},
    http_call::Server,
    query::query_range,
    query_time::QueryTime,
    rule_file::{self, Reading, Rule},
};

/// How far back evaluation ends when no end is given: what is younger still lies in the server's head.
const END_BEFORE_NOW: Duration = Duration::from_hours(3);

pub(crate) fn from_rules(matches: &Matches, options: ParserOptions, console: &mut Console<'_>) -> u8 {
    let plan = match Plan::read(matches, options) {
        Ok(plan) => plan,
        Err(message) => {
            console.complain(message);
            return FAILURE;
        }
    };
    let mut code = SUCCESS;
    for rule in &plan.rules {
        if let Err(error) = plan.import(rule, console) {
            console.complain(format_args!("rule importer error: {error}"));
            code = FAILURE;
        }
    }
    if code == FAILURE {
        console.complain("error importing rules");
    }
    code
}

/// What is to be done.
struct Plan<'a> {
    server: Server,
    dir: &'a Path,
    start_s: i64,
    end_s: i64,
    range_ms: i64,
    rules: Vec<Task>,
}

/// A rule and when its group is evaluated.
struct Task {
    rule: Rule,
    interval_ns: i64,
    offset_ns: i64,
}

impl<'a> Plan<'a> {
    fn read(matches: &'a Matches, options: ParserOptions) -> Result<Self, String> {
        let end = QueryTime::read(matches.text_opt("end"), "end time", QueryTime::now().earlier(END_BEFORE_NOW))?;
        let start = QueryTime::read(matches.text_opt("start"), "start time", QueryTime::now())?;
        if start >= end {
            return Err("start time is not before end time".to_owned());
        }
        if let Some(refusal) = missing_file(&matches.args("rule-files")) {
            return Err(refusal);
        }
        let mut rules = Vec::new();
        for name in matches.args("rule-files") {
            let broken = |error: &str| format!("rule importer parse error: {name}: {error}");
            let text = fs::read_to_string(name).map_err(|error| broken(&file_error("open", name, &error)))?;
            let file = rule_file::read(name, &text, Reading::strict(options));
            if file.rules.is_none() {
                return Err(broken(&file.upstream.join("\n")));
            }
            for rule in rule_file::rules(file).into_iter().filter(|rule| rule.records) {
                let interval = if rule.interval.is_zero() { matches.duration("eval-interval") } else { rule.interval };
                let interval_ns = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX).max(1);
                // Groups are spread over their interval by the hash of their name, as a server spreads them.
                let hash = Labels::from_pairs([("name", rule.group.as_str()), ("file", name)]).hash64();
                rules.push(Task { rule, interval_ns, offset_ns: (hash % interval_ns as u64) as i64 });
            }
        }
        Ok(Self {
            server: Server::of(matches.text("url"), matches)?,
            dir: Path::new(matches.text("output-dir")),
            start_s: start.unix_ms().div_euclid(1000),
            end_s: end.unix_ms().div_euclid(1000),
            range_ms: block_range_ms(matches.duration("max-block-duration")),
            rules,
        })
    }

    /// Evaluates one rule range by range and writes a block of each.
    fn import(&self, task: &Task, console: &mut Console<'_>) -> Result<(), String> {
        let mut block_start = (self.start_s * 1000).div_euclid(self.range_ms) * self.range_ms;
        while block_start <= self.end_s * 1000 {
            let block_end = block_start + self.range_ms;
            let from_ns = task.first_evaluation_ns((block_start / 1000).max(self.start_s));
            let to_s = ((block_end - 1) / 1000).min(self.end_s);
            if to_s.saturating_mul(SECOND_NS) < from_ns {
                break;
            }
            let step_s = task.interval_ns as f64 / 1e9;
            let data = query_range(&self.server, &task.rule.expr, [seconds(from_ns), to_s as f64], step_s)
                .map_err(|error| error.replacen("query error:", "query range:", 1))?;
            for warning in data.warnings {
                console.complain(format_args!("Range query returned warnings. {warning}"));
            }
            let block = block_of(&task.rule, &data.data)?;
            fs::create_dir_all(self.dir).map_err(|error| mkdir_error(self.dir, &error))?;
            block.write(self.dir)?;
            block_start = block_end;
        }
        Ok(())
    }
}

impl Task {
    /// Returns the group's first evaluation whose second is not before `start_s`. It is exact: what is filled in lies where
    /// a server's own evaluations lie.
    fn first_evaluation_ns(&self, start_s: i64) -> i64 {
        let since = start_s.saturating_mul(SECOND_NS).saturating_sub(self.offset_ns);
        let mut at = since - since % self.interval_ns + self.offset_ns;
        while at.div_euclid(SECOND_NS) < start_s {
            at += self.interval_ns;
        }
        at
    }
}

const SECOND_NS: i64 = 1_000_000_000;

/// Returns a time in seconds, as a request carries it.
fn seconds(ns: i64) -> f64 {
    ns.div_euclid(SECOND_NS) as f64 + ns.rem_euclid(SECOND_NS) as f64 / 1e9
}

/// Returns the samples of a rule's answer with the rule's name and labels.
fn block_of(rule: &Rule, data: &Json) -> Result<BlockBuilder, String> {
    let kind = data.get("resultType").and_then(Json::as_str).unwrap_or("none");
    if kind != "matrix" {
        return Err(format!("rule result is wrong type {kind}"));
    }
    let mut block = BlockBuilder::default();
    for series in data.get("result").and_then(Json::as_array).into_iter().flatten() {
        let mut labels = LabelsBuilder::default();
        for (name, value) in series.get("metric").and_then(Json::as_object).into_iter().flatten() {
            labels.set(name, value.as_str().unwrap_or(""));
        }
        for (name, value) in &rule.labels {
            labels.set(name, value);
        }
        labels.set(METRIC_NAME, &rule.name);
        let building = block.series(&labels.build());
        for point in series.get("values").and_then(Json::as_array).into_iter().flatten() {
            let t = point.get(0).and_then(Json::as_f64);
            let v = point.get(1).and_then(Json::as_str).and_then(|text| parse_float(text).ok());
            let (Some(t), Some(v)) = (t, v) else { return Err(format!("not a sample: {point}")) };
            building.add((t * 1000.0).round() as i64, v).map_err(|error| error.to_string())?;
        }
    }
    Ok(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evaluations_keep_the_groups_phase() {
        let rule = Rule::default();
        let task = Task { rule, interval_ns: 60 * SECOND_NS, offset_ns: 17_250_000_000 };
        let evaluations = [1000, 1037, 1038, 1097].map(|start| seconds(task.first_evaluation_ns(start)));
        assert_eq!(evaluations, [1037.25, 1037.25, 1097.25, 1097.25]);
    }
}
