//! Whether the targets of a group can be used, without scraping any: what `promtool check config` asks.

use firesteel_config::{RelabelRules, ScrapeConfig, TargetGroup};

use crate::target::make_target;

/// Makes every target of the groups as the job would. `named` groups go by their number, as those of `static_configs`
/// do; those of files have no name yet.
///
/// Errors with upstream's words for the first that could not be scraped; what relabelling drops may be anything.
pub fn check_targets(job: &ScrapeConfig, groups: &[TargetGroup], named: bool) -> Result<(), String> {
    let scheme = job.metric_name_validation_scheme;
    let rules = RelabelRules::new(&job.relabel_configs, scheme).map_err(|error| error.to_string())?;
    for (number, group) in groups.iter().enumerate() {
        let name = if named { number.to_string() } else { String::new() };
        for (at, target) in group.targets.iter().enumerate() {
            let own = [("__address__".to_owned(), target.clone())].into();
            make_target(job, &rules, &own, &group.labels.0)
                .map_err(|error| format!("instance {at} in group {name}: {error}"))?;
        }
    }
    Ok(())
}
