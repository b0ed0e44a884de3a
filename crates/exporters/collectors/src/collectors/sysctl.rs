//! Chosen settings of the kernel, from `/proc/sys`.

use firesteel_cli::{FlagDef, FlagKind};

use crate::metric_name::metric_name;
use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

const INCLUDE: &str = "collector.sysctl.include";
const INCLUDE_INFO: &str = "collector.sysctl.include-info";

pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(INCLUDE, FlagKind::Text, "Select sysctl metrics to include").repeatable(),
    FlagDef::new(INCLUDE_INFO, FlagKind::Text, "Select sysctl metrics to include as info metrics").repeatable(),
];

/// A setting as a flag names it: `kernel.pid_max`, or `fs.file-nr:allocated,free,limit` with a name for each value.
#[derive(Debug)]
struct Wanted {
    name: String,
    keys: Vec<String>,
    is_info: bool,
}

#[derive(Debug)]
pub(crate) struct Sysctl(Vec<Wanted>);

impl Sysctl {
    pub(crate) fn new(settings: &Settings) -> Self {
        let wanted = |flag, is_info| {
            settings.texts(flag).into_iter().map(move |text| {
                let (name, keys) = text.split_once(':').map_or((text, None), |(name, keys)| (name, Some(keys)));
                let keys = keys.map_or(Vec::new(), |keys| keys.split(',').map(str::to_owned).collect());
                Wanted { name: name.to_owned(), keys, is_info }
            })
        };
        Self(wanted(INCLUDE, false).chain(wanted(INCLUDE_INFO, true)).collect())
    }
}

impl Collector for Sysctl {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        self.0.iter().try_for_each(|wanted| wanted.collect(host, out))
    }
}

impl Wanted {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Self { name, keys, is_info } = self;
        let file = host.proc(&format!("sys/{}", name.replace('.', "/")))?;
        let values: Vec<&str> = file.text.split_whitespace().collect();
        if values.is_empty() {
            return Err(file.malformed(1, format!("sysctl {name} has no values")));
        }
        if values.len() == 1 && !keys.is_empty() {
            let what = format!("sysctl {name} has only one value, but expected [{}]", keys.join(" "));
            return Err(file.malformed(1, what));
        }
        if !keys.is_empty() && keys.len() != values.len() {
            // upstream: the words of the text, its blank included, are theirs (sysctl_linux.go); kept.
            let what = format!("sysctl {name} has {} keys but only {} defined in f lag", values.len(), keys.len());
            return Err(file.malformed(1, what));
        }
        if *is_info {
            if !keys.is_empty() {
                return Err(file.malformed(1, "mapped sysctl string values not supported"));
            }
            for (at, value) in values.iter().enumerate() {
                let labels = [("index", &*at.to_string()), ("name", name), ("value", value)];
                out.info("sysctl_info", "sysctl info", &labels);
            }
            return Ok(());
        }
        let metric = metric_name(name);
        for (at, value) in values.iter().enumerate() {
            let value = value
                .parse::<i64>()
                .map_err(|_| file.malformed(1, format!("field {at} in sysctl {name} is not a valid int: {value:?}")))?
                as f64;
            match keys.get(at) {
                Some(key) => {
                    let help = format_args!("sysctl {name}, field {at}");
                    out.untyped(format_args!("sysctl_{metric}_{key}"), help, &[], value);
                }
                None => {
                    let index = at.to_string();
                    let labels: &[(&str, &str)] = if values.len() == 1 { &[] } else { &[("index", &index)] };
                    out.untyped(format_args!("sysctl_{metric}"), format_args!("sysctl {name}"), labels, value);
                }
            }
        }
        Ok(())
    }
}
