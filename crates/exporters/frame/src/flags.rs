//! Flags that every exporter has, in the words of upstream's exporter-toolkit.

use firesteel_cli::{FlagDef, FlagKind};

pub use firesteel_cli::log::LOG_FLAGS;

/// `--web.systemd-socket`.
pub const SYSTEMD_SOCKET: FlagDef = FlagDef::new(
    "web.systemd-socket",
    FlagKind::Bool,
    "Use systemd socket activation listeners instead of port listeners (Linux only).",
);

/// `--web.listen-address`, without its default.
pub const LISTEN_ADDRESS: FlagDef = FlagDef::new(
    "web.listen-address",
    FlagKind::Text,
    "Addresses on which to expose metrics and web interface. Repeatable for multiple addresses. Examples: `:9100` or `[::1]:9100` for http, `vsock://:9100` for vsock",
)
.repeatable();

/// `--web.config.file`.
pub const CONFIG_FILE: FlagDef = FlagDef::new(
    "web.config.file",
    FlagKind::Text,
    "Path to configuration file that can enable TLS or authentication. See: https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md",
)
.default(&[""]);

/// `--web.telemetry-path`.
pub const TELEMETRY_PATH: FlagDef =
    FlagDef::new("web.telemetry-path", FlagKind::Text, "Path under which to expose metrics.").default(&["/metrics"]);
