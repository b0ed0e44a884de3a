//! Targets written by hand: URLs where `host:port` is meant, and addresses that will not answer.

use firesteel_go_compat::quote;
use firesteel_yaml::{Fix, Kind, Node, Reader};

/// Notes targets of `static_configs` that are not `host:port`. `strict` as upstream: only where no relabelling may
/// still turn the text into an address.
pub(crate) fn check_static_targets(node: &Node, strict: bool, reader: &mut Reader<'_>) {
    let Some(groups) = node.get("static_configs") else { return };
    for target in groups.items().iter().filter_map(|group| group.get("targets")).flat_map(Node::items) {
        let Some(text) = target.text() else { continue };
        if strict && text.contains('/') {
            url_for_address(node, target, text, reader);
            continue;
        }
        if text.trim() != text {
            let trimmed = text.trim().to_owned();
            let fix = quoted_like(target, &trimmed);
            reader
                .warning(target.span, "FS0122", format!("the target `{text}` has a blank at its end or beginning"))
                .label("remove the blank")
                .fix(Fix::replace(target.span, fix));
            continue;
        }
        if text == "0.0.0.0" || text.starts_with("0.0.0.0:") {
            reader
                .warning(
                    target.span,
                    "FS0121",
                    "0.0.0.0 means \"all my addresses\" to a server; it is no address to call",
                )
                .label("use 127.0.0.1 or the host's name");
        }
    }
}

fn url_for_address(job: &Node, target: &Node, text: &str, reader: &mut Reader<'_>) {
    let upstream = format!("{} is not a valid hostname", quote(text.as_bytes()));
    let (scheme, rest) = text.split_once("://").map_or((None, text), |(s, r)| (Some(s), r));
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(h, p)| (h, p.trim_end_matches('/')));
    let absent = |key: &str| job.get(key).is_none();
    let mut fix = Fix::replace(target.span, quoted_like(target, host));
    let mut lines = String::new();
    let mut fixable = !host.is_empty() && scheme.is_none_or(|s| s == "http" || s == "https");
    let pad = " ".repeat(crate::rules_of_choice::first_key_span(job).column - 1);
    if scheme == Some("https") {
        fixable &= absent("scheme");
        lines.push_str("scheme: https\n");
        lines.push_str(&pad);
    }
    if !path.is_empty() && path != "metrics" {
        fixable &= absent("metrics_path");
        lines.push_str(&format!("metrics_path: /{path}\n{pad}"));
    }
    // One target decides for its whole job, so it must be alone to be mended.
    let alone = job
        .get("static_configs")
        .map_or(0, |groups| groups.items().iter().filter_map(|g| g.get("targets")).map(|t| t.items().len()).sum())
        == 1;
    if !lines.is_empty() {
        fixable &= alone;
        if let Some((key, _)) = job.entry("static_configs") {
            fix = fix.and(Fix::insert(key.span.start, lines));
        }
    }
    let found = reader
        .error(target.span, "FS0120", format!("a target is host:port. Write targets: ['{host}']"))
        .label("http is the default scheme and /metrics the default metrics_path")
        .upstream(upstream);
    if fixable {
        found.fix(fix);
    }
}

/// Writes a text with the quotes that the node had.
fn quoted_like(node: &Node, text: &str) -> String {
    match &node.kind {
        Kind::Scalar { plain: true, .. } => text.to_owned(),
        _ => format!("'{}'", text.replace('\'', "''")),
    }
}
