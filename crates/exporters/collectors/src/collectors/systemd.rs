//! Units of systemd and their states, over D-Bus.

use firesteel_cli::{FlagDef, FlagKind};
use firesteel_re2::AnchoredRegex;
use tracing::debug;

use crate::dbus::{Bus, BusError, Call, Value};
use crate::{CollectError, Collector, FilterError, HostRoots, MetricSink, Settings};

const INCLUDE: &str = "collector.systemd.unit-include";
const EXCLUDE: &str = "collector.systemd.unit-exclude";
const OLD_INCLUDE: &str = "collector.systemd.unit-whitelist";
const OLD_EXCLUDE: &str = "collector.systemd.unit-blacklist";
const PRIVATE: &str = "collector.systemd.private";
const TASKS: &str = "collector.systemd.enable-task-metrics";
const RESTARTS: &str = "collector.systemd.enable-restarts-metrics";
const START_TIMES: &str = "collector.systemd.enable-start-time-metrics";
const FAILED_ONLY: &str = "collector.systemd.failed-only";

#[rustfmt::skip]
pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(INCLUDE, FlagKind::Text, "Regexp of systemd units to include. Units must both match include and not match exclude to be included.").default(&[".+"]),
    FlagDef::new(OLD_INCLUDE, FlagKind::Text, "DEPRECATED: Use --collector.systemd.unit-include").hidden(),
    FlagDef::new(EXCLUDE, FlagKind::Text, "Regexp of systemd units to exclude. Units must both match include and not match exclude to be included.").default(&[".+\\.(automount|device|mount|scope|slice)"]),
    FlagDef::new(OLD_EXCLUDE, FlagKind::Text, "DEPRECATED: Use collector.systemd.unit-exclude").hidden(),
    FlagDef::new(PRIVATE, FlagKind::Bool, "Establish a private, direct connection to systemd without dbus (Strongly discouraged since it requires root. For testing purposes only).").hidden(),
    FlagDef::new(TASKS, FlagKind::Bool, "Enables service unit tasks metrics unit_tasks_current and unit_tasks_max"),
    FlagDef::new(RESTARTS, FlagKind::Bool, "Enables service unit metric service_restart_total"),
    FlagDef::new(START_TIMES, FlagKind::Bool, "Enables service unit metric unit_start_time_seconds"),
    FlagDef::new(FAILED_ONLY, FlagKind::Bool, "Show only units that have failed, at most 100, instead of all. Firesteel's own."),
];

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PRIVATE_SOCKET: &str = "/run/systemd/private";
const STATES: [&str; 5] = ["active", "activating", "deactivating", "inactive", "failed"];
/// The first version that tells the system's state and when timers fired.
const STATE_VERSION: f64 = 212.0;
/// More failed units than anybody reads.
const FAILED_MAX: usize = 100;

#[derive(Debug)]
pub(crate) struct Systemd {
    include: AnchoredRegex,
    exclude: AnchoredRegex,
    is_private: bool,
    tasks: bool,
    restarts: bool,
    start_times: bool,
    failed_only: bool,
}

struct Unit {
    name: String,
    load_state: String,
    active_state: String,
    path: String,
}

impl Systemd {
    pub(crate) fn new(settings: &Settings) -> Result<Self, FilterError> {
        let pattern = |name: &'static str, old: &'static str| {
            let text = match settings.text(old) {
                "" => settings.text(name),
                _ if settings.is_given(name) => {
                    return Err(FilterError::Exclusive { include: name.to_owned(), exclude: old.to_owned() });
                }
                text => text,
            };
            Ok(AnchoredRegex::new(text)?)
        };
        Ok(Self {
            include: pattern(INCLUDE, OLD_INCLUDE)?,
            exclude: pattern(EXCLUDE, OLD_EXCLUDE)?,
            is_private: settings.bool(PRIVATE),
            tasks: settings.bool(TASKS),
            restarts: settings.bool(RESTARTS),
            start_times: settings.bool(START_TIMES),
            failed_only: settings.bool(FAILED_ONLY),
        })
    }
}

impl Collector for Systemd {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let mut bus = if self.is_private { Bus::private(PRIVATE_SOCKET)? } else { Bus::system(&host.system_bus)? };
        let (version, shown) = version(manager(&mut bus, "Version"));
        out.gauge("systemd_version", "Detected systemd version", &[("version", &shown)], version);
        let virtualization = match manager(&mut bus, "Virtualization") {
            // Bare metal has none.
            Ok(text) if text.is_empty() => "none".to_owned(),
            Ok(text) => text,
            Err(_) => "unknown".to_owned(),
        };
        let labels = [("virtualization_type", virtualization.as_str())];
        out.info("systemd_virtualization_info", "Detected virtualization technology", &labels);

        let units = units(&mut bus)?;
        let others = units.iter().map(|unit| unit.active_state.as_str()).filter(|state| !STATES.contains(state));
        for state in STATES.into_iter().chain(others) {
            let count = units.iter().filter(|unit| unit.active_state == state).count();
            out.gauge("systemd_units", "Summary of systemd unit states", &[("state", state)], count as f64);
        }
        let most = if self.failed_only { FAILED_MAX } else { usize::MAX };
        for unit in units.iter().filter(|unit| self.shows(unit)).take(most) {
            self.unit(&mut bus, unit, version, out);
        }
        if version >= STATE_VERSION {
            let state = manager(&mut bus, "SystemState")?;
            let help = "Whether the system is operational (see 'systemctl is-system-running')";
            out.gauge("systemd_system_running", help, &[], f64::from(u8::from(state == "running")));
        }
        Ok(())
    }
}

impl Systemd {
    fn shows(&self, unit: &Unit) -> bool {
        // A unit that failed and whose file was removed afterwards is not loaded any more, and the reference is silent.
        unit.load_state == "loaded"
            && (!self.failed_only || unit.active_state == "failed")
            && self.include.is_match(&unit.name)
            && !self.exclude.is_match(&unit.name)
    }

    /// What a unit does not tell is left out: kinds and versions differ in what they know.
    fn unit(&self, bus: &mut Bus, unit: &Unit, version: f64, out: &mut MetricSink) {
        let name = unit.name.as_str();
        let kind = name.rsplit('.').next().unwrap_or_default();
        let mut get = |interface: &str, property: &str| {
            let interface = format!("{SYSTEMD}.{interface}");
            match bus.property(SYSTEMD, &unit.path, &interface, property) {
                Ok(value) => Some(value),
                Err(err) => {
                    debug!(unit = name, property, %err, "couldn't get unit property");
                    None
                }
            }
        };
        let service_type = match kind {
            "service" => get("Service", "Type"),
            "mount" => get("Mount", "Type"),
            _ => None,
        };
        let service_type = match &service_type {
            Some(Value::Text(text)) => text,
            _ => "",
        };
        for state in STATES {
            let labels = [("name", name), ("state", state), ("type", service_type)];
            let active = f64::from(u8::from(state == unit.active_state));
            out.gauge("systemd_unit_state", "Systemd unit", &labels, active);
        }
        let labels = [("name", name)];
        let number = |value: Option<Value>| match value {
            Some(Value::Number(value)) => Some(value),
            _ => None,
        };
        if kind == "service" {
            if self.restarts
                && let Some(count) = number(get("Service", "NRestarts"))
            {
                let help = "Service unit count of Restart triggers";
                out.counter("systemd_service_restart_total", help, &labels, count as f64);
            }
            if self.tasks {
                for (property, metric, help) in [
                    ("TasksCurrent", "systemd_unit_tasks_current", "Current number of tasks per Systemd unit"),
                    ("TasksMax", "systemd_unit_tasks_max", "Maximum number of tasks per Systemd unit"),
                ] {
                    // The greatest number stands for "not known" and "no limit".
                    if let Some(count) = number(get("Service", property)).filter(|count| *count != u64::MAX) {
                        out.gauge(metric, help, &labels, count as f64);
                    }
                }
            }
        }
        if self.start_times {
            let micros =
                if unit.active_state == "active" { number(get("Unit", "ActiveEnterTimestamp")) } else { Some(0) };
            if let Some(micros) = micros {
                let help = "Start time of the unit since unix epoch in seconds.";
                out.gauge("systemd_unit_start_time_seconds", help, &labels, micros as f64 / 1e6);
            }
        }
        if kind == "timer"
            && version >= STATE_VERSION
            && let Some(micros) = number(get("Timer", "LastTriggerUSec"))
        {
            let help = "Seconds since epoch of last trigger.";
            out.gauge("systemd_timer_last_trigger_seconds", help, &labels, micros as f64 / 1e6);
        }
        if kind == "socket" {
            let Some(accepted) = number(get("Socket", "NAccepted")) else { return };
            let help = "Total number of accepted socket connections";
            out.counter("systemd_socket_accepted_connections_total", help, &labels, accepted as f64);
            let Some(current) = number(get("Socket", "NConnections")) else { return };
            let help = "Current number of socket connections";
            out.gauge("systemd_socket_current_connections", help, &labels, current as f64);
            if let Some(refused) = number(get("Socket", "NRefused")) {
                let help = "Total number of refused socket connections";
                out.gauge("systemd_socket_refused_connections_total", help, &labels, refused as f64);
            }
        }
    }
}

/// Returns whether there is a systemd on the host's bus to ask.
pub fn systemd_answers(host: &HostRoots) -> bool {
    Bus::system(&host.system_bus).and_then(|mut bus| manager(&mut bus, "Version")).is_ok()
}

/// Reads a text of the manager.
fn manager(bus: &mut Bus, property: &str) -> Result<String, BusError> {
    match bus.property(SYSTEMD, MANAGER_PATH, MANAGER, property)? {
        Value::Text(text) => Ok(text),
        _ => Err(BusError::Malformed),
    }
}

fn units(bus: &mut Bus) -> Result<Vec<Unit>, BusError> {
    let call = Call { destination: SYSTEMD, path: MANAGER_PATH, interface: MANAGER, member: "ListUnits" };
    bus.call(call, &[], |reader| {
        reader.structures(|unit| {
            let (name, _description) = (unit.text()?, unit.text()?);
            let (load_state, active_state) = (unit.text()?, unit.text()?);
            let (_sub_state, _following, path) = (unit.text()?, unit.text()?, unit.text()?);
            // Of the job that runs for it: number, type, path.
            let (_, _, _) = (unit.u32()?, unit.text()?, unit.text()?);
            Some(Unit { name, load_state, active_state, path })
        })
    })
}

/// Returns the version as a number, and as systemd writes it: the first three digits or more and what follows a point. Both
/// are empty where it cannot be read.
fn version(text: Result<String, BusError>) -> (f64, String) {
    let Ok(text) = text else { return (0.0, String::new()) };
    let is_digit = |c: char| c.is_ascii_digit();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(is_digit) {
        rest = &rest[start..];
        let end = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        if end < 3 {
            rest = &rest[end..];
            continue;
        }
        let fraction =
            rest[end..].strip_prefix('.').map_or("", |tail| &tail[..tail.find(|c| !is_digit(c)).unwrap_or(tail.len())]);
        let number = if fraction.is_empty() { rest[..end].to_owned() } else { format!("{}.{fraction}", &rest[..end]) };
        return (number.parse().unwrap_or(0.0), text);
    }
    (0.0, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let cases = [
            ("252.39-1~deb12u1", 252.39, "252.39-1~deb12u1"),
            ("v258", 258.0, "v258"),
            ("249.11-0ubuntu3.12", 249.11, "249.11-0ubuntu3.12"),
            ("systemd 1.2 (219.)", 219.0, "systemd 1.2 (219.)"),
            ("12", 0.0, ""),
            ("", 0.0, ""),
        ];
        for (text, number, shown) in cases {
            assert_eq!(version(Ok(text.to_owned())), (number, shown.to_owned()), "{text}");
        }
        assert_eq!(version(Err(BusError::Malformed)), (0.0, String::new()));
    }
}
