//! The page for people: groups with their metrics, each with a button that deletes it; build and flags.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firesteel_expfmt::{Escaping, write_text};
use firesteel_gateway::{Group, GroupLabels};
use firesteel_go_compat::{Instant, quote};
use firesteel_model::is_legacy_label_name;

use crate::api_json::type_name;
use crate::html::Escaped;

/// What the page shows beside the groups.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// What browsers put before paths; empty stands for the page's own folder.
    pub(crate) external_prefix: String,
    pub(crate) build: BTreeMap<&'static str, String>,
    pub(crate) flags: BTreeMap<String, String>,
    pub(crate) started: Instant,
}

const STYLE: &str = "body{font-family:system-ui,sans-serif;margin:0;color:#222}header{background:#333;color:#fff;\
    padding:.7rem 1rem}header a{color:#fff;margin-right:1.5rem}main{padding:1rem}details{border:1px solid #ccc;\
    border-radius:4px;margin:.4rem 0;padding:.3rem .6rem}summary{cursor:pointer}summary button{float:right}\
    .failed{background:#fde3e1}.label{background:#e8eefc;border-radius:3px;padding:0 .3rem;margin-right:.3rem}\
    pre{overflow-x:auto;margin:.2rem 0 .6rem}table{border-collapse:collapse}td,th{border:1px solid #ccc;\
    padding:.2rem .5rem;text-align:left}.help{color:#555}";

/// Asks, deletes, and shows what is left.
const SCRIPT: &str = "document.addEventListener('click',async e=>{const b=e.target.closest('button[data-url]');\
    if(!b)return;e.preventDefault();if(!confirm('Delete all metrics of '+b.dataset.name+'?'))return;\
    const r=await fetch(b.dataset.url,{method:'DELETE'});if(r.ok)location.reload();else alert(await r.text())})";

/// Returns the page.
pub(crate) fn page<'a>(about: &About, groups: impl Iterator<Item = &'a Group>) -> String {
    let prefix = if about.external_prefix.is_empty() { "." } else { &about.external_prefix };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Prometheus Pushgateway</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><a href=\"{0}/\">Pushgateway</a><a href=\"#metrics\">Metrics</a><a href=\"#status\">Status</a>\
         <a href=\"{0}/metrics\">Scrape</a></header>\n<main>\n<h2 id=\"metrics\">Metrics</h2>\n",
        Escaped(prefix)
    );
    let before = out.len();
    for group in groups {
        write_group(&mut out, prefix, group);
    }
    if out.len() == before {
        out += "<p>Nothing was pushed yet.</p>\n";
    }
    out += "<h2 id=\"status\">Status</h2>\n<h3>Build Information</h3>\n";
    write_table(&mut out, about.build.iter().map(|(name, value)| (*name, value.as_str())));
    out += "<h3>Runtime Information</h3>\n";
    let started = about.started.to_rfc3339();
    write_table(&mut out, [("Started", started.as_str())].into_iter());
    out += "<h3>Command-Line Flags</h3>\n";
    write_table(&mut out, about.flags.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let _ = write!(out, "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n");
    out
}

fn write_table<'a>(out: &mut String, rows: impl Iterator<Item = (&'a str, &'a str)>) {
    *out += "<table>\n";
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><th>{}</th><td>{}</td></tr>", Escaped(name), Escaped(value));
    }
    *out += "</table>\n";
}

fn write_group(out: &mut String, prefix: &str, group: &Group) {
    // The job first, then the others by name.
    let mut labels: Vec<(&str, &str)> = group.labels.iter().collect();
    labels.sort_by_key(|(name, _)| *name != "job");
    let mut shown = String::new();
    for (name, value) in &labels {
        let text = format!("{}={}", label_name(name), quote(value));
        let _ = write!(shown, "<span class=\"label\">{}</span>", Escaped(&text));
    }
    let named = format!("job {}", quote(group.labels.get("job").unwrap_or_default()));
    let (class, failed) = if group.last_push_successful() {
        ("", "")
    } else {
        (" class=\"failed\"", " <strong>Last push failed!</strong>")
    };
    let _ = write!(
        out,
        "<details{class}>\n<summary>{shown}{failed}<button data-url=\"{}\" data-name=\"{}\">Delete Group</button></summary>\n",
        Escaped(&delete_url(prefix, &group.labels)),
        Escaped(&named),
    );
    for (name, kept) in &group.families {
        let pushed = Instant::from_unix_ns(kept.pushed.0).to_rfc3339();
        let _ = write!(
            out,
            "<h4>{} <small>{} last pushed: {pushed}</small></h4>\n<div class=\"help\">{}</div>\n",
            Escaped(name),
            type_name(kept.family.metric_type),
            Escaped(&kept.family.help)
        );
        let mut text = Vec::new();
        write_text(std::slice::from_ref(&*kept.family), &mut text);
        let text = String::from_utf8_lossy(&text);
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let _ = writeln!(out, "<pre>{}</pre>", Escaped(&samples.join("\n")));
    }
    *out += "</details>\n";
}

fn label_name(name: &str) -> String {
    if is_legacy_label_name(name) { name.to_owned() } else { quote(name).to_string() }
}

/// All values in base64, which can hold what a path cannot.
fn delete_url(prefix: &str, labels: &GroupLabels) -> String {
    let encode = |value: &str| match URL_SAFE_NO_PAD.encode(value) {
        empty if empty.is_empty() => "=".to_owned(),
        text => text,
    };
    let mut url = format!("{prefix}/metrics/job@base64/{}", encode(labels.get("job").unwrap_or_default()));
    for (name, value) in labels.iter().filter(|(name, _)| *name != "job") {
        let mut escaped = String::new();
        Escaping::Values.push_name(&mut escaped, name);
        let _ = write!(url, "/{escaped}@base64/{}", encode(value));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_can_hold_every_value() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = GroupLabels::new([pair("job", "a/b"), pair("x", ""), pair("a.b", "<é>")]);
        assert_eq!(delete_url("/p", &labels), "/p/metrics/job@base64/YS9i/U__a_2e_b@base64/PMOpPg/x@base64/=");
    }
}
