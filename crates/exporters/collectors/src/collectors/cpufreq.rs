//! Clock frequencies of CPUs and their governors, from `/sys/devices/system/cpu`.

use super::cpu_list::{cpu_dirs, parse_cpu_list};
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Cpufreq;

/// File, metric, help. The files are in kHz (Documentation/admin-guide/pm/cpufreq).
const FILES: [(&str, &str, &str); 7] = [
    ("cpuinfo_cur_freq", "cpu_frequency_hertz", "Current CPU thread frequency in hertz."),
    ("cpuinfo_avg_freq", "cpu_frequency_avg_hertz", "Average CPU thread frequency in hertz."),
    ("cpuinfo_min_freq", "cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz."),
    ("cpuinfo_max_freq", "cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz."),
    ("scaling_cur_freq", "cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."),
    ("scaling_min_freq", "cpu_scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz."),
    ("scaling_max_freq", "cpu_scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz."),
];

impl Collector for Cpufreq {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let system = host.sys_dir("devices/system/cpu")?.ok_or(CollectError::NoData)?;
        let offline = parse_cpu_list(&system.required_file("offline")?)?;
        for (cpu, name) in cpu_dirs(&system) {
            if offline.contains(&cpu) {
                continue;
            }
            let Some(dir) = system.dir(&format!("{name}/cpufreq")) else { continue };
            let cpu = cpu.to_string();
            for (file, metric, help) in FILES {
                if let Some(khz) = dir.number(file)? {
                    out.gauge(metric, help, &[("cpu", &cpu)], khz * 1000.0);
                }
            }
            let (Some(governor), Some(available)) =
                (dir.try_text("scaling_governor")?, dir.try_text("scaling_available_governors")?)
            else {
                continue;
            };
            if governor.is_empty() {
                continue;
            }
            for candidate in available.split(' ') {
                let chosen = f64::from(u8::from(candidate == governor));
                let labels = [("cpu", cpu.as_str()), ("governor", candidate)];
                out.gauge("cpu_scaling_governor", "Current enabled CPU frequency governor.", &labels, chosen);
            }
        }
        Ok(())
    }
}
