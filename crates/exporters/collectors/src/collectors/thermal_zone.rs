//! Temperatures and cooling devices, from `/sys/class/thermal`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct ThermalZone;

impl Collector for ThermalZone {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(class) = host.sys_dir("class/thermal")? else { return Ok(()) };
        let entries = class.dirs();
        let numbered = |stem: &'static str| {
            entries.iter().filter_map(move |(name, dir)| {
                let number = name.strip_prefix(stem)?;
                number.starts_with(|c: char| c.is_ascii_digit()).then_some((number, dir))
            })
        };
        for (zone, dir) in numbered("thermal_zone") {
            // A zone may have no temperature for now; it is shown all the same.
            let temperature = dir.number_if_any("temp").unwrap_or(0.0) / 1000.0;
            let labels = [("type", dir.text("type").unwrap_or_default()), ("zone", zone.to_owned())];
            let labels = [(labels[0].0, labels[0].1.as_str()), (labels[1].0, labels[1].1.as_str())];
            out.gauge("thermal_zone_temp", "Zone temperature in Celsius", &labels, temperature);
        }
        for (name, dir) in numbered("cooling_device") {
            let (Some(kind), Some(most), Some(current)) =
                (dir.try_text("type")?, dir.number("max_state")?, dir.number("cur_state")?)
            else {
                continue;
            };
            let labels = [("name", name), ("type", kind.as_str())];
            let help = "Current throttle state of the cooling device";
            out.gauge("cooling_device_cur_state", help, &labels, current);
            let help = "Maximum throttle state of the cooling device";
            out.gauge("cooling_device_max_state", help, &labels, most);
        }
        Ok(())
    }
}
