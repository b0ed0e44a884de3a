//! What a key's value says.

use crate::group::{LabelMap, TargetGroup};
use crate::json_groups::{read_list, read_one};

/// Returns the groups of a value: a JSON list of target groups, one such group, or an address (`host:port`) a line. Sources
/// are the key and a number.
pub(super) fn groups_of(key: &str, prefix: &str, value: &[u8]) -> Result<Vec<TargetGroup>, String> {
    let name = key.strip_prefix(prefix).unwrap_or(key);
    let extra = [("__meta_etcd_key", key), ("__meta_etcd_name", name)];
    let text = value.trim_ascii();
    match text.first() {
        Some(b'{') => Ok(vec![read_one(text, &format!("{key}:0"), &extra)?]),
        // An address may begin with a bracket as well: [::1]:9100
        Some(b'[') if !is_addresses(text) => read_list(text, key, &extra),
        _ => addresses(text, key, &extra),
    }
}

fn is_addresses(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.lines().all(|line| is_address(line.trim())))
}

fn addresses(text: &[u8], key: &str, extra: &[(&str, &str)]) -> Result<Vec<TargetGroup>, String> {
    let text = std::str::from_utf8(text).map_err(|e| e.to_string())?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if let Some(other) = lines.iter().find(|line| !is_address(line)) {
        return Err(format!("neither target groups in JSON nor host:port: {}", firesteel_go_compat::quote(other)));
    }
    let target = |address: &&str| LabelMap::from([("__address__".to_owned(), (*address).to_owned())]);
    let labels = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Ok(vec![TargetGroup { source: format!("{key}:0"), targets: lines.iter().map(target).collect(), labels }])
}

/// `host:port`, where the host may be an IPv6 address in brackets.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let is_host = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')),
    };
    is_host && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_groups_or_addresses() {
        let check = |value: &str, want: Result<&[&[&str]], &str>| {
            let got = groups_of("/p/a", "/p/", value.as_bytes());
            match (got, want) {
                (Ok(groups), Ok(want)) => {
                    let got: Vec<Vec<&str>> =
                        groups.iter().map(|g| g.targets.iter().map(|t| t["__address__"].as_str()).collect()).collect();
                    assert_eq!(got, want, "{value}");
                    for (at, group) in groups.iter().enumerate() {
                        assert_eq!(group.source, format!("/p/a:{at}"));
                        assert_eq!(group.labels["__meta_etcd_key"], "/p/a");
                        assert_eq!(group.labels["__meta_etcd_name"], "a");
                    }
                }
                (Err(err), Err(part)) => assert!(err.contains(part), "{value}: {err}"),
                (got, _) => panic!("{value}: {got:?}"),
            }
        };
        check("h:1", Ok(&[&["h:1"]]));
        check(" h:1\n\n10.0.0.1:2 \n", Ok(&[&["h:1", "10.0.0.1:2"]]));
        check("[::1]:80", Ok(&[&["[::1]:80"]]));
        check(r#"{"targets":["a:1","b:1"],"labels":{"x":"y"}}"#, Ok(&[&["a:1", "b:1"]]));
        check(r#" [{"targets":["a:1"]},{"targets":["b:1"]}]"#, Ok(&[&["a:1"], &["b:1"]]));
        check("[]", Ok(&[]));
        check("", Ok(&[&[]]));
        check("http://h:1/metrics", Err("neither"));
        check("h", Err("neither"));
        check("[1]", Err("invalid type"));
        check(r#"{"target":[]}"#, Err("unknown field"));
    }
}
