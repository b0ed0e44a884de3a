//! Batteries and power supplies, from `/sys/class/power_supply`.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[FlagDef::new(
    "collector.powersupply.ignored-supplies",
    Text,
    "Regexp of power supplies to ignore for powersupplyclass collector.",
)
.default(&["^$"])];

#[derive(Debug)]
pub(crate) struct PowerSupplyClass {
    supplies: DeviceFilter,
}

impl PowerSupplyClass {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self { supplies: settings.ignored("collector.powersupply.ignored-supplies")? })
    }
}

/// Files that become labels of the same name.
const TEXTS: [&str; 11] = [
    "capacity_level",
    "charge_type",
    "health",
    "manufacturer",
    "model_name",
    "scope",
    "serial_number",
    "status",
    "technology",
    "type",
    "usb_type",
];

impl Collector for PowerSupplyClass {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/power_supply")?.ok_or(CollectError::NoData)?;
        for (supply, dir) in class.dirs() {
            if self.supplies.ignores(&supply) {
                continue;
            }
            for (file, metric, divisor) in VALUES {
                if let Some(value) = dir.number(file)? {
                    let help = format_args!("{metric} value of /sys/class/power_supply/<power_supply>.");
                    let labels = [("power_supply", supply.as_str())];
                    out.gauge(format_args!("power_supply_{metric}"), help, &labels, value / divisor);
                }
            }
            let texts = TEXTS.map(|file| dir.text(file).unwrap_or_default());
            let mut labels = vec![("power_supply", supply.as_str())];
            // Only what the supply tells, in contrast to most other metrics of information.
            labels.extend(TEXTS.into_iter().zip(texts.iter().map(String::as_str)).filter(|(_, text)| !text.is_empty()));
            out.info("power_supply_info", "info of /sys/class/power_supply/<power_supply>.", &labels);
        }
        Ok(())
    }
}

/// File, metric, divisor: the kernel counts in millionths, temperatures in tenths (Documentation/power/power_supply_class).
const VALUES: [(&str, &str, f64); 49] = [
    ("authentic", "authentic", 1.0),
    ("calibrate", "calibrate", 1.0),
    ("capacity", "capacity", 1.0),
    ("capacity_alert_max", "capacity_alert_max", 1.0),
    ("capacity_alert_min", "capacity_alert_min", 1.0),
    ("charge_control_limit", "charge_control_limit", 1e6),
    ("charge_control_limit_max", "charge_control_limit_max", 1e6),
    ("charge_counter", "charge_counter", 1e6),
    ("charge_empty", "charge_empty", 1e6),
    ("charge_empty_design", "charge_empty_design", 1e6),
    ("charge_full", "charge_full", 1e6),
    ("charge_full_design", "charge_full_design", 1e6),
    ("charge_now", "charge_ampere", 1e6),
    ("charge_term_current", "charge_term_current", 1e6),
    ("constant_charge_current", "constant_charge_current", 1e6),
    ("constant_charge_current_max", "constant_charge_current_max", 1e6),
    ("constant_charge_voltage", "constant_charge_voltage", 1e6),
    ("constant_charge_voltage_max", "constant_charge_voltage_max", 1e6),
    ("current_boot", "current_boot", 1e6),
    ("current_max", "current_max", 1e6),
    ("current_now", "current_ampere", 1e6),
    ("cycle_count", "cyclecount", 1.0),
    ("energy_empty", "energy_empty", 1e6),
    ("energy_empty_design", "energy_empty_design", 1e6),
    ("energy_full", "energy_full", 1e6),
    ("energy_full_design", "energy_full_design", 1e6),
    ("energy_now", "energy_watthour", 1e6),
    ("input_current_limit", "input_current_limit", 1e6),
    ("online", "online", 1.0),
    ("power_now", "power_watt", 1e6),
    ("precharge_current", "precharge_current", 1e6),
    ("present", "present", 1.0),
    ("temp", "temp_celsius", 10.0),
    ("temp_alert_max", "temp_alert_max_celsius", 10.0),
    ("temp_alert_min", "temp_alert_min_celsius", 10.0),
    ("temp_ambient", "temp_ambient_celsius", 10.0),
    ("temp_ambient_max", "temp_ambient_max_celsius", 10.0),
    ("temp_ambient_min", "temp_ambient_min_celsius", 10.0),
    ("temp_max", "temp_max_celsius", 10.0),
    ("temp_min", "temp_min_celsius", 10.0),
    ("time_to_empty_now", "time_to_empty_seconds", 1.0),
    ("time_to_full_now", "time_to_full_seconds", 1.0),
    ("voltage_boot", "voltage_boot", 1e6),
    ("voltage_max", "voltage_max", 1e6),
    ("voltage_max_design", "voltage_max_design", 1e6),
    ("voltage_min", "voltage_min", 1e6),
    ("voltage_min_design", "voltage_min_design", 1e6),
    ("voltage_now", "voltage_volt", 1e6),
    ("voltage_ocv", "voltage_ocv", 1e6),
];
