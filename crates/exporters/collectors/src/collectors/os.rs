//! What the distribution says of itself, from `os-release`.

use crate::host::ProcFile;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Os;

/// The second is read where the first is missing (os-release(5)).
const FILES: [&str; 2] = ["etc/os-release", "usr/lib/os-release"];

/// Key, label.
const FIELDS: [(&str, &str); 12] = [
    ("BUILD_ID", "build_id"),
    ("ID", "id"),
    ("ID_LIKE", "id_like"),
    ("IMAGE_ID", "image_id"),
    ("IMAGE_VERSION", "image_version"),
    ("NAME", "name"),
    ("PRETTY_NAME", "pretty_name"),
    ("VARIANT", "variant"),
    ("VARIANT_ID", "variant_id"),
    ("VERSION", "version"),
    ("VERSION_CODENAME", "version_codename"),
    ("VERSION_ID", "version_id"),
];

const INFO_HELP: &str = "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, \
    name, pretty_name, variant, variant_id, version, version_codename, version_id.";

impl Collector for Os {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let file = match host.root(FILES[0])? {
            Some(file) => file,
            None => host.root(FILES[1])?.ok_or(CollectError::NoData)?,
        };
        let pairs = parse(&file)?;
        let value = |key: &str| {
            // As in a shell, the last assignment counts.
            pairs.iter().rev().find(|(name, _)| *name == key).map_or("", |(_, value)| value.as_str())
        };
        out.info("os_info", INFO_HELP, &FIELDS.map(|(key, label)| (label, value(key))));
        if let Some(version) = major_minor(value("VERSION_ID")).filter(|version| *version > 0.0) {
            let labels = [("id", value("ID")), ("id_like", value("ID_LIKE")), ("name", value("NAME"))];
            out.gauge("os_version", "Metric containing the major.minor part of the OS version.", &labels, version);
        }
        let end = value("SUPPORT_END");
        if !end.is_empty() {
            let date: jiff::civil::Date =
                end.parse().map_err(|_| file.malformed(1, format!("SUPPORT_END: {end:?} is not a date")))?;
            let at = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|error| file.malformed(1, error.to_string()))?;
            let help = "Metric containing the end-of-life date timestamp of the OS.";
            out.gauge("os_support_end_timestamp_seconds", help, &[], at.timestamp().as_second() as f64);
        }
        Ok(())
    }
}

/// Returns the leading number, with at most one dot.
fn major_minor(version: &str) -> Option<f64> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let mut end = digits(version);
    if end > 0 && version[end..].starts_with('.') {
        end += 1 + digits(&version[end + 1..]);
    }
    version.get(..end)?.trim_end_matches('.').parse().ok()
}

/// Assignments as a shell would read them, without substitutions.
fn parse(file: &ProcFile) -> Result<Vec<(&str, String)>, CollectError> {
    let mut pairs = Vec::new();
    for (number, line) in file.lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            return Err(file.malformed(number, "not an assignment"));
        };
        pairs.push((key.trim(), unquote(value.trim())));
    }
    Ok(pairs)
}

fn unquote(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(text) = inside('\'') {
        return text.to_owned();
    }
    let text = inside('"').unwrap_or(value);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or('\\') } else { c });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_unquoted() {
        for (text, want) in [
            ("debian", "debian"),
            ("\"Debian GNU/Linux 12\"", "Debian GNU/Linux 12"),
            ("'a $b'", "a $b"),
            ("\"say \\\"x\\\" \\$y\"", "say \"x\" $y"),
            ("\"", "\""),
            ("", ""),
        ] {
            assert_eq!(unquote(text), want, "{text}");
        }
    }

    #[test]
    fn a_version_has_at_most_one_dot() {
        for (text, want) in
            [("12", Some(12.0)), ("22.04", Some(22.04)), ("20.04.2", Some(20.04)), ("9.", Some(9.0)), ("sid", None)]
        {
            assert_eq!(major_minor(text), want, "{text}");
        }
    }
}
