//! Paths of NVMe subsystems, from `/sys/class/nvme-subsystem`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Nvmesubsystem;

const STATES: [&str; 7] = ["connecting", "dead", "deleting", "live", "new", "resetting", "unknown"];

impl Collector for Nvmesubsystem {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(class) = host.sys_dir("class/nvme-subsystem")? else { return Err(CollectError::NoData) };
        for (subsystem, dir) in class.dirs() {
            if !subsystem.starts_with("nvme-subsys") {
                continue;
            }
            let text = |name: &str| dir.required_file(name).map(|file| file.text.trim().to_owned());
            let (nqn, model, serial, iopolicy) =
                (text("subsysnqn")?, text("model")?, text("serial")?, text("iopolicy")?);
            let labels = [
                ("iopolicy", iopolicy.as_str()),
                ("model", &model),
                ("nqn", &nqn),
                ("serial", &serial),
                ("subsystem", &subsystem),
            ];
            out.info("nvmesubsystem_info", "Non-numeric information about an NVMe subsystem.", &labels);
            let (mut paths, mut live) = (0.0, 0.0);
            for name in dir.names() {
                match kind(&name) {
                    Some(Kind::Namespace) => {
                        let labels = [("device", name.as_str()), ("subsystem", &subsystem)];
                        let help = "Maps an NVMe namespace block device to its subsystem.";
                        out.info("nvmesubsystem_namespace_info", help, &labels);
                    }
                    Some(Kind::Controller) => {
                        let text =
                            |file| dir.required_file(&format!("{name}/{file}")).map(|file| file.text.trim().to_owned());
                        let (state, transport, _) = (text("state")?, text("transport")?, text("address")?);
                        let state = if state == "deleting (no IO)" { "deleting" } else { &state };
                        let state = STATES.iter().find(|known| **known == state).map_or("unknown", |known| known);
                        paths += 1.0;
                        live += f64::from(u8::from(state == "live"));
                        for known in STATES {
                            let labels = [
                                ("controller", name.as_str()),
                                ("state", known),
                                ("subsystem", &subsystem),
                                ("transport", &transport),
                            ];
                            let help =
                                "Current NVMe controller path state (1 for the current state, 0 for all others).";
                            out.gauge("nvmesubsystem_path_state", help, &labels, f64::from(u8::from(known == state)));
                        }
                    }
                    None => {}
                }
            }
            let labels = [("subsystem", subsystem.as_str())];
            out.gauge("nvmesubsystem_paths", "Number of controller paths for an NVMe subsystem.", &labels, paths);
            let help = "Number of controller paths in live state for an NVMe subsystem.";
            out.gauge("nvmesubsystem_paths_live", help, &labels, live);
        }
        Ok(())
    }
}

enum Kind {
    Controller,
    Namespace,
}

/// Tells `nvme0` from `nvme0n1`.
fn kind(name: &str) -> Option<Kind> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let rest = name.strip_prefix("nvme")?;
    match rest.split_once('n') {
        None => is_number(rest).then_some(Kind::Controller),
        Some((controller, namespace)) => (is_number(controller) && is_number(namespace)).then_some(Kind::Namespace),
    }
}
