//! Tables of what Go (1.26) and the template packages of Prometheus 3.14 and Alertmanager answered.

use firesteel_go_compat::unquote;
use firesteel_template::alertmanager::Templates;
use firesteel_template::prometheus::{AlertTemplate, Expander, SampleValue, alert_data, functions};
use firesteel_template::{FuncMap, HtmlTemplate, Limits, MissingKey, Template, Value};

use crate::data::{Answers, EXTERNAL_URL, NOW_MS, data, notification_data};

fn plain(text: &str, missing_key: MissingKey) -> Result<String, String> {
    let funcs = FuncMap::new();
    let template = Template::parse("t", text, &funcs).map_err(|error| error.to_string())?.missing_key(missing_key);
    template.execute(&data(), &funcs, Limits::default()).map_err(|error| error.to_string())
}

fn notification(text: &str, is_html: bool) -> Result<String, String> {
    let mut templates = Templates::new();
    let own = "{{ define \"own\" }}[{{ .Status }}{{ range .Alerts.Firing }} {{ .Labels.instance }}{{ end }}]{{ end }}";
    templates.add("", own).map_err(|error| error.to_string())?;
    let (data, now_ns) = (notification_data(), NOW_MS * 1_000_000);
    let rendered =
        if is_html { templates.render_html(text, &data, now_ns) } else { templates.render_text(text, &data, now_ns) };
    rendered.map_err(|error| error.to_string())
}

fn html(text: &str) -> Result<String, String> {
    let funcs = FuncMap::new();
    let mut template = HtmlTemplate::new("t");
    template.add("t", text, &funcs).map_err(|error| error.to_string())?;
    template.execute(&data(), &funcs, Limits::default()).map_err(|error| error.to_string())
}

fn prometheus(text: &str) -> Result<String, String> {
    let expander = Expander { now_ms: NOW_MS, external_url: EXTERNAL_URL, source: &Answers };
    let funcs = functions(&expander);
    let template = Template::parse("t", text, &funcs).map_err(|error| format!("error parsing template t: {error}"))?;
    template
        .missing_key(MissingKey::Zero)
        .execute(&data(), &funcs, Limits::default())
        .map_err(|error| format!("error executing template t: {error}"))
}

fn alert(text: &str) -> Result<String, String> {
    let external = Value::string_map([("dc", "eu")]);
    let labels = [("job", "node"), ("instance", "host:9100")];
    let data = alert_data(labels, &external, EXTERNAL_URL, &SampleValue::Float(0.12345));
    let expander = Expander { now_ms: NOW_MS, external_url: EXTERNAL_URL, source: &Answers };
    AlertTemplate::new("A", text).expand(&data, &expander)
}

fn run(mode: &str, text: &str) -> Result<String, String> {
    match mode {
        "plain" => plain(text, MissingKey::Invalid),
        "zero" => plain(text, MissingKey::Zero),
        "error" => plain(text, MissingKey::Error),
        "html" => html(text),
        "amtext" => notification(text, false),
        "amhtml" => notification(text, true),
        "prom" => prometheus(text),
        "alert" => alert(text),
        other => Err(format!("no such mode: {other}")),
    }
}

/// Addresses differ from run to run, in Go as here: long hexadecimal numbers after `:`, ` ` or `[`.
fn without_addresses(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let digits = rest[at + 2..].find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len() - at - 2);
        out.push_str(&rest[..at]);
        out.push_str(if digits >= 6 { "ADDRESS" } else { &rest[at..at + 2 + digits] });
        rest = &rest[at + 2 + digits..];
    }
    out + rest
}

fn check(table: &str) {
    let mut faults = Vec::new();
    for line in table.lines() {
        let mut fields = line.splitn(4, '\t');
        let mut next = || fields.next().expect("the table has four columns");
        let (mode, raw, kind, quoted) = (next(), next(), next(), next());
        let expected = unquote(quoted.as_bytes()).expect("the table quotes as Go");
        let expected = String::from_utf8_lossy(&expected).into_owned();
        let text = raw.replace('⏎', "\n").replace('⇥', "\t");
        let (got_kind, got) = match run(mode, &text) {
            Ok(text) => ("ok", text),
            Err(error) => ("err", error),
        };
        if got_kind != kind || without_addresses(&got) != without_addresses(&expected) {
            faults.push(format!("{mode} {raw}\n  want {kind} {expected:?}\n  got  {got_kind} {got:?}"));
        }
    }
    assert!(faults.is_empty(), "{} differ from Go:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn text_templates_answer_as_go() {
    check(include_str!("../../testdata/text_golden.tsv"));
}

#[test]
fn pages_are_escaped_as_go_does() {
    check(include_str!("../../testdata/html_golden.tsv"));
}

#[test]
fn notifications_are_rendered_as_alertmanager_does() {
    check(include_str!("../../testdata/alertmanager_golden.tsv"));
}
