//! The machine's clock, its zone and its clock sources.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Time;

impl Collector for Time {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        out.gauge("time_seconds", "System time in seconds since epoch (1970).", &[], now);
        let zoned = jiff::Zoned::now();
        let zone = zoned.strftime("%Z").to_string();
        let offset = f64::from(zoned.offset().seconds());
        out.gauge("time_zone_offset_seconds", "System time zone offset in seconds.", &[("time_zone", &zone)], offset);

        let sources = "devices/system/clocksource";
        let Ok(entries) = fs::read_dir(host.sysfs.join(sources)) else { return Ok(()) };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(device) = name.strip_prefix("clocksource") else { continue };
            let available = host.sys(format!("{sources}/{name}/available_clocksource")).unwrap_or_default();
            let help = "Available clocksources read from '/sys/devices/system/clocksource'.";
            for source in available.split_ascii_whitespace() {
                out.gauge("time_clocksource_available_info", help, &[("device", device), ("clocksource", source)], 1.0);
            }
            if let Some(current) = host.sys(format!("{sources}/{name}/current_clocksource")) {
                let help = "Current clocksource read from '/sys/devices/system/clocksource'.";
                out.gauge("time_clocksource_current_info", help, &[("device", device), ("clocksource", &current)], 1.0);
            }
        }
        Ok(())
    }
}
