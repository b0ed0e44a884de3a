//! Where an Alertmanager that was found listens (upstream: `AlertmanagerFromGroup`).

use firesteel_config::{AlertmanagerConfig, RelabelRules};
use firesteel_discovery::TargetGroup;
use firesteel_go_compat::quote;
use firesteel_model::LabelsBuilder;

const SCHEME: &str = "__scheme__";
const ADDRESS: &str = "__address__";
const PATH: &str = "__alerts_path__";

/// What a group of addresses comes to: URLs in the order of the group.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Found {
    pub(crate) active: Vec<String>,
    /// Dropped by relabelling, as they would have been.
    pub(crate) dropped: Vec<String>,
}

/// Makes URLs of a group. Errors with upstream's words when an address is none, and then the whole group counts for nothing.
pub(crate) fn urls_of(group: &TargetGroup, config: &AlertmanagerConfig, rules: &RelabelRules) -> Result<Found, String> {
    let mut found = Found::default();
    let mut b = LabelsBuilder::new();
    for target in &group.targets {
        b.retain(|_, _| false);
        for (name, value) in target {
            b.set(name, value);
        }
        b.set(SCHEME, &config.scheme).set(PATH, &alerts_path(&config.path_prefix));
        for (name, value) in group.labels.iter().filter(|(name, _)| !target.contains_key(*name)) {
            b.set(name, value);
        }
        let before = url(&b);
        if !rules.apply(&mut b) {
            found.dropped.push(before);
            continue;
        }
        let address = b.get(ADDRESS);
        if address.contains('/') {
            return Err(format!("{} is not a valid hostname", quote(address)));
        }
        found.active.push(url(&b));
    }
    Ok(found)
}

/// Returns the path that alerts are posted to below a prefix: Go's `path.Join`.
fn alerts_path(prefix: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in prefix.split('/').chain(["api", "v2", "alerts"]) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Returns what Go's `url.URL` prints for scheme, host and path.
fn url(labels: &LabelsBuilder) -> String {
    let (scheme, host, path) = (labels.get(SCHEME), labels.get(ADDRESS), labels.get(PATH));
    let mut out = String::new();
    if !scheme.is_empty() {
        out.push_str(scheme);
        out.push(':');
    }
    if !(scheme.is_empty() && host.is_empty()) {
        out.push_str("//");
    }
    out.push_str(host);
    if !path.is_empty() && !path.starts_with('/') && !host.is_empty() {
        out.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use firesteel_config::{Decode as _, LabelName, RegexText, RelabelAction, RelabelConfig, ValidationScheme};
    use firesteel_discovery::LabelMap;

    use super::*;

    fn map(pairs: &[(&str, &str)]) -> LabelMap {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn drop_if(label: &str, regex: &str) -> RelabelRules {
        let rule = RelabelConfig {
            action: RelabelAction::Drop,
            source_labels: vec![LabelName(label.to_owned())],
            regex: RegexText { pattern: regex.to_owned(), given: true },
            ..RelabelConfig::fresh()
        };
        RelabelRules::new(&[rule], ValidationScheme::Utf8).expect("a good rule")
    }

    #[test]
    fn addresses_become_urls() {
        let config = AlertmanagerConfig { path_prefix: "/am/./x/../".to_owned(), ..AlertmanagerConfig::fresh() };
        let group = TargetGroup {
            source: "0".to_owned(),
            targets: vec![
                map(&[(ADDRESS, "a:9093")]),
                // What a target says of scheme and path is the configuration's to say, unless rules say it.
                map(&[(ADDRESS, "b:9093"), (SCHEME, "https"), (PATH, "/x")]),
                map(&[(ADDRESS, "c:9093"), ("zone", "far")]),
            ],
            labels: map(&[("zone", "near"), (ADDRESS, "never")]),
        };
        let found = urls_of(&group, &config, &drop_if("zone", "far")).expect("good addresses");
        assert_eq!(found.active, ["http://a:9093/am/api/v2/alerts", "http://b:9093/am/api/v2/alerts"]);
        assert_eq!(found.dropped, ["http://c:9093/am/api/v2/alerts"]);
    }

    #[test]
    fn one_bad_address_spoils_its_group() {
        let group = TargetGroup {
            targets: vec![map(&[(ADDRESS, "a:9093")]), map(&[(ADDRESS, "http://b:9093")])],
            ..TargetGroup::default()
        };
        let got = urls_of(&group, &AlertmanagerConfig::fresh(), &RelabelRules::default());
        assert_eq!(got, Err("\"http://b:9093\" is not a valid hostname".to_owned()));
    }

    #[test]
    fn prefixes_are_joined_as_go_joins_paths() {
        for (prefix, want) in [
            ("", "/api/v2/alerts"),
            ("/", "/api/v2/alerts"),
            ("am", "/am/api/v2/alerts"),
            ("//am//", "/am/api/v2/alerts"),
            ("../..", "/api/v2/alerts"),
        ] {
            assert_eq!(alerts_path(prefix), want, "{prefix:?}");
        }
    }
}
