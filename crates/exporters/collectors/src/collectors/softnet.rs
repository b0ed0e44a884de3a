//! Packets that each CPU took from its backlog, from `/proc/net/softnet_stat`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Softnet;

/// Column, metric, help. Older kernels have only the first nine (net/core/net-procfs.c).
const COUNTERS: [(usize, &str, &str); 6] = [
    (0, "softnet_processed_total", "Number of processed packets"),
    (1, "softnet_dropped_total", "Number of dropped packets"),
    (2, "softnet_times_squeezed_total", "Number of times processing packets ran out of quota"),
    (8, "softnet_cpu_collision_total", "Number of collision occur while obtaining device lock while transmitting"),
    (9, "softnet_received_rps_total", "Number of times cpu woken up received_rps"),
    (10, "softnet_flow_limit_count_total", "Number of times flow limit has been reached"),
];
const BACKLOG: usize = 11;
const CPU: usize = 12;
const FEWEST_COLUMNS: usize = 9;

impl Collector for Softnet {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = host.proc("net/softnet_stat")?;
        for (number, line) in file.lines() {
            let mut columns = [0u64; CPU + 1];
            let mut count = 0;
            for (column, word) in columns.iter_mut().zip(line.split_ascii_whitespace()) {
                *column = file.hex(number, word)?;
                count += 1;
            }
            if count < FEWEST_COLUMNS {
                return Err(file.malformed(number, format!("{count} columns, not {FEWEST_COLUMNS}")));
            }
            // Before Linux 5.14 the line's place is the CPU's number.
            let has_index = count > CPU;
            let cpu = if has_index { columns[CPU].to_string() } else { (number - 1).to_string() };
            let labels = [("cpu", cpu.as_str())];
            for (column, name, help) in COUNTERS {
                out.counter(name, help, &labels, columns[column] as f64);
            }
            let backlog = if has_index { columns[BACKLOG] as f64 } else { 0.0 };
            out.gauge("softnet_backlog_len", "Softnet backlog status", &labels, backlog);
        }
        Ok(())
    }
}
