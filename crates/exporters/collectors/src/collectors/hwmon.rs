//! Sensors of temperatures, fans, voltages and more, from `/sys/class/hwmon`.

use std::collections::BTreeMap;

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::Text;

use super::hwmon_values::put_value;
use crate::dir::Dir;
use crate::{CollectError, Collector, DeviceFilter, FilterError, HostRoots, MetricSink, Settings};

pub(crate) const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "collector.hwmon.chip-include",
        Text,
        "Regexp of hwmon chip to include (mutually exclusive to device-exclude).",
    ),
    FlagDef::new(
        "collector.hwmon.chip-exclude",
        Text,
        "Regexp of hwmon chip to exclude (mutually exclusive to device-include).",
    ),
    FlagDef::new(
        "collector.hwmon.sensor-include",
        Text,
        "Regexp of hwmon sensor to include (mutually exclusive to sensor-exclude).",
    ),
    FlagDef::new(
        "collector.hwmon.sensor-exclude",
        Text,
        "Regexp of hwmon sensor to exclude (mutually exclusive to sensor-include).",
    ),
];

#[derive(Debug)]
pub(crate) struct Hwmon {
    chips: DeviceFilter,
    /// Of `<chip>;<sensor>`.
    sensors: DeviceFilter,
}

impl Hwmon {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        Ok(Self {
            chips: settings.filter("collector.hwmon.chip")?,
            sensors: settings.filter("collector.hwmon.sensor")?,
        })
    }
}

/// Kinds of sensors (Documentation/hwmon/sysfs-interface); all other files are no sensors.
const KINDS: [&str; 14] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
    "freq",
];

/// Texts of a sensor by property, as `input` or `max`; the empty one is the file of the sensor's bare name.
pub(crate) type Sensor = BTreeMap<String, String>;

impl Collector for Hwmon {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/hwmon")?.ok_or(CollectError::NoData)?;
        let chips: Vec<Chip> = class.dirs().into_iter().map(|(entry, dir)| Chip::new(entry, dir)).collect();
        for chip in &chips {
            // Several nodes may belong to one device: they are told apart by their names, or else their numbers.
            let alike = || chips.iter().filter(|other| other.device == chip.device);
            let name = if alike().count() > 1 {
                let named = clean(&chip.name);
                let twice = alike().filter(|other| other.name == chip.name).count() > 1;
                let suffix = if named.is_empty() || twice { clean(&chip.entry) } else { named };
                format!("{}_{suffix}", chip.device)
            } else {
                chip.device.clone()
            };
            if !self.chips.ignores(&name) {
                self.collect_chip(&name, chip, out);
            }
        }
        Ok(())
    }
}

struct Chip {
    entry: String,
    dir: Dir,
    /// As the driver calls it; may be empty.
    name: String,
    /// From the path of the device, which does not depend on the order in which drivers were loaded.
    device: String,
}

impl Chip {
    fn new(entry: String, dir: Dir) -> Self {
        let name = dir.text("name").unwrap_or_default();
        let path = std::fs::canonicalize(dir.path().join("device")).ok();
        let part = |n: usize| {
            let part = path.as_ref().and_then(|path| path.iter().rev().nth(n));
            part.map(|part| clean(&part.to_string_lossy())).unwrap_or_default()
        };
        let device = match (part(1), part(0)) {
            (bus, device) if !bus.is_empty() && !device.is_empty() => format!("{bus}_{device}"),
            (_, device) if !device.is_empty() => device,
            _ if !clean(&name).is_empty() => clean(&name),
            _ => {
                let path = std::fs::canonicalize(dir.path()).ok();
                let last = path.as_ref().and_then(|path| path.file_name());
                last.map_or_else(|| clean(&entry), |last| clean(&last.to_string_lossy()))
            }
        };
        Self { entry, dir, name, device }
    }
}

impl Hwmon {
    fn collect_chip(&self, chip: &str, of: &Chip, out: &mut MetricSink) {
        let mut sensors: BTreeMap<String, (&'static str, Sensor)> = BTreeMap::new();
        gather(&of.dir, &mut sensors);
        // Old drivers keep the files with the device.
        if let Some(device) = of.dir.dir("device") {
            gather(&device, &mut sensors);
        }
        let name = clean(&of.name);
        if !name.is_empty() {
            let labels = [("chip", chip), ("chip_name", &name)];
            out.info("hwmon_chip_names", "Annotation metric for human-readable chip names", &labels);
        }
        for (sensor, (kind, texts)) in &sensors {
            if self.sensors.ignores(&format!("{chip};{sensor}")) {
                continue;
            }
            if let Some(label) = texts.get("label") {
                let labels = [("chip", chip), ("label", label), ("sensor", sensor)];
                out.info("hwmon_sensor_label", "Label for given chip and sensor", &labels);
            }
            for (property, text) in texts {
                put_value(out, chip, sensor, kind, property, text, texts);
            }
        }
    }
}

fn gather(dir: &Dir, sensors: &mut BTreeMap<String, (&'static str, Sensor)>) {
    for name in dir.names() {
        let Some((kind, number, property)) = split_name(&name) else { continue };
        let Some(kind) = KINDS.into_iter().find(|known| *known == kind) else { continue };
        // Drivers answer with errors of many kinds.
        let Some(file) = dir.file(&name).ok().flatten() else { continue };
        let (_, texts) = sensors.entry(format!("{kind}{number}")).or_insert_with(|| (kind, Sensor::new()));
        texts.insert(property.to_owned(), file.text.trim_matches('\n').to_owned());
    }
}

/// Splits `temp1_crit_alarm` into its kind, its number (0 where it has none) and its property.
fn split_name(name: &str) -> Option<(&str, u64, &str)> {
    let digits = name.find(|c: char| c.is_ascii_digit()).unwrap_or(name.len());
    let (kind, rest) = name.split_at(digits);
    let behind = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(behind);
    let number = if number.is_empty() { Some(0) } else { number.parse().ok() };
    let property = if rest.is_empty() { Some("") } else { rest.strip_prefix('_').filter(|p| !p.is_empty()) };
    match (kind, number, property) {
        ("", ..) => None,
        (kind, Some(number), Some(property)) => Some((kind, number, property)),
        // The digits may belong to the property, as in temp_2x.
        _ => {
            let (kind, property) = kind.rsplit_once('_').filter(|(kind, _)| !kind.is_empty())?;
            Some((kind, 0, &name[name.len() - (property.len() + name.len() - digits)..]))
        }
    }
}

/// Makes a part of a metric's name or a label of any text.
pub(crate) fn clean(name: &str) -> String {
    let mut cleaned: String = name.to_lowercase();
    cleaned = cleaned.replace(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == ':' || c == '_'), "_");
    cleaned.trim_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_split() {
        for (name, want) in [
            ("temp1_crit_alarm", Some(("temp", 1, "crit_alarm"))),
            ("pwm12", Some(("pwm", 12, ""))),
            ("beep_enable", Some(("beep_enable", 0, ""))),
            ("update_interval", Some(("update_interval", 0, ""))),
            ("pwm1_auto_point1_pwm", Some(("pwm", 1, "auto_point1_pwm"))),
            ("temp_2x", Some(("temp", 0, "2x"))),
            ("in3x", None),
            ("1in", None),
            ("in99999999999999999999999", None),
            ("", None),
            ("ü1_input", Some(("ü", 1, "input"))),
        ] {
            assert_eq!(split_name(name), want, "{name}");
        }
    }

    #[test]
    fn labels_are_cleaned() {
        assert_eq!(clean("_Core-Temp.0 "), "core_temp_0");
        assert_eq!(clean("ÄÖ"), "");
    }
}
