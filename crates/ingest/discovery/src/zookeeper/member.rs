//! What members write about themselves, and their labels (upstream: `discovery/zookeeper/zookeeper.go`).

use serde_json::{Map, Value};

use crate::group::LabelMap;
use crate::host_port::join_host_port;
use crate::label_name::sanitize_label_name;

/// Returns a field as Go's decoder finds it: letter case aside, the last one wins.
fn field<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let mut found = object.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    found.rfind(|value| !value.is_null())
}

/// A field of text; absent is "". `None` when it is something else.
fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    field(object, name).map_or(Some(String::new()), |value| value.as_str().map(str::to_owned))
}

fn number(object: &Map<String, Value>, name: &str) -> Option<i64> {
    field(object, name).map_or(Some(0), Value::as_i64)
}

fn endpoint(value: Option<&Value>) -> Option<(String, i64)> {
    let empty = Map::new();
    let object = match value {
        None => &empty,
        Some(value) => value.as_object()?,
    };
    Some((text(object, "host")?, number(object, "port")?))
}

/// Reads a member of Serverset; `None` when it is none.
pub(crate) fn of_serverset(data: &[u8], path: &str) -> Option<LabelMap> {
    let value: Value = serde_json::from_slice(data).ok()?;
    let member = value.as_object()?;
    let (host, port) = endpoint(field(member, "ServiceEndpoint"))?;
    let mut labels = LabelMap::new();
    let mut set = |name: &str, value: String| labels.insert(format!("__meta_serverset_{name}"), value);
    set("path", path.to_owned());
    set("endpoint_host", host.clone());
    set("endpoint_port", port.to_string());
    if let Some(others) = field(member, "AdditionalEndpoints") {
        for (name, other) in others.as_object()? {
            let (host, port) = endpoint(Some(other))?;
            let name = sanitize_label_name(name);
            set(&format!("endpoint_host_{name}"), host);
            set(&format!("endpoint_port_{name}"), port.to_string());
        }
    }
    set("status", text(member, "status")?);
    set("shard", number(member, "shard")?.to_string());
    labels.insert("__address__".to_owned(), join_host_port(&host, port));
    Some(labels)
}

/// Reads a member of Nerve; `None` when it is none.
pub(crate) fn of_nerve(data: &[u8], path: &str) -> Option<LabelMap> {
    let value: Value = serde_json::from_slice(data).ok()?;
    let (host, port) = endpoint(Some(&value))?;
    let name = text(value.as_object()?, "name")?;
    let pairs = [
        ("__address__", join_host_port(&host, port)),
        ("__meta_nerve_path", path.to_owned()),
        ("__meta_nerve_endpoint_host", host),
        ("__meta_nerve_endpoint_port", port.to_string()),
        ("__meta_nerve_endpoint_name", name),
    ];
    Some(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(labels: Option<LabelMap>) -> String {
        let pairs = labels.unwrap_or_default().into_iter();
        pairs
            .map(|(name, value)| format!("{}={value}", name.trim_start_matches("__meta_")))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn members_of_serverset() {
        let data = br#"{"serviceEndpoint":{"host":"h","port":80},"additionalEndpoints":{"ht-tp":{"host":"i","port":81}},"status":"ALIVE","shard":2}"#;
        let want = "__address__=h:80 serverset_endpoint_host=h serverset_endpoint_host_ht_tp=i serverset_endpoint_port=80 \
                    serverset_endpoint_port_ht_tp=81 serverset_path=/a/b serverset_shard=2 serverset_status=ALIVE";
        assert_eq!(shown(of_serverset(data, "/a/b")), want);
        for bad in [&b""[..], b"x", b"[]", b"{\"shard\":\"2\"}", b"{\"serviceEndpoint\":[]}"] {
            assert_eq!(of_serverset(bad, "/a"), None);
        }
        assert!(shown(of_serverset(b"{}", "/a")).starts_with("__address__=:0 "));
    }

    #[test]
    fn members_of_nerve() {
        let want = "__address__=[fd00::1]:80 nerve_endpoint_host=fd00::1 nerve_endpoint_name=n nerve_endpoint_port=80 \
                    nerve_path=/a";
        assert_eq!(shown(of_nerve(br#"{"host":"fd00::1","port":80,"name":"n","x":[1]}"#, "/a")), want);
        assert_eq!(of_nerve(b"no", "/a"), None);
    }
}
