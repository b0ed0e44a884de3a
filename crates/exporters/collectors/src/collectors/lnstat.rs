//! Statistics of the network's caches, from `/proc/net/stat`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Lnstat;

impl Collector for Lnstat {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(dir) = host.proc_dir("net/stat")? else { return Ok(()) };
        for subsystem in dir.names() {
            let Some(file) = dir.file(&subsystem)? else { continue };
            let mut lines = file.lines();
            let header = lines.next().map_or("", |(_, line)| line);
            let names: Vec<&str> = header.split_ascii_whitespace().collect();
            for (cpu, (number, line)) in lines.enumerate() {
                let cpu = cpu.to_string();
                for (at, word) in line.split_ascii_whitespace().enumerate() {
                    let Some(name) = names.get(at) else {
                        return Err(file.malformed(number, "more numbers than names"));
                    };
                    let labels = [("cpu", cpu.as_str()), ("subsystem", &subsystem)];
                    let value = file.hex(number, word)? as f64;
                    out.counter(format_args!("lnstat_{name}_total"), "linux network cache stats", &labels, value);
                }
            }
        }
        Ok(())
    }
}
