//! Every line of `/proc/meminfo`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Meminfo;

impl Collector for Meminfo {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("meminfo")?;
        for (number, line) in file.lines() {
            let mut words = line.split_ascii_whitespace();
            let (Some(key), Some(value)) = (words.next(), words.next()) else { continue };
            // "Active(anon):" is shown as Active_anon.
            let key = key.trim_end_matches(':').replace('(', "_").replace(')', "");
            let value = file.number(number, value)?;
            let (name, value) = match words.next() {
                None => (key, value),
                Some("kB") => (format!("{key}_bytes"), value * 1024.0),
                Some(unit) => return Err(file.malformed(number, format!("unknown unit {unit:?}"))),
            };
            out.gauge(format_args!("memory_{name}"), format_args!("Memory information field {name}."), &[], value);
        }
        Ok(())
    }
}
