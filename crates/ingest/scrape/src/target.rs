//! A target: its labels, where it is scraped, and how that went (upstream: `scrape/target.go`).

use std::collections::BTreeMap;
use std::time::Duration;

use firesteel_base::TimestampMs;
use firesteel_config::{RelabelRules, ScrapeConfig};
use firesteel_go_compat::{format_duration, parse_duration, quote};
use firesteel_model::{Labels, LabelsBuilder};
use parking_lot::Mutex;

use crate::fnv::fnv1a;
use crate::metadata_store::MetadataStore;
use crate::target_url::target_url;

const ADDRESS: &str = "__address__";
const INTERVAL: &str = "__scrape_interval__";
const TIMEOUT: &str = "__scrape_timeout__";
const BOOLEANS: [(&str, &str); 3] = [
    ("__convert_classic_histograms_to_nhcb__", "convert classic histograms to nhcb"),
    ("__always_scrape_classic_histograms__", "always scrape classic histograms"),
    ("__scrape_native_histograms__", "scrape native histograms"),
];

/// The result of the last scrape.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Health {
    #[default]
    Unknown,
    Up,
    Down,
}

impl Health {
    /// Returns the API's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// How the last scrape went.
#[derive(Clone, Debug, Default)]
pub struct LastScrape {
    pub health: Health,
    /// Empty after success.
    pub error: String,
    /// `None` before the first scrape.
    pub at: Option<TimestampMs>,
    pub duration: Duration,
}

/// One endpoint. Shared between its loop and the API.
#[derive(Debug)]
pub struct Target {
    /// All labels after relabelling, internal ones included.
    pub labels: Labels,
    /// Labels before relabelling.
    pub discovered: Labels,
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
    /// Identifies the target within its pool; spreads its scrapes over the interval.
    pub hash: u64,
    pub(crate) last: Mutex<LastScrape>,
    pub(crate) metadata: Mutex<MetadataStore>,
}

impl Target {
    /// Returns the labels that its series carry: those that do not begin with `__`.
    pub fn public_labels(&self) -> Labels {
        Labels::from_pairs(self.labels.iter().filter(|(name, _)| !name.starts_with("__")))
    }

    /// Returns what a label says of a setting, by Go's words for true and false; `unsaid` where it says neither.
    pub(crate) fn bool_label(&self, name: &str, unsaid: bool) -> bool {
        match self.labels.value(name) {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => unsaid,
        }
    }

    /// Returns how the last scrape went.
    pub fn last_scrape(&self) -> LastScrape {
        self.last.lock().clone()
    }

    /// Calls `each` with the target's metadata.
    pub fn with_metadata<T>(&self, each: impl FnOnce(&MetadataStore) -> T) -> T {
        each(&self.metadata.lock())
    }

    /// Returns the interval and timeout as their labels have them.
    pub fn interval_and_timeout_text(&self) -> (String, String) {
        (self.labels.value(INTERVAL).to_owned(), self.labels.value(TIMEOUT).to_owned())
    }

    /// Returns how long to wait for the first scrape: the same phase within the interval after every restart.
    pub(crate) fn offset(&self, now_ns: u128, seed: u64) -> Duration {
        let interval = self.interval.as_nanos().max(1);
        let base = interval - now_ns % interval;
        let next = base + u128::from(self.hash ^ seed) % interval;
        let next = if next > interval { next - interval } else { next };
        Duration::from_nanos(u64::try_from(next).unwrap_or(0))
    }
}

/// What became of a discovered address.
#[derive(Debug)]
pub(crate) enum Made {
    Target(Box<Target>),
    /// Dropped by relabelling: its labels before.
    Dropped(Labels),
}

/// What becomes of a discovered address, for those who ask without scraping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExplainedTarget {
    /// Labels before relabelling.
    pub discovered: Labels,
    /// Labels after it, internal ones included; none when it was dropped or is no target.
    pub labels: Labels,
    /// Why it cannot be scraped, in upstream's words.
    pub error: Option<String>,
}

impl ExplainedTarget {
    /// Makes a target of its own and its group's labels as a job does.
    pub fn new(
        config: &ScrapeConfig,
        rules: &RelabelRules,
        own: &BTreeMap<String, String>,
        group: &BTreeMap<String, String>,
    ) -> Self {
        let mut b = LabelsBuilder::new();
        discovered_labels(config, own, group, &mut b);
        let discovered = b.build();
        let (labels, error) = match make_target(config, rules, own, group) {
            Ok(Made::Target(target)) => (target.labels, None),
            Ok(Made::Dropped(_)) => (Labels::empty(), None),
            Err(why) => (Labels::empty(), Some(why)),
        };
        Self { discovered, labels, error }
    }
}

/// Makes a target of its own and its group's labels. Errors with upstream's words when the result cannot be scraped.
pub(crate) fn make_target(
    config: &ScrapeConfig,
    rules: &RelabelRules,
    own: &BTreeMap<String, String>,
    group: &BTreeMap<String, String>,
) -> Result<Made, String> {
    let mut b = LabelsBuilder::new();
    discovered_labels(config, own, group, &mut b);
    let discovered = b.build();
    if !rules.apply(&mut b) {
        return Ok(Made::Dropped(discovered));
    }
    let address = b.get(ADDRESS).to_owned();
    if address.is_empty() {
        return Err("no address".into());
    }
    if address.contains('/') {
        return Err(format!("{} is not a valid hostname", quote(&address)));
    }
    let duration = |label: &str, what: &str| {
        let text = b.get(label);
        let duration = parse_duration(text).map_err(|e| format!("error parsing scrape {what}: {e}"))?;
        if duration.is_zero() { Err(format!("scrape {what} cannot be 0")) } else { Ok(duration) }
    };
    let (interval, timeout) = (duration(INTERVAL, "interval")?, duration(TIMEOUT, "timeout")?);
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({} > {})",
            quote(b.get(TIMEOUT)),
            quote(b.get(INTERVAL))
        ));
    }
    for (label, what) in BOOLEANS {
        let text = b.get(label);
        let known = ["", "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"];
        if !known.contains(&text) {
            return Err(format!("error parsing {what}: strconv.ParseBool: parsing {}: invalid syntax", quote(text)));
        }
    }
    b.retain(|name, _| !name.starts_with("__meta_"));
    if b.get("instance").is_empty() {
        b.set("instance", &address);
    }
    let labels = b.build();
    let url = target_url(&labels, &config.params);
    let hash = fnv1a(&[format!("{:016}", labels.hash64()).as_bytes(), url.as_bytes()]);
    Ok(Made::Target(Box::new(Target {
        labels,
        discovered,
        url,
        interval,
        timeout,
        hash,
        last: Mutex::default(),
        metadata: Mutex::default(),
    })))
}

fn discovered_labels(
    config: &ScrapeConfig,
    own: &BTreeMap<String, String>,
    group: &BTreeMap<String, String>,
    b: &mut LabelsBuilder,
) {
    for (name, value) in own {
        b.set(name, value);
    }
    for (name, value) in group.iter().filter(|(name, _)| !own.contains_key(*name)) {
        b.set(name, value);
    }
    let on = |setting: Option<bool>| setting.unwrap_or(false).to_string();
    let defaults = [
        ("job", config.job_name.clone()),
        (INTERVAL, format_duration(config.scrape_interval)),
        (TIMEOUT, format_duration(config.scrape_timeout)),
        ("__metrics_path__", config.metrics_path.clone()),
        ("__scheme__", config.scheme.clone()),
        ("__convert_classic_histograms_to_nhcb__", on(config.convert_classic_histograms_to_nhcb)),
        ("__always_scrape_classic_histograms__", on(config.always_scrape_classic_histograms)),
        ("__scrape_native_histograms__", on(config.scrape_native_histograms)),
    ];
    let params = config.params.iter().filter_map(|(k, v)| Some((format!("__param_{k}"), v.first()?.clone())));
    for (name, value) in defaults.into_iter().map(|(n, v)| (n.to_owned(), v)).chain(params) {
        if b.get(&name).is_empty() {
            b.set(&name, &value);
        }
    }
}

#[cfg(test)]
mod tests {
    use firesteel_config::Decode as _;

    use super::*;

    fn config() -> ScrapeConfig {
        ScrapeConfig {
            job_name: "j".into(),
            scrape_interval: Duration::from_secs(15),
            scrape_timeout: Duration::from_secs(10),
            params: [("a".to_owned(), vec!["1 2".to_owned(), "x&y".to_owned()])].into(),
            ..ScrapeConfig::fresh()
        }
    }

    fn make(own: &[(&str, &str)], group: &[(&str, &str)]) -> Result<Target, String> {
        let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        match make_target(&config(), &RelabelRules::default(), &map(own), &map(group))? {
            Made::Target(target) => Ok(*target),
            Made::Dropped(_) => Err("dropped".into()),
        }
    }

    #[test]
    fn labels_and_urls_as_upstream() {
        let target = make(&[("__address__", "h:1"), ("x", "own")], &[("x", "group"), ("y", "g"), ("__meta_z", "1")])
            .expect("a good target");
        assert_eq!(
            target.public_labels(),
            Labels::from_pairs([("instance", "h:1"), ("job", "j"), ("x", "own"), ("y", "g")])
        );
        assert_eq!(target.url, "http://h:1/metrics?a=1+2&a=x%26y");
        assert_eq!(target.discovered.get("__meta_z"), Some("1"));
        assert_eq!(target.labels.get("__meta_z"), None);
        assert_eq!(target.interval_and_timeout_text(), ("15s".into(), "10s".into()));
        let target = make(
            &[
                ("__address__", "h:1"),
                ("__param_a", "new"),
                ("__param_b", "~*é"),
                ("__metrics_path__", "a b?c"),
                ("__scheme__", "https"),
            ],
            &[],
        )
        .expect("a good target");
        assert_eq!(target.url, "https://h:1/a%20b%3Fc?a=new&a=x%26y&b=~%2A%C3%A9");
    }

    #[test]
    fn bad_targets_say_why() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "no address"),
            (&[("__address__", "http://h:1")], "\"http://h:1\" is not a valid hostname"),
            (&[("__address__", "h"), ("__scrape_interval__", "0s")], "scrape interval cannot be 0"),
            (
                &[("__address__", "h"), ("__scrape_timeout__", "1m")],
                "scrape timeout cannot be greater than scrape interval (\"1m\" > \"15s\")",
            ),
            (
                &[("__address__", "h"), ("__scrape_native_histograms__", "yes")],
                "error parsing scrape native histograms: strconv.ParseBool: parsing \"yes\": invalid syntax",
            ),
        ];
        for (own, want) in cases {
            assert_eq!(make(own, &[]).expect_err(want), *want);
        }
    }

    #[test]
    fn offsets_keep_their_phase() {
        let target = make(&[("__address__", "h:1")], &[]).expect("a good target");
        let interval = target.interval.as_nanos();
        let phase = |now: u128| (now + target.offset(now, 42).as_nanos()) % interval;
        let first = phase(1_700_000_000_000_000_000);
        for later in [1u128, 999, 1_000_000_007, 15_000_000_000, 77_777_777_777] {
            assert_eq!(phase(1_700_000_000_000_000_000 + later), first);
        }
    }
}
