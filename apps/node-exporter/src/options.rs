//! The flags: one table, from which parsing and help are made.

use firesteel_cli::{ErrorStyle, FlagDef, FlagKind, Matches, ProgramDef};
use firesteel_collectors::{COLLECTORS, HostRoots, NodeOptions};

use FlagKind::{Bool, Enum, Int, Text};

/// The release of node_exporter that is followed.
pub(crate) const RELEASE: &str = "1.12.1";

/// The program as its command line sees it. The mode of a collector that is not built yet is not listed.
pub(crate) static PROGRAM: ProgramDef = ProgramDef {
    name: "node_exporter",
    release: Some(RELEASE),
    help: "",
    flags: FLAGS,
    commands: &[],
    errors: ErrorStyle::Usage,
};

const FLAGS: &[FlagDef] = &[
    FlagDef::new(
        "web.listen-address",
        Text,
        "Addresses on which to expose metrics and web interface. Repeatable for multiple addresses.",
    )
    .default(&[":9100"])
    .repeatable(),
    FlagDef::new(
        "web.config.file",
        Text,
        "Path to configuration file that can enable TLS or authentication. See: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md",
    )
    .default(&[""]),
    FlagDef::new("web.telemetry-path", Text, "Path under which to expose metrics.").default(&["/metrics"]),
    FlagDef::new(
        "web.disable-exporter-metrics",
        Bool,
        "Exclude metrics about the exporter itself (promhttp_*, process_*, go_*).",
    ),
    FlagDef::new("web.max-requests", Int, "Maximum number of parallel scrape requests. Use 0 to disable.")
        .default(&["40"]),
    FlagDef::new("collector.disable-defaults", Bool, "Set all collectors to disabled by default."),
    FlagDef::new("runtime.gomaxprocs", Int, "The target number of CPUs Go will run on (GOMAXPROCS)").default(&["1"]),
    FlagDef::new("path.procfs", Text, "procfs mountpoint.").default(&["/proc"]),
    FlagDef::new("path.sysfs", Text, "sysfs mountpoint.").default(&["/sys"]),
    FlagDef::new("path.rootfs", Text, "rootfs mountpoint.").default(&["/"]),
    FlagDef::new("collector.cpu.guest", Bool, "Enables metric node_cpu_guest_seconds_total").default(&["true"]),
    FlagDef::new(
        "collector.diskstats.device-exclude",
        Text,
        "Regexp of diskstats devices to exclude (mutually exclusive to device-include).",
    ),
    FlagDef::new(
        "collector.diskstats.device-include",
        Text,
        "Regexp of diskstats devices to include (mutually exclusive to device-exclude).",
    ),
    FlagDef::new(
        "collector.filesystem.mount-points-exclude",
        Text,
        "Regexp of mount points to exclude for filesystem collector.",
    ),
    FlagDef::new(
        "collector.filesystem.fs-types-exclude",
        Text,
        "Regexp of filesystem types to exclude for filesystem collector.",
    ),
    FlagDef::new(
        "collector.netdev.device-include",
        Text,
        "Regexp of net devices to include (mutually exclusive to device-exclude).",
    ),
    FlagDef::new(
        "collector.netdev.device-exclude",
        Text,
        "Regexp of net devices to exclude (mutually exclusive to device-include).",
    ),
    FlagDef::new("collector.netstat.fields", Text, "Regexp of fields to return for netstat collector."),
    FlagDef::new("collector.vmstat.fields", Text, "Regexp of fields to return for vmstat collector."),
    FlagDef::new("collector.stat.softirq", Bool, "Export softirq calls per vector"),
    collector("collector.cpu", "Enable the cpu collector (default: enabled)."),
    collector("collector.diskstats", "Enable the diskstats collector (default: enabled)."),
    collector("collector.filefd", "Enable the filefd collector (default: enabled)."),
    collector("collector.filesystem", "Enable the filesystem collector (default: enabled)."),
    collector("collector.loadavg", "Enable the loadavg collector (default: enabled)."),
    collector("collector.meminfo", "Enable the meminfo collector (default: enabled)."),
    collector("collector.netdev", "Enable the netdev collector (default: enabled)."),
    collector("collector.netstat", "Enable the netstat collector (default: enabled)."),
    collector("collector.pressure", "Enable the pressure collector (default: enabled)."),
    collector("collector.sockstat", "Enable the sockstat collector (default: enabled)."),
    collector("collector.stat", "Enable the stat collector (default: enabled)."),
    collector("collector.time", "Enable the time collector (default: enabled)."),
    collector("collector.uname", "Enable the uname collector (default: enabled)."),
    collector("collector.vmstat", "Enable the vmstat collector (default: enabled)."),
    FlagDef::new(
        "log.level",
        Enum(&["debug", "info", "warn", "error"]),
        "Only log messages with the given severity or above. One of: [debug, info, warn, error]",
    )
    .default(&["info"]),
    FlagDef::new("log.format", Enum(&["logfmt", "json"]), "Output format of log messages. One of: [logfmt, json]")
        .default(&["logfmt"]),
];

const fn collector(name: &'static str, help: &'static str) -> FlagDef {
    FlagDef::new(name, Bool, help).default(&["true"])
}

/// Returns what the collectors are told.
pub(crate) fn node_options(flags: &Matches) -> NodeOptions {
    let defaults = NodeOptions::default();
    let text =
        |name: &str, otherwise: String| if flags.is_given(name) { flags.text(name).to_owned() } else { otherwise };
    let disabled = flags.bool("collector.disable-defaults");
    let enabled = COLLECTORS
        .iter()
        .map(|def| def.name)
        .filter(|name| {
            let flag = format!("collector.{name}");
            flags.bool(&flag) && (!disabled || flags.is_given(&flag))
        })
        .map(str::to_owned)
        .collect();
    // A chosen include replaces the default exclude.
    let include = text("collector.diskstats.device-include", String::new());
    let exclude_default = if include.is_empty() { defaults.diskstats_exclude } else { String::new() };
    NodeOptions {
        host: HostRoots {
            procfs: flags.text("path.procfs").into(),
            sysfs: flags.text("path.sysfs").into(),
            rootfs: flags.text("path.rootfs").into(),
        },
        enabled,
        cpu_guest: flags.bool("collector.cpu.guest"),
        diskstats_exclude: text("collector.diskstats.device-exclude", exclude_default),
        diskstats_include: include,
        filesystem_mount_points_exclude: text(
            "collector.filesystem.mount-points-exclude",
            defaults.filesystem_mount_points_exclude,
        ),
        filesystem_fs_types_exclude: text(
            "collector.filesystem.fs-types-exclude",
            defaults.filesystem_fs_types_exclude,
        ),
        netdev_include: text("collector.netdev.device-include", String::new()),
        netdev_exclude: text("collector.netdev.device-exclude", String::new()),
        netstat_fields: text("collector.netstat.fields", defaults.netstat_fields),
        vmstat_fields: text("collector.vmstat.fields", defaults.vmstat_fields),
        stat_softirq: flags.bool("collector.stat.softirq"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> NodeOptions {
        node_options(&PROGRAM.parse(words.iter().map(|w| (*w).to_owned())).expect("legal flags"))
    }

    #[test]
    fn every_collector_has_its_flag() {
        for def in COLLECTORS {
            assert!(FLAGS.iter().any(|f| f.name == format!("collector.{}", def.name)), "{}", def.name);
        }
    }

    #[test]
    fn collectors_are_chosen_by_flag() {
        assert_eq!(options(&[]).enabled.len(), COLLECTORS.len());
        assert!(!options(&["--no-collector.cpu"]).enabled.contains(&"cpu".to_owned()));
        assert_eq!(options(&["--collector.disable-defaults", "--collector.cpu"]).enabled, ["cpu"]);
    }

    #[test]
    fn an_include_replaces_the_default_exclude() {
        let chosen = options(&["--collector.diskstats.device-include=^sda$"]);
        assert_eq!((chosen.diskstats_include.as_str(), chosen.diskstats_exclude.as_str()), ("^sda$", ""));
    }
}
