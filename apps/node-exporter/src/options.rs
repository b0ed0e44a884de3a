//! The flags: the exporter's own, then those of the collectors.

use std::sync::LazyLock;

use firesteel_cli::{ErrorStyle, FlagDef, FlagKind, ProgramDef};
use firesteel_collectors::{host_flags, switches};
use firesteel_frame::flags;

use FlagKind::{Bool, Int};

/// The release of node_exporter that is followed.
pub(crate) const RELEASE: &str = "1.12.1";

/// The program as its command line sees it.
pub(crate) static PROGRAM: LazyLock<ProgramDef> = LazyLock::new(|| ProgramDef {
    name: "node_exporter",
    release: Some(RELEASE),
    help: "",
    flags: [switches().as_slice(), host_flags(), FLAGS].concat().leak(),
    commands: &[],
    errors: ErrorStyle::Usage,
});

const FLAGS: &[FlagDef] = &[
    flags::SYSTEMD_SOCKET,
    flags::LISTEN_ADDRESS.default(&[":9100"]),
    flags::CONFIG_FILE,
    flags::TELEMETRY_PATH,
    FlagDef::new(
        "web.disable-exporter-metrics",
        Bool,
        "Exclude metrics about the exporter itself (promhttp_*, process_*, go_*).",
    ),
    FlagDef::new("web.max-requests", Int, "Maximum number of parallel scrape requests. Use 0 to disable.")
        .default(&["40"]),
    FlagDef::new("runtime.gomaxprocs", Int, "The target number of CPUs Go will run on (GOMAXPROCS)").default(&["1"]),
    flags::LOG_FLAGS[0],
    flags::LOG_FLAGS[1],
];

#[cfg(test)]
mod tests {
    use firesteel_collectors::{COLLECTORS, NodeOptions};

    use super::*;

    fn options(words: &[&str]) -> NodeOptions {
        NodeOptions::from_flags(&PROGRAM.parse(words.iter().map(|w| (*w).to_owned())).expect("legal flags"))
    }

    #[test]
    fn every_collector_has_its_flag() {
        for def in COLLECTORS {
            assert!(PROGRAM.flags.iter().any(|f| f.name == format!("collector.{}", def.name)), "{}", def.name);
        }
    }

    #[test]
    fn collectors_are_chosen_by_flag() {
        let by_default = COLLECTORS.iter().filter(|def| def.default_enabled).count();
        assert_eq!(options(&[]).enabled.len(), by_default);
        assert!(!options(&["--no-collector.cpu"]).enabled.contains(&"cpu".to_owned()));
        assert_eq!(options(&["--collector.disable-defaults", "--collector.cpu"]).enabled, ["cpu"]);
    }

    #[test]
    fn an_include_replaces_the_default_exclude() {
        let chosen = |words: &[&str]| options(words).settings.filter("collector.diskstats.device");
        let filter = chosen(&["--collector.diskstats.device-include=^sda1$"]).unwrap();
        assert!(!filter.ignores("sda1") && filter.ignores("sda"));
        assert!(chosen(&[]).unwrap().ignores("sda1"));
        let both = ["--collector.diskstats.device-include=a", "--collector.diskstats.device-exclude=b"];
        let refusal =
            "--collector.diskstats.device-exclude & --collector.diskstats.device-include are mutually exclusive";
        assert_eq!(chosen(&both).unwrap_err().to_string(), refusal);
    }
}
