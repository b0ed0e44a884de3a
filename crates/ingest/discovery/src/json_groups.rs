//! Target groups as JSON (upstream: `discovery/targetgroup`).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::group::{LabelMap, TargetGroup};

/// A group as it is written; an unknown key is an error, null is nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    targets: Option<Vec<String>>,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
}

/// Reads a list of groups. Their sources are `source` and their place in the list; `extra` is added to their labels.
///
/// Errors with what is wrong and where.
pub(crate) fn read_list(text: &[u8], source: &str, extra: &[(&str, &str)]) -> Result<Vec<TargetGroup>, String> {
    let written: Option<Vec<Option<Written>>> = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    let all = written.unwrap_or_default().into_iter().enumerate();
    all.map(|(at, group)| {
        let group = group.ok_or_else(|| "nil target group item found".to_owned())?;
        make(group, format!("{source}:{at}"), extra)
    })
    .collect()
}

/// Reads one group.
pub(crate) fn read_one(text: &[u8], source: &str, extra: &[(&str, &str)]) -> Result<TargetGroup, String> {
    let written: Written = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    make(written, source.to_owned(), extra)
}

fn make(written: Written, source: String, extra: &[(&str, &str)]) -> Result<TargetGroup, String> {
    let mut labels = written.labels.unwrap_or_default();
    if labels.contains_key("") {
        return Err("\"\" is not a valid label name".to_owned());
    }
    labels.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let target = |address: String| LabelMap::from([("__address__".to_owned(), address)]);
    Ok(TargetGroup { source, targets: written.targets.unwrap_or_default().into_iter().map(target).collect(), labels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_as_upstream() {
        let check = |text: &str, want: Result<usize, &str>| {
            let got = read_list(text.as_bytes(), "s", &[]).map(|groups| groups.len());
            match want {
                Ok(count) => assert_eq!(got, Ok(count), "{text}"),
                Err(part) => assert!(got.as_ref().is_err_and(|e| e.contains(part)), "{text}: {got:?}"),
            }
        };
        check("[]", Ok(0));
        check("null", Ok(0));
        check(r#"[{"targets": ["a:1"], "labels": {"b": "c"}}, {"targets": null}, {}]"#, Ok(3));
        check("[null]", Err("nil target group item found"));
        check(r#"[{"target": []}]"#, Err("unknown field `target`"));
        check(r#"[{"targets": [1]}]"#, Err("invalid type: integer"));
        check(r#"[{"labels": {"": "x"}}]"#, Err("not a valid label name"));
        check("{}", Err("expected a sequence"));
        check("", Err("EOF"));
    }

    #[test]
    fn the_group_has_source_and_extra_labels() {
        let groups = read_list(br#"[{"targets":["a"],"labels":{"x":"1"}}]"#, "url", &[("__meta_url", "u")]);
        let labels = [("__meta_url", "u"), ("x", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let targets = vec![[("__address__".to_owned(), "a".to_owned())].into()];
        assert_eq!(groups, Ok(vec![TargetGroup { source: "url:0".into(), targets, labels }]));
    }
}
