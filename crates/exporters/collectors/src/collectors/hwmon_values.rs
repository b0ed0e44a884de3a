//! Metrics of one property of a sensor: its unit is told by the sensor's kind (Documentation/hwmon/sysfs-interface).

use super::hwmon::{Sensor, clean};
use crate::MetricSink;

const MILLI: f64 = 0.001;
const MICRO_UNITS: f64 = 1_000_000.0;

/// Puts what the file of a property says. Texts that are no numbers are left out.
pub(crate) fn put_value(
    out: &mut MetricSink,
    chip: &str,
    sensor: &str,
    kind: &str,
    property: &str,
    text: &str,
    texts: &Sensor,
) {
    let labels = [("chip", chip), ("sensor", sensor)];
    // Some settings belong to the chip.
    match (kind, property) {
        ("beep_enable", "") => {
            let on = f64::from(u8::from(text == "1"));
            return out.gauge("hwmon_beep_enabled", "Hardware beep enabled", &labels, on);
        }
        ("vrm", "") => {
            let Ok(value) = text.parse() else { return };
            return out.gauge("hwmon_voltage_regulator_version", "Hardware voltage regulator", &labels, value);
        }
        ("update_interval", "") => {
            let Ok(value) = text.parse::<f64>() else { return };
            let help = "Hardware monitor update interval";
            return out.gauge("hwmon_update_interval_seconds", help, &labels, value * MILLI);
        }
        ("beep_enable" | "vrm" | "update_interval", _) | (_, "label") => return,
        _ => {}
    }
    let Ok(value) = text.parse::<f64>() else { return };
    // The input is the sensor's value, and so has no name, unless the bare file is there too.
    let part = match property {
        "input" if texts.contains_key("") => "_input".to_owned(),
        "input" | "" => String::new(),
        _ => format!("_{}", clean(property)),
    };
    let mut put = |suffix: &str, help: std::fmt::Arguments<'_>, value: f64| {
        out.gauge(format_args!("hwmon_{kind}{part}{suffix}"), help, &labels, value);
    };
    match (kind, property) {
        (_, "fault" | "alarm") => put("", format_args!("Hardware sensor {property} status ({kind})"), value),
        (_, "beep") => put("_enabled", format_args!("Hardware monitor sensor has beeping enabled"), value),
        ("in" | "cpu", _) => put("_volts", format_args!("Hardware monitor for voltage ({property})"), value * MILLI),
        ("temp", property) if property != "type" => {
            let property = if property.is_empty() { "input" } else { property };
            put("_celsius", format_args!("Hardware monitor for temperature ({property})"), value * MILLI);
        }
        ("curr", _) => put("_amps", format_args!("Hardware monitor for current ({property})"), value * MILLI),
        ("energy", _) => {
            let help = format_args!("Hardware monitor for joules used so far ({property})");
            out.counter(format_args!("hwmon_energy{part}_joule_total"), help, &labels, value / MICRO_UNITS);
        }
        ("power", "accuracy") => {
            put("", format_args!("Hardware monitor power meter accuracy, as a ratio"), value / MICRO_UNITS);
        }
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            let help = format_args!("Hardware monitor power usage update interval ({property})");
            put("_seconds", help, value * MILLI);
        }
        ("power", _) => {
            let help = format_args!("Hardware monitor for power usage in watts ({property})");
            put("_watt", help, value / MICRO_UNITS);
        }
        ("humidity", _) => {
            let help = format_args!(
                "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage) \
                 ({property})"
            );
            put("", help, value / MICRO_UNITS);
        }
        ("fan", "input" | "min" | "max" | "target") => {
            put("_rpm", format_args!("Hardware monitor for fan revolutions per minute ({property})"), value);
        }
        ("freq", "input") => {
            // Its sensor is called as its label; without one it is not shown.
            let Some(label) = texts.get("label") else { return };
            let sensor = clean(label);
            let help = "Hardware monitor for GPU frequency in MHz";
            let labels = [("chip", chip), ("sensor", sensor.as_str())];
            out.gauge(format_args!("hwmon_freq{part}_freq_mhz"), help, &labels, value / MICRO_UNITS);
        }
        _ => put("", format_args!("Hardware monitor {kind} element {property}"), value),
    }
}
