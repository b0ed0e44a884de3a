//! Memory errors that the machine corrected or could not correct, from `/sys/devices/system/edac/mc`.

use crate::dir::Dir;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Edac;

impl Collector for Edac {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(all) = host.sys_dir("devices/system/edac/mc")? else { return Ok(()) };
        for (controller, dir) in numbered(&all, "mc") {
            let labels = [("controller", controller.as_str())];
            let correctable = dir.required_number("ce_count")?;
            out.counter("edac_correctable_errors_total", "Total correctable memory errors.", &labels, correctable);
            row(out, &controller, "unknown", true, dir.required_number("ce_noinfo_count")?);
            let lost = dir.required_number("ue_count")?;
            out.counter("edac_uncorrectable_errors_total", "Total uncorrectable memory errors.", &labels, lost);
            row(out, &controller, "unknown", false, dir.required_number("ue_noinfo_count")?);
            for (csrow, dir) in numbered(&dir, "csrow") {
                row(out, &controller, &csrow, true, dir.required_number("ce_count")?);
                row(out, &controller, &csrow, false, dir.required_number("ue_count")?);
                channels(out, &controller, &csrow, &dir)?;
            }
        }
        Ok(())
    }
}

/// Directories of a name and a number, with the number.
fn numbered(dir: &Dir, stem: &str) -> Vec<(String, Dir)> {
    let number = |name: &str| {
        name.strip_prefix(stem).filter(|n| n.starts_with(|c: char| c.is_ascii_digit())).map(|rest| {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest[..digits].to_owned()
        })
    };
    dir.names().iter().filter_map(|name| Some((number(name)?, dir.dir(name)?))).collect()
}

fn row(out: &mut MetricSink, controller: &str, csrow: &str, correctable: bool, value: f64) {
    let labels = [("controller", controller), ("csrow", csrow)];
    let (name, help) = if correctable {
        ("edac_csrow_correctable_errors_total", "Total correctable memory errors for this csrow.")
    } else {
        ("edac_csrow_uncorrectable_errors_total", "Total uncorrectable memory errors for this csrow.")
    };
    out.counter(name, help, &labels, value);
}

fn channels(out: &mut MetricSink, controller: &str, csrow: &str, dir: &Dir) -> Result<(), CollectError> {
    for name in dir.names() {
        let channel = name.strip_prefix("ch").and_then(|rest| rest.strip_suffix("_ce_count"));
        let Some(channel) = channel.filter(|c| !c.is_empty() && c.bytes().all(|b| b.is_ascii_digit())) else {
            continue;
        };
        let dimm = match dir.text(&format!("ch{channel}_dimm_label")) {
            Some(text) => text.replace('#', "").replace("csrow", "_csrow").replace("channel", "_channel"),
            None => "unknown".to_owned(),
        };
        let labels = [("channel", channel), ("controller", controller), ("csrow", csrow), ("dimm_label", &dimm)];
        let help = "Total correctable memory errors for this channel.";
        out.counter("edac_channel_correctable_errors_total", help, &labels, dir.required_number(&name)?);
        if let Some(lost) = dir.number_if_any(&format!("ch{channel}_ue_count")) {
            let help = "Total uncorrectable memory errors for this channel.";
            out.counter("edac_channel_uncorrectable_errors_total", help, &labels, lost);
        }
    }
    Ok(())
}
