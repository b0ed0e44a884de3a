//! The flags that choose collectors and say where the host is; those of single collectors stand beside them.

use firesteel_cli::FlagDef;
use firesteel_cli::FlagKind::{Bool, Text};

use crate::COLLECTORS;

/// Where the host is found, and the switch that turns the default set off.
const HOST_FLAGS: [FlagDef; 5] = [
    FlagDef::new("path.procfs", Text, "procfs mountpoint.").default(&["/proc"]),
    FlagDef::new("path.sysfs", Text, "sysfs mountpoint.").default(&["/sys"]),
    FlagDef::new("path.rootfs", Text, "rootfs mountpoint.").default(&["/"]),
    FlagDef::new("path.udev.data", Text, "udev data path.").default(&["/run/udev/data"]),
    FlagDef::new("collector.disable-defaults", Bool, "Set all collectors to disabled by default."),
];

/// Returns the flags that [`crate::NodeOptions::from_flags`] reads apart from those of [`switches`].
pub fn host_flags() -> &'static [FlagDef] {
    &HOST_FLAGS
}

/// Returns, for all collectors, their own flags and the switch of each. The texts live as long as the process: ask once.
pub fn switches() -> Vec<FlagDef> {
    let mut flags: Vec<FlagDef> = COLLECTORS.iter().flat_map(|collector| collector.flags).copied().collect();
    for collector in COLLECTORS {
        let (state, default): (_, &'static [&'static str]) =
            if collector.default_enabled { ("enabled", &["true"]) } else { ("disabled", &["false"]) };
        let name: &'static str = format!("collector.{}", collector.name).leak();
        let help: &'static str = format!("Enable the {} collector (default: {state}).", collector.name).leak();
        flags.push(FlagDef::new(name, Bool, help).default(default));
    }
    flags
}
