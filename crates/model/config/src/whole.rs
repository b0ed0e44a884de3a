//! What must hold over the whole file, and what jobs take from `global` (config/config.go, `Config.UnmarshalYAML`).

use std::collections::BTreeMap;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader, Span};

use crate::alerting::check_alerting;
use crate::otlp::check_strategy;
use crate::relabel_check::check_rules;
use crate::scrape::inherit;
use crate::{Config, Decode, FilePath, GlobalConfig};

/// Runs when all sections are read.
pub(crate) fn check(config: &mut Config, node: &Node, reader: &mut Reader<'_>) {
    let block = node.get("global");
    if config.global == <GlobalConfig as Decode>::zero() {
        config.global = GlobalConfig::defaults();
    } else {
        if block.is_some_and(|n| n.get("metric_name_escaping_scheme").is_none()) {
            config.global.metric_name_escaping_scheme.clear();
        }
        config.global.fill();
    }
    if config.runtime.gogc == 0 {
        config.runtime = crate::RuntimeConfig::defaults();
    }
    check_globs(&config.rule_files, node, "rule_files", "invalid rule file path", reader);
    check_globs(&config.scrape_config_files, node, "scrape_config_files", "invalid scrape config file path", reader);

    let interval = block.and_then(|n| n.get("scrape_interval"));
    let global = config.global.clone();
    let items = || node.get("scrape_configs").map_or(&[][..], Node::items).iter().filter(|item| !item.is_null());
    for (job, item) in config.scrape_configs.iter_mut().zip(items()) {
        inherit(job, &global, item, interval, reader);
    }
    check_job_names(items(), reader);

    let scheme = config.global.metric_name_validation_scheme;
    check_alerting(&config.alerting, node, scheme, reader);
    let writes = node.get("remote_write").map_or(&[][..], Node::items).iter().filter(|item| !item.is_null());
    for (write, item) in config.remote_write.iter().zip(writes) {
        check_rules(&write.write_relabel_configs, item.get("write_relabel_configs"), scheme, reader);
    }
    check_names(node, "remote_write", "found multiple remote write configs with job name", reader);
    check_names(node, "remote_read", "found multiple remote read configs with job name", reader);
    check_strategy(&config.otlp, node, scheme, reader);
}

/// `^[^*]*(\*[^/]*)?$`
fn check_globs(paths: &[FilePath], node: &Node, key: &str, upstream: &str, reader: &mut Reader<'_>) {
    let items = node.get(key).map_or(&[][..], Node::items);
    for (path, item) in paths.iter().zip(items) {
        let path = path.as_str();
        let ok = path.find('*').is_none_or(|star| !path[star + 1..].contains('/'));
        if !ok {
            reader
                .error(item.span, "FS0190", format!("a * may stand only in the last part of a path: {path}"))
                .upstream(format!("{upstream} {}", quote(path.as_bytes())));
        }
    }
}

fn check_job_names<'n>(jobs: impl Iterator<Item = &'n Node>, reader: &mut Reader<'_>) {
    let mut seen: BTreeMap<&str, (Span, usize)> = BTreeMap::new();
    for job in jobs {
        let targets = job.get("static_configs").map_or(0, |groups| {
            groups.items().iter().filter_map(|group| group.get("targets")).map(|targets| targets.items().len()).sum()
        });
        let Some(name) = job.get("job_name") else { continue };
        let Some(text) = name.text().filter(|text| !text.is_empty()) else { continue };
        if let Some((first, first_targets)) = seen.get(text) {
            reader
                .error(
                    name.span,
                    "FS0141",
                    format!("job \"{text}\" already defined at {}:{}", first.line, first.column),
                )
                .label(format!("merge the targets ({first_targets} + {targets}) or rename"))
                .upstream(format!("found multiple scrape configs with job name {}", quote(text.as_bytes())));
        } else {
            seen.insert(text, (name.span, targets));
        }
    }
}

fn check_names(node: &Node, key: &str, upstream: &str, reader: &mut Reader<'_>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for name in node.get(key).map_or(&[][..], Node::items).iter().filter_map(|item| item.get("name")) {
        let Some(text) = name.text().filter(|text| !text.is_empty()) else { continue };
        if let Some(first) = seen.get(text) {
            reader
                .error(name.span, "FS0141", format!("`{text}` is already the name of the entry at line {}", first.line))
                .label("rename one")
                .upstream(format!("{upstream} {}", quote(text.as_bytes())));
        } else {
            seen.insert(text, name.span);
        }
    }
}
