//! What must hold in a job, and what it takes from `global` (config/config.go, `ScrapeConfig.Validate`).

use firesteel_go_compat::{format_duration, quote};
use firesteel_yaml::{Node, Reader};

use crate::http::check_http;
use crate::naming::ValidationScheme;
use crate::relabel_check::check_rules;
use crate::rules_of_choice::{first_key_span, missing, value_span, wrong};
use crate::scrape::{ScrapeConfig, check_static_targets};
use crate::{GlobalConfig, ScrapeProtocol};

/// Settings that people write into the job though they belong into a list below it.
pub(crate) const MISPLACED: &[(&str, &str)] = &[("targets", "static_configs")];

/// What can be seen in the job alone.
pub(crate) fn check(job: &mut ScrapeConfig, node: &Node, reader: &mut Reader<'_>) {
    if job.job_name.is_empty() {
        missing(node, reader, "job_name", "job_name is empty");
    }
    check_http(&mut job.http, node, reader);
    check_static_targets(node, job.relabel_configs.is_empty(), reader);
}

/// Notes an empty list of protocols, and one that stands twice.
pub(crate) fn check_protocols(given: Option<&[ScrapeProtocol]>, node: &Node, reader: &mut Reader<'_>, whose: &str) {
    let Some(protocols) = given else { return };
    let Some(list) = node.get("scrape_protocols") else { return };
    if list.items().is_empty() && protocols.is_empty() {
        let upstream = format!("scrape_protocols cannot be empty {whose}");
        wrong(node, reader, "scrape_protocols", "FS0134", "`scrape_protocols` names no protocol", upstream)
            .label("name one, or remove the setting");
    }
    for (at, item) in list.items().iter().enumerate() {
        reader.append_upstream(item.span, &format!(" {whose}"));
        let word = item.text().unwrap_or("").to_lowercase();
        if list.items().iter().take(at).any(|other| other.text().is_some_and(|t| t.to_lowercase() == word)) {
            let names: Vec<&str> = list.items().iter().filter_map(Node::text).collect();
            reader
                .error(
                    item.span,
                    "FS0135",
                    format!("`{}` stands twice in `scrape_protocols`", item.text().unwrap_or("")),
                )
                .label("remove one")
                .upstream(format!("duplicated protocol in scrape_protocols, got [{}] {whose}", names.join(" ")));
        }
    }
}

/// Fills in what the job takes from `global`, then checks what depends on it. `node` is the job, `global_interval` the
/// place of the interval it may inherit.
pub(crate) fn inherit(
    job: &mut ScrapeConfig,
    global: &GlobalConfig,
    node: &Node,
    global_interval: Option<&Node>,
    reader: &mut Reader<'_>,
) {
    let inherited = job.scrape_interval.is_zero();
    if inherited {
        job.scrape_interval = global.scrape_interval;
    }
    if job.scrape_timeout > job.scrape_interval {
        let (timeout, interval) = (format_duration(job.scrape_timeout), format_duration(job.scrape_interval));
        let from = match (inherited, global_interval) {
            (false, _) => String::new(),
            (true, Some(place)) => format!(" (from global, line {}:{})", place.span.line, place.span.column),
            (true, None) => " (the default)".to_owned(),
        };
        let upstream = format!(
            "scrape timeout greater than scrape interval for scrape config with job name {}",
            quote(job.job_name.as_bytes())
        );
        let message = format!("timeout {timeout} > interval {interval}{from}");
        wrong(node, reader, "scrape_timeout", "FS0140", message, upstream)
            .label(format!("lower it to ≤ {interval} or give this job scrape_interval: {timeout}"));
    }
    if job.scrape_timeout.is_zero() {
        job.scrape_timeout = global.scrape_timeout.min(job.scrape_interval);
    }
    if job.body_size_limit.0 == 0 {
        job.body_size_limit = global.body_size_limit;
    }
    for (own, outer) in [
        (&mut job.sample_limit, global.sample_limit),
        (&mut job.target_limit, global.target_limit),
        (&mut job.label_limit, global.label_limit),
        (&mut job.label_name_length_limit, global.label_name_length_limit),
        (&mut job.label_value_length_limit, global.label_value_length_limit),
        (&mut job.keep_dropped_targets, global.keep_dropped_targets),
    ] {
        if *own == 0 {
            *own = outer;
        }
    }
    if job.scrape_failure_log_file.is_empty() {
        job.scrape_failure_log_file = global.scrape_failure_log_file.clone();
    }
    job.scrape_native_histograms = job.scrape_native_histograms.or(global.scrape_native_histograms);
    job.extra_scrape_metrics = job.extra_scrape_metrics.or(global.extra_scrape_metrics);
    job.convert_classic_histograms_to_nhcb.get_or_insert(global.convert_classic_histograms_to_nhcb);
    job.always_scrape_classic_histograms.get_or_insert(global.always_scrape_classic_histograms);

    let whose = format!("for scrape config with job name {}", quote(job.job_name.as_bytes()));
    check_protocols(job.scrape_protocols.as_deref(), node, reader, &whose);
    if job.scrape_protocols.is_none() {
        job.scrape_protocols = Some(match &global.scrape_protocols {
            Some(protocols) => protocols.clone(),
            None if job.scrape_native_histograms == Some(true) => ScrapeProtocol::PROTO_FIRST.to_vec(),
            None => ScrapeProtocol::DEFAULT.to_vec(),
        });
    }
    inherit_naming(job, global, node, reader);
    let scheme = job.metric_name_validation_scheme;
    check_rules(&job.relabel_configs, node.get("relabel_configs"), scheme, reader);
    check_rules(&job.metric_relabel_configs, node.get("metric_relabel_configs"), scheme, reader);
}

const ESCAPING: [&str; 4] = ["allow-utf-8", "underscores", "dots", "values"];

fn inherit_naming(job: &mut ScrapeConfig, global: &GlobalConfig, node: &Node, reader: &mut Reader<'_>) {
    let by_scheme = |scheme| if scheme == ValidationScheme::Legacy { "underscores" } else { "allow-utf-8" };
    let own_scheme_unset = job.metric_name_validation_scheme == ValidationScheme::Unset;
    if own_scheme_unset {
        job.metric_name_validation_scheme = global.metric_name_validation_scheme;
    }
    let words = "must be one of 'allow-utf-8', 'underscores', 'dots', or 'values', got";
    let outer = match global.metric_name_escaping_scheme.as_str() {
        "" => by_scheme(global.metric_name_validation_scheme),
        word if ESCAPING.contains(&word) => word,
        word => {
            let upstream = format!("unknown global name escaping method specified, {words} {}", quote(word.as_bytes()));
            reader
                .error(first_key_span(node), "FS0136", format!("`global` names no escaping scheme with `{word}`"))
                .note(format!("one of: {}", ESCAPING.join(", ")))
                .upstream(upstream);
            return;
        }
    };
    if job.metric_name_escaping_scheme.is_empty() {
        let scheme = if own_scheme_unset { outer } else { by_scheme(job.metric_name_validation_scheme) };
        scheme.clone_into(&mut job.metric_name_escaping_scheme);
    }
    let span = value_span(node, "metric_name_escaping_scheme");
    match job.metric_name_escaping_scheme.as_str() {
        "allow-utf-8" if job.metric_name_validation_scheme != ValidationScheme::Utf8 => {
            wrong(
                node,
                reader,
                "metric_name_escaping_scheme",
                "FS0137",
                "names in UTF-8 are asked for, but the naming scheme is legacy",
                "utf8 metric names requested but validation scheme is not set to UTF8",
            )
            .label("use `underscores`, or set metric_name_validation_scheme: utf8");
        }
        word if ESCAPING.contains(&word) => {}
        word => {
            let upstream =
                format!("unknown scrape config name escaping method specified, {words} {}", quote(word.as_bytes()));
            let word = word.to_owned();
            crate::rules_of_choice::not_a_choice(reader, span, "an escaping scheme", &word, &ESCAPING, upstream);
        }
    }
}
