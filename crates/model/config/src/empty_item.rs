//! List items that are empty: upstream refuses them where a block is meant, each with its own words.

use firesteel_yaml::{Node, Reader};

/// Notes an empty item of the list that is being read, when that list may not have one; returns whether it may not.
pub(crate) fn refuse(item: &Node, reader: &mut Reader<'_>) -> bool {
    let path = reader.path();
    let key = reader.key().to_owned();
    let in_alertmanager = path.starts_with("alerting.alertmanagers[");
    let upstream = match key.as_str() {
        "scrape_configs" => "empty or null scrape config section".to_owned(),
        "remote_write" => "empty or null remote write config section".to_owned(),
        "remote_read" => "empty or null remote read config section".to_owned(),
        "relabel_configs" if in_alertmanager => "empty or null Alertmanager target relabeling rule".to_owned(),
        "relabel_configs" => "empty or null target relabeling rule in scrape config".to_owned(),
        "metric_relabel_configs" => "empty or null metric relabeling rule in scrape config".to_owned(),
        "write_relabel_configs" => "empty or null relabeling rule in remote write config".to_owned(),
        "alert_relabel_configs" if in_alertmanager => "empty or null Alertmanager alert relabeling rule".to_owned(),
        "alert_relabel_configs" => "empty or null alert relabeling rule".to_owned(),
        "alertmanagers" => "empty or null alertmanager config section".to_owned(),
        key if key.ends_with("_sd_configs") || key == "static_configs" => format!("empty or null section in {key}"),
        // yaml.v3, which reads rule files, leaves them out.
        "groups" | "rules" if reader.is_lenient_about_empty_items() => return true,
        _ => return false,
    };
    reader
        .error(item.span, "FS0116", format!("this item of `{key}` is empty"))
        .label("remove the `-` or write what it should hold")
        .upstream(upstream);
    true
}
