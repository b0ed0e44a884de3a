//! What `/proc/cpuinfo` says of each CPU: models, flags and known bugs.

use crate::{CollectError, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

#[derive(Debug)]
pub(crate) struct CpuInfo {
    flags: Option<DeviceFilter>,
    bugs: Option<DeviceFilter>,
    frequencies: bool,
}

impl CpuInfo {
    /// Returns `None` when no flag asks for it.
    pub(crate) fn new(settings: &Settings) -> Result<Option<Self>, FilterError> {
        let filter = |name: &str| {
            let given = !settings.text(name).is_empty();
            given.then(|| settings.shown(name)).transpose()
        };
        let flags = filter("collector.cpu.info.flags-include")?;
        let bugs = filter("collector.cpu.info.bugs-include")?;
        let wanted = settings.bool("collector.cpu.info") || flags.is_some() || bugs.is_some();
        // Whether frequencies are shown hangs on the other collector's switch, as with the reference.
        Ok(wanted.then(|| Self { flags, bugs, frequencies: settings.is_running("cpufreq") }))
    }

    pub(crate) fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("cpuinfo")?;
        let pairs: Vec<(usize, &str, &str)> = file
            .lines()
            .filter_map(|(number, line)| line.split_once(':').map(|(k, v)| (number, k.trim(), v.trim())))
            .collect();
        let mut first = true;
        for cpu in pairs.chunk_by(|_, (_, key, _)| *key != "processor") {
            let value = |key: &str| cpu.iter().find(|(_, k, _)| *k == key).map_or("", |(.., value)| *value);
            // Lines before the first CPU speak of the machine, on some architectures.
            if value("processor").is_empty() {
                continue;
            }
            let labels = [
                ("cachesize", value("cache size")),
                ("core", value("core id")),
                ("cpu", value("processor")),
                ("family", value("cpu family")),
                ("microcode", value("microcode")),
                ("model", value("model")),
                ("model_name", value("model name")),
                ("package", value("physical id")),
                ("stepping", value("stepping")),
                ("vendor", value("vendor_id")),
            ];
            out.info("cpu_info", "CPU information from /proc/cpuinfo.", &labels);
            if self.frequencies {
                let mhz = cpu.iter().find(|(_, key, _)| *key == "cpu MHz");
                let mhz = mhz.map_or(Ok(0.0), |(number, _, text)| file.number(*number, text))?;
                let labels = [labels[1], labels[2], labels[7]];
                out.gauge("cpu_frequency_hertz", "CPU frequency in hertz from /proc/cpuinfo.", &labels, mhz * 1e6);
            }
            if std::mem::take(&mut first) {
                let flags = [value("flags"), value("Features")].concat();
                let help = "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.";
                put_words(out, self.flags.as_ref(), "cpu_flag_info", help, "flag", &flags);
                let help = "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.";
                put_words(out, self.bugs.as_ref(), "cpu_bug_info", help, "bug", value("bugs"));
            }
        }
        Ok(())
    }
}

fn put_words(out: &mut MetricSink, shown: Option<&DeviceFilter>, name: &str, help: &str, label: &str, words: &str) {
    let Some(shown) = shown else { return };
    for word in words.split_ascii_whitespace().filter(|word| !shown.ignores(word)) {
        out.info(name, help, &[(label, word)]);
    }
}
