//! The URL of a target from its labels, escaped as Go's `net/url` does.

use std::collections::BTreeMap;

use firesteel_model::Labels;

/// Returns `scheme://address/path?params`; `__param_x` takes the place of the first value of `x`.
pub(crate) fn target_url(labels: &Labels, configured: &BTreeMap<String, Vec<String>>) -> String {
    let mut params = configured.clone();
    for (name, value) in labels {
        let Some(name) = name.strip_prefix("__param_") else { continue };
        let values = params.entry(name.to_owned()).or_default();
        match values.first_mut() {
            Some(first) => value.clone_into(first),
            None => values.push(value.to_owned()),
        }
    }
    let host = match labels.value("__address__") {
        "" if labels.get("__unix_socket__").is_some() => "localhost",
        host => host,
    };
    let path = labels.value("__metrics_path__");
    let mut url = format!("{}://{host}", labels.value("__scheme__"));
    if !path.is_empty() && !path.starts_with('/') {
        url.push('/');
    }
    push_escaped(&mut url, path, b"-_.~$&+,/:;=@", false);
    let mut separator = '?';
    for (name, values) in &params {
        for value in values {
            url.push(separator);
            separator = '&';
            push_escaped(&mut url, name, b"-_.~", true);
            url.push('=');
            push_escaped(&mut url, value, b"-_.~", true);
        }
    }
    url
}

fn push_escaped(out: &mut String, text: &str, plain: &[u8], plus_for_blank: bool) {
    for byte in text.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || plain.contains(&b) => out.push(char::from(b)),
            b' ' if plus_for_blank => out.push('+'),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
}
