//! Memory of each NUMA node, from `/sys/devices/system/node`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct MeminfoNuma;

impl Collector for MeminfoNuma {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(nodes) = host.sys_dir("devices/system/node")? else { return Ok(()) };
        for (name, dir) in nodes.dirs() {
            let Some(node) = name.strip_prefix("node").filter(|n| n.starts_with(|c: char| c.is_ascii_digit())) else {
                continue;
            };
            let file = dir.required_file("meminfo")?;
            for (number, line) in file.lines() {
                // "Node 0 Active(anon): 12 kB"
                let words: Vec<&str> = line.split_ascii_whitespace().collect();
                let (node, field, value, factor) = match words.as_slice() {
                    [] => continue,
                    [_, node, field, value] => (node, field, value, 1.0),
                    [_, node, field, value, "kB"] => (node, field, value, 1024.0),
                    _ => return Err(file.malformed(number, "not a line of a node's meminfo")),
                };
                let field = field.trim_end_matches(':').replace('(', "_").replace(')', "");
                let value = file.number(number, value)? * factor;
                let help = format_args!("Memory information field {field}.");
                out.gauge(format_args!("memory_numa_{field}"), help, &[("node", node)], value);
            }
            let file = dir.required_file("numastat")?;
            for (number, line) in file.lines() {
                let mut words = line.split_ascii_whitespace();
                let (name, value) = match (words.next(), words.next(), words.next()) {
                    (None, _, _) => continue,
                    (Some(name), Some(value), None) => (name, value),
                    _ => return Err(file.malformed(number, "not a name and a number")),
                };
                let value = file.number(number, value)?;
                let help = format_args!("Memory information field {name}_total.");
                out.counter(format_args!("memory_numa_{name}_total"), help, &[("node", node)], value);
            }
        }
        Ok(())
    }
}
