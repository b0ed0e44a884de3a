//! The files `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Environment;

/// Settings of a profile, by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Profile(BTreeMap<String, String>);

impl Profile {
    /// Returns a setting; one that is not given is empty.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.get("aws_access_key_id").is_empty() && !self.get("aws_secret_access_key").is_empty()
    }
}

/// Returns the profile that counts where none is named.
pub(super) fn default_name(environment: &Environment) -> &str {
    match environment.first_of(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]) {
        "" => "default",
        name => name,
    }
}

/// Reads a profile from both files; the file of credentials wins. `None`: neither knows it.
pub(super) fn read(environment: &Environment, name: &str) -> Result<Option<Profile>, String> {
    let file = |variable: &str, usual: &str| match environment.get(variable) {
        "" => environment.at_home(usual),
        path => PathBuf::from(path),
    };
    let mut found: Option<Profile> = None;
    for (path, is_config) in [
        (file("AWS_CONFIG_FILE", ".aws/config"), true),
        (file("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), false),
    ] {
        if let Some(section) = section(&path, name, is_config)? {
            found.get_or_insert_default().0.extend(section);
        }
    }
    Ok(found)
}

fn section(path: &Path, name: &str, is_config: bool) -> Result<Option<BTreeMap<String, String>>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(section_of(&text, name, is_config)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!(
            "failed to load shared config file, {}: {}",
            path.display(),
            super::super::error::go_io(&error)
        )),
    }
}

/// Sections are `[name]`; in the configuration file all but the default are `[profile name]`. What is indented belongs
/// to the setting above it and says nothing about credentials.
fn section_of(text: &str, name: &str, is_config: bool) -> Option<BTreeMap<String, String>> {
    let mut found: Option<BTreeMap<String, String>> = None;
    let mut is_here = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(inside) = bare.strip_prefix('[') {
            let title = inside.split(']').next().unwrap_or_default().trim();
            let of = title.strip_prefix("profile").filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim);
            let own = if is_config && name != "default" { of } else { Some(of.unwrap_or(title)) };
            is_here = own == Some(name);
            if is_here {
                found.get_or_insert_default();
            }
            continue;
        }
        if let Some(section) = &mut found
            && is_here
            && !line.starts_with([' ', '\t'])
            && let Some((key, value)) = bare.split_once('=')
        {
            let value = value.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default();
            section.insert(key.trim().to_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "# mine\n[default]\nregion = eu-west-1\n[profile a b]\nregion=us-east-1 ; near\n\
                          s3 =\n  region = no\n[b]\nregion = no\n[profile b]\nrole_arn = arn:x=y\n";

    #[test]
    fn sections_are_found_by_name() {
        let region = |name: &str, is_config| {
            section_of(CONFIG, name, is_config).map(|s| s.get("region").cloned().unwrap_or_default())
        };
        for (name, is_config, want) in [
            ("default", true, Some("eu-west-1")),
            ("a b", true, Some("us-east-1")),
            ("b", true, Some("")),
            ("c", true, None),
            ("default", false, Some("eu-west-1")),
        ] {
            assert_eq!(region(name, is_config).as_deref(), want, "{name}");
        }
        assert_eq!(section_of(CONFIG, "b", true).expect("there")["role_arn"], "arn:x=y");
    }
}
