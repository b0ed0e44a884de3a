//! The labels that name a group, as a URL path spells them: `job/<job>{/<label>/<value>}`, each value perhaps in base64.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use firesteel_expfmt::Escaping;
use firesteel_model::ValidationScheme;

use crate::PathError;

/// Behind the name of a label: its value is base64.
const BASE64: &str = "@base64";
const RESERVED: &str = "__";
/// Separates names and values in a group's key; stands in no UTF-8 text.
const SEPARATOR: u8 = 0xff;

/// Padding was cut off before, and bits beyond the last byte are passed over, as in Go.
const DECODER: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// Which names a path may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PathRules {
    /// Names may be any UTF-8 text, escaped as `U__…`.
    pub utf8: bool,
}

/// The labels of a group, by name; `job` is always among those of a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct GroupLabels(Vec<(String, String)>);

impl GroupLabels {
    /// Sorts labels; of two with one name the later counts.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels.set(name, value);
        }
        labels
    }

    fn set(&mut self, name: String, value: String) {
        match self.0.binary_search_by(|(other, _)| other.as_str().cmp(&name)) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (name, value)),
        }
    }

    /// Reads what stands behind `/metrics/job` or `/metrics/job@base64`: the job, and the rest with its leading slash.
    pub fn from_path(job: &str, job_is_base64: bool, rest: &str, rules: PathRules) -> Result<Self, PathError> {
        let decoded;
        let job = if job_is_base64 {
            decoded = decode(job).map_err(|(partial, why)| PathError::JobBase64 { job: partial, why })?;
            &decoded
        } else {
            job
        };
        let mut labels = Self::default();
        labels.read(rest, rules)?;
        if job.is_empty() {
            return Err(PathError::NoJob);
        }
        labels.set("job".to_owned(), job.to_owned());
        Ok(labels)
    }

    fn read(&mut self, rest: &str, rules: PathRules) -> Result<(), PathError> {
        if rest.len() <= 1 {
            return Ok(());
        }
        let parts: Vec<&str> = rest.strip_prefix('/').unwrap_or(rest).split('/').collect();
        if !parts.len().is_multiple_of(2) {
            return Err(PathError::Odd { labels: rest.to_owned() });
        }
        for pair in parts.chunks_exact(2) {
            let (name, value) = (pair[0], pair[1]);
            let (bare, is_base64) = name.strip_suffix(BASE64).map_or((name, false), |bare| (bare, true));
            let (unescaped, scheme) = if rules.utf8 {
                (Escaping::unescape_values(bare).unwrap_or_else(|| bare.to_owned()), ValidationScheme::Utf8)
            } else {
                (bare.to_owned(), ValidationScheme::Legacy)
            };
            if !scheme.is_valid_label_name(&unescaped) || bare.starts_with(RESERVED) {
                return Err(PathError::LabelName { name: bare.to_owned() });
            }
            let value = if is_base64 {
                let fault = |(_, why)| PathError::LabelBase64 { name: bare.to_owned(), value: value.to_owned(), why };
                decode(value).map_err(fault)?
            } else {
                value.to_owned()
            };
            self.set(unescaped, value);
        }
        Ok(())
    }

    /// Returns names and values, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Returns the value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok().map(|at| self.0[at].1.as_str())
    }

    /// Returns the key by which upstream's file knows the group.
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::new();
        for (at, (name, value)) in self.0.iter().enumerate() {
            if at > 0 {
                key.push(SEPARATOR);
            }
            key.extend_from_slice(name.as_bytes());
            key.push(SEPARATOR);
            key.extend_from_slice(value.as_bytes());
        }
        key
    }
}

/// Decodes URL-safe base64 whose padding may be there or not. An error comes with what could be decoded before it.
fn decode(text: &str) -> Result<String, (String, String)> {
    let bare = text.trim_end_matches('=');
    let lossy = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    match DECODER.decode(bare) {
        // upstream takes any bytes; such values could be in no exposition.
        Ok(bytes) => String::from_utf8(bytes).map_err(|e| (lossy(e.into_bytes()), "not UTF-8".to_owned())),
        Err(_) => {
            // Go decodes in groups of four and names the first byte that does not fit.
            let is_symbol = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            let at = bare.bytes().position(|b| !is_symbol(b)).unwrap_or(bare.len() / 4 * 4);
            let whole = bare.get(..at / 4 * 4).unwrap_or_default();
            let partial = DECODER.decode(whole).unwrap_or_default();
            Err((lossy(partial), format!("illegal base64 data at input byte {at}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(labels: &GroupLabels) -> String {
        labels.iter().map(|(name, value)| format!("{name}={value};")).collect()
    }

    #[test]
    fn paths_are_read_as_upstream_reads_them() {
        let legacy = PathRules::default();
        let cases = [
            ("j", "", "job=j;"),
            ("j", "/", "job=j;"),
            ("j", "/b/2/a/1", "a=1;b=2;job=j;"),
            ("j", "/a/1/a/2/job/x", "a=2;job=j;"),
            ("j", "/first@base64/=/second/x", "first=;job=j;second=x;"),
            ("j", "/path@base64/L3Zhci90bXA", "job=j;path=/var/tmp;"),
            ("j", "/path@base64/L3Zhci90bXA=", "job=j;path=/var/tmp;"),
            ("j", "/instance/", "instance=;job=j;"),
            ("", "", "!job name is required"),
            ("j", "/a", "!odd number of components in label string \"/a\""),
            ("j", "/a/1/", "!odd number of components in label string \"/a/1/\""),
            ("j", "/0a/1", "!improper label name \"0a\""),
            ("j", "/a.b@base64/1", "!improper label name \"a.b\""),
            ("j", "/__a/1", "!improper label name \"__a\""),
            ("j", "/a@base64/%", "!invalid base64 encoding for label a=\"%\": illegal base64 data at input byte 0"),
            (
                "j",
                "/a@base64/YWJjZ",
                "!invalid base64 encoding for label a=\"YWJjZ\": illegal base64 data at input byte 4",
            ),
        ];
        for (job, rest, want) in cases {
            let got = match GroupLabels::from_path(job, false, rest, legacy) {
                Ok(labels) => shown(&labels),
                Err(e) => format!("!{e}"),
            };
            assert_eq!(got, want, "{job}{rest}");
        }
        let job = |job| GroupLabels::from_path(job, true, "", legacy).map_err(|e| e.to_string());
        assert_eq!(job("L3Zhcg==").as_ref().map(shown), Ok("job=/var;".to_owned()));
        assert_eq!(job("="), Err("job name is required".to_owned()));
        let text = "invalid base64 encoding in job name \"abc\": illegal base64 data at input byte 5";
        assert_eq!(job("YWJjZ$"), Err(text.to_owned()));
    }

    #[test]
    fn utf8_names_are_unescaped() {
        let labels = GroupLabels::from_path("j", false, "/U__a_2e_b/1/c.d/2", PathRules { utf8: true });
        assert_eq!(labels.as_ref().map(shown), Ok("a.b=1;c.d=2;job=j;".to_owned()));
    }

    #[test]
    fn keys_are_upstreams() {
        let labels = GroupLabels::new([("job".into(), "j".into()), ("inst".into(), "i".into())]);
        assert_eq!(labels.key(), b"inst\xffi\xffjob\xffj");
        assert_eq!((labels.get("inst"), labels.get("x")), (Some("i"), None));
    }
}
