//! Hardware watchdogs, from `/sys/class/watchdog`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Watchdog;

/// File, metric.
const VALUES: [(&str, &str); 7] = [
    ("access_cs0", "access_cs0"),
    ("bootstatus", "bootstatus"),
    ("fw_version", "fw_version"),
    ("nowayout", "nowayout"),
    ("pretimeout", "pretimeout_seconds"),
    ("timeleft", "timeleft_seconds"),
    ("timeout", "timeout_seconds"),
];
/// Files that become labels of the same name.
const TEXTS: [&str; 5] = ["identity", "options", "pretimeout_governor", "state", "status"];

impl Collector for Watchdog {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/watchdog")?.ok_or(CollectError::NoData)?;
        for (name, dir) in class.dirs() {
            for (file, metric) in VALUES {
                if let Some(value) = dir.number(file)? {
                    let help = format_args!("Value of /sys/class/watchdog/<watchdog>/{file}");
                    out.gauge(format_args!("watchdog_{metric}"), help, &[("name", &name)], value);
                }
            }
            let texts = TEXTS.map(|file| dir.text(file).unwrap_or_default());
            let mut labels = vec![("name", name.as_str())];
            labels.extend(TEXTS.into_iter().zip(texts.iter().map(String::as_str)));
            out.info("watchdog_info", "Info of /sys/class/watchdog/<watchdog>", &labels);
        }
        Ok(())
    }
}
