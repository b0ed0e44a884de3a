//! `eureka_sd_configs`: applications that a Eureka server knows (upstream: `discovery/eureka`).

use std::time::Duration;

use firesteel_config::sd::EurekaSd;
use firesteel_net::xml::{Element, parse};
use url::Url;

use crate::discoverer::{BoxedDiscoverer, BuildContext, Kind};
use crate::error::DiscoveryError;
use crate::fetch::Fetcher;
use crate::group::{LabelMap, TargetGroup};
use crate::host_port::join_host_port;
use crate::label_name::sanitize_label_name;
use crate::refresh::{Refresh, refreshing};

/// No answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Kind for EurekaSd {
    const NAME: &'static str = "eureka";

    fn discoverer(&self, context: &BuildContext) -> Result<BoxedDiscoverer, DiscoveryError> {
        let options = context.client_options("eureka_sd");
        let text = format!("{}/apps", self.server);
        let url = Url::parse(&text).map_err(|e| DiscoveryError::Other(format!("parse {text:?}: {e}")))?;
        let eureka = Eureka { fetcher: Fetcher::new(&self.http, options, TIMEOUT)?, url };
        Ok(refreshing(eureka, Self::NAME, self.refresh_interval, context))
    }
}

struct Eureka {
    fetcher: Fetcher,
    url: Url,
}

impl Refresh for Eureka {
    async fn refresh(&mut self) -> Result<Vec<TargetGroup>, DiscoveryError> {
        let fetched = self.fetcher.get(&self.url).await?;
        if !fetched.status.is_success() {
            let status = fetched.status.as_u16();
            let text = format!("non 2xx status '{status}' response during eureka service discovery");
            return Err(DiscoveryError::Status(text));
        }
        let root = parse(&fetched.body).map_err(|why| DiscoveryError::Answer(format!("\"{}\": {why}", self.url)))?;
        let mut group = TargetGroup { source: "eureka".to_owned(), ..TargetGroup::default() };
        for app in root.all("application") {
            for instance in app.all("instance") {
                group.targets.push(
                    labels(app.value("name"), instance)
                        .map_err(|why| DiscoveryError::Answer(format!("\"{}\": {why}", self.url)))?,
                );
            }
        }
        Ok(vec![group])
    }
}

/// A number, as Go's XML reader takes it: blanks aside, nothing is 0.
fn number(text: &str) -> Result<i64, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
}

fn labels(app: &str, instance: &Element) -> Result<LabelMap, String> {
    let mut labels = LabelMap::new();
    let mut set = |name: &str, value: String| labels.insert(format!("__meta_eureka_app_{name}"), value);
    set("name", app.to_owned());
    for (name, element) in [
        ("instance_hostname", "hostName"),
        ("instance_homepage_url", "homePageUrl"),
        ("instance_statuspage_url", "statusPageUrl"),
        ("instance_healthcheck_url", "healthCheckUrl"),
        ("instance_ip_addr", "ipAddr"),
        ("instance_vip_address", "vipAddress"),
        ("instance_secure_vip_address", "secureVipAddress"),
        ("instance_status", "status"),
        ("instance_id", "instanceId"),
    ] {
        set(name, instance.value(element).to_owned());
    }
    set("instance_country_id", number(instance.value("countryId"))?.to_string());
    let mut port = 80;
    for (name, element) in [("instance_port", "port"), ("instance_secure_port", "securePort")] {
        if let Some(found) = instance.child(element) {
            let value = number(&found.text)?;
            let is_enabled = matches!(found.attribute("enabled").trim(), "1" | "t" | "T" | "true" | "TRUE" | "True");
            set(name, value.to_string());
            set(&format!("{name}_enabled"), is_enabled.to_string());
            if element == "port" {
                port = value;
            }
        }
    }
    if let Some(center) = instance.child("dataCenterInfo") {
        set("instance_datacenterinfo_name", center.value("name").to_owned());
        for item in center.child("metadata").map_or(&[][..], |metadata| &metadata.children) {
            set(&format!("instance_datacenterinfo_metadata_{}", sanitize_label_name(&item.name)), item.inner.clone());
        }
    }
    for item in instance.child("metadata").map_or(&[][..], |metadata| &metadata.children) {
        set(&format!("instance_metadata_{}", sanitize_label_name(&item.name)), item.inner.clone());
    }
    labels.insert("__address__".to_owned(), join_host_port(instance.value("hostName"), port));
    labels.insert("instance".to_owned(), instance.value("instanceId").to_owned());
    Ok(labels)
}
