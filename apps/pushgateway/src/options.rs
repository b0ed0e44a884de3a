//! The flags: one table, from which parsing, help and the status page are made.

use firesteel_cli::{ErrorStyle, FlagDef, FlagKind, ProgramDef};
use firesteel_frame::flags;

use FlagKind::{Bool, GoDuration, Text};

/// The release of the pushgateway that is followed.
pub(crate) const RELEASE: &str = "1.11.3";

/// The program as its command line sees it.
pub(crate) static PROGRAM: ProgramDef = ProgramDef {
    name: "pushgateway",
    release: Some(RELEASE),
    help: "The Pushgateway",
    flags: FLAGS,
    commands: &[],
    errors: ErrorStyle::TryHelp,
};

const FLAGS: &[FlagDef] = &[
    flags::SYSTEMD_SOCKET,
    flags::LISTEN_ADDRESS.default(&[":9091"]),
    flags::CONFIG_FILE,
    flags::TELEMETRY_PATH,
    FlagDef::new("web.external-url", Text, "The URL under which the Pushgateway is externally reachable.")
        .default(&[""]),
    FlagDef::new(
        "web.route-prefix",
        Text,
        "Prefix for the internal routes of web endpoints. Defaults to the path of --web.external-url.",
    )
    .default(&[""]),
    FlagDef::new("web.enable-lifecycle", Bool, "Enable shutdown via HTTP request."),
    FlagDef::new("web.enable-admin-api", Bool, "Enable API endpoints for admin control actions."),
    FlagDef::new(
        "persistence.file",
        Text,
        "File to persist metrics. If empty, metrics are only kept in memory.",
    )
    .default(&[""]),
    FlagDef::new(
        "persistence.interval",
        GoDuration,
        "The minimum interval at which to write out the persistence file.",
    )
    .default(&["5m"]),
    FlagDef::new(
        "push.disable-consistency-check",
        Bool,
        "Do not check consistency of pushed metrics. DANGEROUS.",
    ),
    FlagDef::new("push.enable-utf8-names", Bool, "Allow UTF-8 characters in metric and label names."),
    flags::LOG_FLAGS[0],
    flags::LOG_FLAGS[1],
    FlagDef::new(
        "push.watch-quiet",
        Bool,
        "Firesteel only: learn how often each group is pushed to, and show those that have gone quiet as firesteel_push_quiet.",
    )
    .hidden(),
];

/// Returns the prefix that a flag or a URL's path gives: empty, or with a slash in front and none behind.
pub(crate) fn route_prefix(prefix: &str, external_url: &str) -> String {
    let prefix = if prefix.is_empty() { url_path(external_url) } else { prefix };
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    if prefix.is_empty() || prefix.starts_with('/') { prefix.to_owned() } else { format!("/{prefix}") }
}

fn url_path(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |at| &rest[at..]),
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_cleaned() {
        let cases = [
            ("", "", ""),
            ("/", "", ""),
            ("", "http://foo/", ""),
            ("", "http://foo", ""),
            ("", "http://foo.example:1/bar/?x=/y", "/bar"),
            ("baz", "http://foo/bar", "/baz"),
            ("/baz/", "", "/baz"),
            ("", "/only/path", "/only/path"),
        ];
        for (prefix, url, want) in cases {
            assert_eq!(route_prefix(prefix, url), want, "{prefix} {url}");
        }
    }
}
