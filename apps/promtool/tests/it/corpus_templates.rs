//! Every label, annotation and notification template of the corpus renders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use firesteel_config::ValidationScheme;
use firesteel_model::Labels;
use firesteel_promql_syntax::ParserOptions;
use firesteel_rules::{Group, LoadOptions, Rule, load_groups};
use firesteel_template::Value;
use firesteel_template::alertmanager::{Alert, Data, Status, Templates};
use firesteel_template::prometheus::{AlertTemplate, Expander, QuerySource, Sample, SampleValue, alert_data};
use firesteel_testkit::corpus;

/// Whatever is asked for is there.
struct Answers;

impl QuerySource for Answers {
    fn query(&self, expr: &str, _: i64) -> Result<Vec<Sample>, String> {
        firesteel_promql_syntax::parse(expr, ParserOptions::default()).map_err(|errors| errors.to_string())?;
        let sample = |instance, v| Sample {
            labels: Labels::from_pairs([("instance", instance), ("job", "node")]),
            value: SampleValue::Float(v),
        };
        Ok(vec![sample("a:1", 1_234.5), sample("b:2", 0.25)])
    }
}

fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
    found.sort();
}

#[test]
fn labels_and_annotations_of_alerts() {
    let Some(corpus) = corpus("rules") else { return };
    let mut files = Vec::new();
    files_below(&corpus.join("good"), &mut files);
    let load = LoadOptions {
        interval: Duration::from_mins(1),
        external_labels: Labels::empty(),
        external_url: "http://prom.example".to_owned(),
        scheme: ValidationScheme::Utf8,
        parser: ParserOptions::default(),
        ignore_unknown_fields: true,
    };
    let labels = ["instance", "job", "namespace", "pod", "node", "device", "cluster"].map(|name| (name, "x"));
    let external = Value::string_map([("dc", "eu")]);
    let data = alert_data(labels, &external, "http://prom.example", &SampleValue::Float(1_700_000_000.5));
    let with = Expander { now_ms: 1_700_000_000_123, external_url: "http://prom.example", source: &Answers };
    let (mut rendered, mut with_actions, mut wrong) = (0, 0, Vec::new());
    for file in files {
        // Files in the dialects of others are refused as a whole.
        let Ok(groups) = load_groups(std::slice::from_ref(&file), &load) else { continue };
        for rule in groups.iter().flat_map(Group::rules) {
            let Rule::Alerting(alerting) = rule else { continue };
            let core = rule.core();
            for (name, text) in alerting.annotations().iter().chain(core.labels()) {
                rendered += 1;
                with_actions += usize::from(text.contains("{{"));
                // `$.labels` for `$.Labels`: 3.14 accepts the rule, and says the same when it fires.
                let is_known = text.contains("$.labels.service");
                if let Err(error) = AlertTemplate::new(core.name(), text).expand(&data, &with)
                    && !(is_known && error.contains("can't evaluate field labels in type"))
                {
                    wrong.push(format!("{} {name}: {error}", file.display()));
                }
            }
        }
    }
    assert!(rendered > 1_000 && with_actions > 500, "{rendered}, {with_actions} with actions");
    assert!(wrong.is_empty(), "{} of {rendered}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What looks like a template in a file of Alertmanager: scalars with actions, as they stand on a line.
fn templates(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| line.contains("{{") && line.contains("}}")).map(|line| {
        let value = line.split_once(": ").map_or(line, |(_, value)| value).trim();
        value.trim_matches(['\'', '"'])
    })
}

/// A notification as Alertmanager writes it for webhooks, and reads it for `amtool template render`.
fn notification(json: &serde_json::Value) -> Data {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let pairs = |value: &serde_json::Value| -> BTreeMap<String, String> {
        value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect()
    };
    let status = |value: &serde_json::Value| match value.as_str() {
        Some("resolved") => Status::Resolved,
        _ => Status::Firing,
    };
    let time = |value: &serde_json::Value| {
        let at = value.as_str().filter(|at| !at.starts_with("0001-"))?;
        // What is finer than a millisecond stands behind the third digit.
        let finer = at.split_once('.').map_or("", |(_, digits)| digits.trim_end_matches('Z')).get(3..).unwrap_or("");
        let whole = firesteel_go_compat::parse_api_time(at).expect("a time").unix_ms();
        Some(whole * 1_000_000 + format!("{finer:0<6}").parse::<i64>().expect("digits"))
    };
    let alert = |alert: &serde_json::Value| Alert {
        status: status(&alert["status"]),
        labels: pairs(&alert["labels"]),
        annotations: pairs(&alert["annotations"]),
        starts_at_ns: time(&alert["startsAt"]),
        ends_at_ns: time(&alert["endsAt"]),
        generator_url: text(&alert["generatorURL"]),
        fingerprint: text(&alert["fingerprint"]),
    };
    Data {
        receiver: text(&json["receiver"]),
        status: status(&json["status"]),
        alerts: json["alerts"].as_array().into_iter().flatten().map(alert).collect(),
        notification_reason: text(&json["notification_reason"]),
        group_labels: pairs(&json["groupLabels"]),
        route_labels: pairs(&json["routeLabels"]),
        common_labels: pairs(&json["commonLabels"]),
        common_annotations: pairs(&json["commonAnnotations"]),
        external_url: text(&json["externalURL"]),
    }
}

/// What `amtool template render --template.data=data.json` of Alertmanager 0.34 made of the same files.
#[test]
fn whole_notifications_are_those_of_alertmanager() {
    let folder = Path::new("tests/it/notifications");
    let data = fs::read_to_string(folder.join("data.json")).expect("it is there");
    let data = notification(&serde_json::from_str(&data).expect("JSON"));
    let mut files = Vec::new();
    files_below(folder, &mut files);
    let (mut seen, mut wrong) = (0, Vec::new());
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "tmpl")) {
        let text = fs::read_to_string(file).expect("readable");
        let want = fs::read_to_string(file.with_extension("out")).expect("it is beside it");
        let (text, set) = (text.trim_end_matches('\n'), Templates::new());
        let is_html = file.to_string_lossy().ends_with(".html.tmpl");
        let got = if is_html { set.render_html(text, &data, 0) } else { set.render_text(text, &data, 0) };
        let got = got.unwrap_or_else(|error| format!("error: {error}"));
        seen += 1;
        if got != want.trim_end_matches('\n') {
            wrong.push(format!("{}:\n{got}\n-- want\n{want}", file.display()));
        }
    }
    assert!(seen >= 4, "{seen}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Templates in files of the corpus, if it has any, render whatever they come to.
#[test]
fn notifications() {
    let Some(corpus) = corpus("alertmanager") else { return };
    let mut files = Vec::new();
    files_below(&corpus, &mut files);
    let data = fs::read_to_string("tests/it/notifications/data.json").expect("it is there");
    let data = notification(&serde_json::from_str(&data).expect("JSON"));
    let mut wrong = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let mut set = Templates::new();
        let is_set = file.extension().is_some_and(|ending| ending == "tmpl");
        if is_set && let Err(error) = set.add("file.tmpl", &text) {
            wrong.push(format!("{}: {error}", file.display()));
        }
        for template in templates(&text).filter(|_| !is_set) {
            for rendered in [set.render_text(template, &data, 0), set.render_html(template, &data, 0)] {
                match rendered {
                    // Files of templates are beside the configuration, and Alertmanager has some of its own.
                    Err(error) if error.text.contains("not defined") || error.text.contains("no such template") => {}
                    Err(error) => wrong.push(format!("{}: {template}: {error}", file.display())),
                    Ok(_) => {}
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
