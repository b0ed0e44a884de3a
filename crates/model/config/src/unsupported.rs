//! Sections that are read and kept but do not act yet.

use firesteel_yaml::{Diagnostic, Node, Source, Span, parse};

use crate::sd::ACTING;

/// Notes each setting of the file that would have no effect, with the reason.
pub(crate) fn find(source: &Source) -> Vec<Diagnostic> {
    let Ok(Some(root)) = parse(source) else { return Vec::new() };
    let mut found = Vec::new();
    let mut note = |span: Span, key: &str, why: &str| {
        let mut diagnostic =
            Diagnostic::error(source, span, "FS0401", format!("`{key}` is known, but does not act in this version"));
        diagnostic.label(why).note("--allow-unsupported starts without it");
        found.push(diagnostic);
    };
    for (key, why) in [
        ("remote_write", "samples would not be sent"),
        ("remote_read", "nothing would be read from there"),
        ("tracing", "no traces would be sent"),
        ("otlp", "there is no OTLP receiver"),
    ] {
        let given = |value: &Node| !(value.is_null() || value.pairs().is_empty() && value.items().is_empty());
        if let Some((name, _)) = root.entry(key).filter(|(_, value)| given(value)) {
            note(name.span, key, why);
        }
    }
    let alertmanagers = root.closest(&["alerting"]).get("alertmanagers").map_or(&[][..], Node::items);
    let jobs = root.get("scrape_configs").map_or(&[][..], Node::items);
    for block in jobs.iter().chain(alertmanagers) {
        for (key, value) in block.pairs() {
            let name = key.text().unwrap_or("");
            if name.ends_with("_sd_configs") && !ACTING.contains(&name) && !value.items().is_empty() {
                note(key.span, name, "its targets would not be found");
            }
            let role = |item: &Node| item.get("role").and_then(Node::text).unwrap_or("").to_owned();
            if name == "aws_sd_configs"
                && let Some(item) = value.items().iter().find(|item| role(item) != "ec2")
            {
                note(item.get("role").map_or(key.span, |role| role.span), "role", "of AWS' services only EC2 is asked");
            }
        }
    }
    found
}
