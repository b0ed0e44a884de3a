//! `oci_sd_configs`: instances of Oracle Cloud.

use std::time::Duration;

use firesteel_go_compat::quote;
use firesteel_yaml::{Node, Reader};

use crate::http::{HttpClientConfig, check_http};
use crate::rules_of_choice::{at_most_one, one_of, require, wrong};
use crate::section::section;
use crate::{FilePath, Secret};

section! {
    /// A region, and a key or the instance's own identity.
    pub struct OciSd("`oci_sd_configs`", "*oci.SDConfig", "oci.plain") check check {
        /// `api_key` or `instance_principal`.
        auth: String = "api_key".to_owned(),
        tenancy: String,
        user: String,
        fingerprint: String,
        key_file: FilePath,
        key_passphrase: Secret,
        key_passphrase_file: FilePath,
        region: String [keep],
        compartments: Vec<String>,
        http: HttpClientConfig [inline],
        port: i64 [keep] = 80,
        refresh_interval: Duration [keep] = Duration::from_secs(60),
    }
}

fn check(sd: &mut OciSd, node: &Node, reader: &mut Reader<'_>) {
    require(node, reader, "region", !sd.region.is_empty(), "oci_sd: region is required");
    let given = [
        ("tenancy", !sd.tenancy.is_empty()),
        ("user", !sd.user.is_empty()),
        ("fingerprint", !sd.fingerprint.is_empty()),
        ("key_file", !sd.key_file.is_empty()),
    ];
    let passphrase = [
        ("key_passphrase", !sd.key_passphrase.is_empty()),
        ("key_passphrase_file", !sd.key_passphrase_file.is_empty()),
    ];
    match sd.auth.as_str() {
        "api_key" => {
            for (key, given) in given {
                require(node, reader, key, given, &format!("oci_sd: api_key auth requires {key}"));
            }
            let upstream = "oci_sd: at most one of key_passphrase and key_passphrase_file must be configured";
            at_most_one(node, reader, &["key_passphrase", "key_passphrase_file"], upstream);
        }
        "instance_principal" => {
            if let Some((key, _)) = given.iter().chain(&passphrase).find(|(_, given)| *given) {
                let upstream = "oci_sd: instance_principal auth must not have tenancy, user, fingerprint, key_file, \
                                key_passphrase, or key_passphrase_file set";
                wrong(node, reader, key, "FS0165", format!("`instance_principal` needs no `{key}`"), upstream);
            }
        }
        _ => {
            let unknown = |word: &str| {
                let word = quote(word.as_bytes());
                format!("oci_sd: unknown auth method {word}, expected \"api_key\" or \"instance_principal\"")
            };
            one_of(node, reader, "auth", &sd.auth, &["api_key", "instance_principal"], "", unknown);
        }
    }
    if let Some(at) = sd.compartments.iter().position(String::is_empty) {
        let upstream = format!("oci_sd: compartments[{at}] must not be empty");
        wrong(node, reader, "compartments", "FS0166", "a compartment is empty", upstream);
    }
    if sd.refresh_interval.is_zero() {
        let upstream = "oci_sd: refresh_interval must be positive, got 0s";
        wrong(node, reader, "refresh_interval", "FS0167", "`refresh_interval` must be above zero", upstream);
    }
    check_http(&mut sd.http, node, reader);
}
