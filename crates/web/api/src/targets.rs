//! `/targets` and `/scrape_pools`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use firesteel_go_compat::{Instant, quote};
use firesteel_model::Labels;

use crate::params::Params;
use crate::respond::success;
use crate::source::{ActiveTarget, RelabelRule};
use crate::{Api, ApiError, ApiOptions, Json};

/// Go's zero time: a target that was never scraped, a rule that was never evaluated.
pub(crate) const NEVER: &str = "0001-01-01T00:00:00Z";

pub(crate) async fn targets(State(api): State<Arc<Api>>, params: Params) -> Response {
    let pool = params.url_value("scrapePool");
    let state = params.url_value("state").to_lowercase();
    let shown = |what: &str| state.is_empty() || state == "any" || state == what;
    let in_pool = |name: &str| pool.is_empty() || pool == name;
    success(&[], |json| {
        let active = if shown("active") { api.targets.active() } else { Vec::new() };
        json.raw(r#"{"activeTargets":"#);
        json.list(active.iter().filter(|t| in_pool(&t.pool)), |json, target| push_active(json, target, &api.options));
        let (dropped, counts) = if shown("dropped") {
            (api.targets.dropped(), Some(api.targets.dropped_counts()))
        } else {
            (Vec::new(), None)
        };
        json.raw(r#","droppedTargets":"#);
        json.list(dropped.iter().filter(|t| in_pool(&t.pool)), |json, target| {
            json.raw(r#"{"discoveredLabels":"#).labels(&target.discovered);
            json.raw(r#","scrapePool":"#).string(&target.pool).raw("}");
        });
        json.raw(r#","droppedTargetCounts":"#);
        match counts {
            Some(counts) => {
                json.raw("{");
                for (i, (pool, n)) in counts.iter().enumerate() {
                    json.raw(if i > 0 { "," } else { "" }).string(pool).raw(":").int(*n as i64);
                }
                json.raw("}");
            }
            // A nil map, when dropped targets are not asked for.
            None => {
                json.raw("null");
            }
        }
        json.raw("}");
    })
}

fn push_active(json: &mut Json, target: &ActiveTarget, options: &ApiOptions) {
    let last = target.last_scrape.map_or_else(|| NEVER.to_owned(), Instant::to_rfc3339_nano);
    json.raw(r#"{"discoveredLabels":"#).labels(&target.discovered);
    json.raw(r#","labels":"#).labels(&target.labels);
    json.raw(r#","scrapePool":"#).string(&target.pool);
    json.raw(r#","scrapeUrl":"#).string(&target.url);
    json.raw(r#","globalUrl":"#).string(&global_url(&target.url, options));
    json.raw(r#","lastError":"#).string(&target.last_error);
    json.raw(r#","lastScrape":"#).string(&last);
    json.raw(r#","lastScrapeDuration":"#).number(target.last_duration_secs);
    json.raw(r#","health":"#).string(target.health);
    json.raw(r#","scrapeInterval":"#).string(&target.interval);
    json.raw(r#","scrapeTimeout":"#).string(&target.timeout).raw("}");
}

/// Puts the external host in place of a local one, so that a link works from elsewhere; for the server's own port also
/// scheme and port (`web/api/v1/api.go`, `getGlobalURL`).
fn global_url(url: &str, options: &ApiOptions) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = split_port(authority);
    if !matches!(host, "127.0.0.1" | "localhost" | "::1") {
        return url.to_owned();
    }
    if port.parse() == Ok(options.own_port) {
        return format!("{}://{}{path}", options.external_scheme, options.external_host);
    }
    let external = split_port(&options.external_host).0;
    match (port, external.contains(':')) {
        ("", _) => format!("{scheme}://{external}{path}"),
        (port, true) => format!("{scheme}://[{external}]:{port}{path}"),
        (port, false) => format!("{scheme}://{external}:{port}{path}"),
    }
}

/// Splits `host:port` and `[v6]:port`; the port may be missing.
fn split_port(authority: &str) -> (&str, &str) {
    if let Some(inner) = authority.strip_prefix('[')
        && let Some((host, after)) = inner.split_once(']')
    {
        return (host, after.strip_prefix(':').unwrap_or(""));
    }
    authority.rsplit_once(':').unwrap_or((authority, ""))
}

pub(crate) async fn pools(State(api): State<Arc<Api>>) -> Response {
    success(&[], |json| {
        json.raw(r#"{"scrapePools":"#);
        json.list(api.targets.pools(), |json, name| {
            json.string(&name);
        });
        json.raw("}");
    })
}

/// `/scrape_pools/config`: one job as the configuration has it.
pub(crate) async fn pool_config(State(api): State<Arc<Api>>, params: Params) -> Response {
    let pool = params.value("scrapePool");
    if pool.is_empty() {
        return ApiError::BadData("no scrapePool parameter provided".to_owned()).into_response();
    }
    let Some(yaml) = api.targets.pool_config(pool) else {
        return not_found(pool).into_response();
    };
    success(&[], |json| {
        json.raw(r#"{"yaml":"#).string(&yaml).raw("}");
    })
}

/// `/targets/relabel_steps`: what each rule of a pool makes of a set of labels.
pub(crate) async fn relabel_steps(State(api): State<Arc<Api>>, params: Params) -> Response {
    steps(&api, &params).unwrap_or_else(ApiError::into_response)
}

fn steps(api: &Api, params: &Params) -> Result<Response, ApiError> {
    let given = |name: &str| match params.value(name) {
        "" => Err(ApiError::BadData(format!("no {name} parameter provided"))),
        text => Ok(text.to_owned()),
    };
    let (pool, labels) = (given("scrapePool")?, given("labels")?);
    let labels: Option<BTreeMap<String, String>> =
        serde_json::from_str(&labels).map_err(|e| ApiError::BadData(format!("error parsing labels: {e}")))?;
    let labels = Labels::from_pairs(&labels.unwrap_or_default());
    let steps = api.targets.relabel_steps(&pool, &labels).ok_or_else(|| not_found(&pool))?;
    let steps = steps.map_err(ApiError::BadData)?;
    Ok(success(&[], |json| {
        json.raw(r#"{"steps":"#);
        json.list(&steps, |json, step| {
            json.raw(r#"{"rule":"#);
            push_rule(json, &step.rule);
            json.raw(r#","output":"#).labels(&step.output);
            json.raw(r#","keep":"#).bool(step.keep).raw("}");
        });
        json.raw("}");
    }))
}

/// Go's `omitempty` leaves out what is empty; the regular expression is an object to it and always there.
fn push_rule(json: &mut Json, rule: &RelabelRule) {
    json.raw("{");
    if !rule.source_labels.is_empty() {
        json.raw(r#""source_labels":"#).list(&rule.source_labels, |json, name| {
            json.string(name);
        });
        json.raw(",");
    }
    json.raw(r#""separator":"#).string(&rule.separator).raw(r#","regex":"#).string(&rule.regex);
    if rule.modulus != 0 {
        json.raw(&format!(r#","modulus":{}"#, rule.modulus));
    }
    if !rule.target_label.is_empty() {
        json.raw(r#","target_label":"#).string(&rule.target_label);
    }
    json.raw(r#","replacement":"#).string(&rule.replacement);
    if !rule.action.is_empty() {
        json.raw(r#","action":"#).string(rule.action);
    }
    json.raw("}");
}

fn not_found(pool: &str) -> ApiError {
    ApiError::BadData(format!("error retrieving scrape config: scrape pool {} not found", quote(pool)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::tests::options;

    #[test]
    fn local_hosts_give_way_to_the_external_one() {
        let options = options();
        let cases = [
            ("http://127.0.0.1:9090/metrics", "https://mon.example.org:8443/metrics"),
            ("http://localhost:9100/metrics", "http://mon.example.org:9100/metrics"),
            ("http://[::1]:9100/metrics?a=b", "http://mon.example.org:9100/metrics?a=b"),
            ("http://localhost/metrics", "http://mon.example.org/metrics"),
            ("http://10.0.0.1:9090/metrics", "http://10.0.0.1:9090/metrics"),
        ];
        for (url, want) in cases {
            assert_eq!(global_url(url, &options), want);
        }
    }
}
