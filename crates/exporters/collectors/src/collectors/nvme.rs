//! NVMe controllers and their namespaces, from `/sys/class/nvme`.

use crate::dir::Dir;
use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct Nvme;

impl Collector for Nvme {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let class = host.sys_dir("class/nvme")?.ok_or(CollectError::NoData)?;
        for (device, dir) in class.dirs() {
            let labels = [
                ("cntlid", dir.required_text("cntlid")?),
                ("device", device.clone()),
                ("firmware_revision", dir.required_text("firmware_rev")?),
                ("model", dir.required_text("model")?),
                ("serial", dir.required_text("serial")?),
                ("state", dir.required_text("state")?),
            ];
            let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
            out.info("nvme_info", "Non-numeric data from /sys/class/nvme/<device>, value is always 1.", &labels);
            for (name, dir) in dir.dirs() {
                if let Some(nsid) = namespace_id(&name) {
                    collect_namespace(&device, nsid, &dir, out)?;
                }
            }
        }
        Ok(())
    }
}

/// Returns the last number of `nvme0n1`. The paths of a namespace with several, as `nvme0c0n1`, are left out.
fn namespace_id(name: &str) -> Option<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (controller, id) = name.strip_prefix("nvme")?.split_once('n')?;
    (digits(controller) && digits(id)).then_some(id)
}

fn collect_namespace(device: &str, nsid: &str, dir: &Dir, out: &mut MetricSink) -> Result<(), CollectError> {
    let state = dir.text("ana_state").unwrap_or_else(|| "unknown".to_owned());
    let info = [("ana_state", state.as_str()), ("device", device), ("nsid", nsid)];
    out.info("nvme_namespace_info", "Information about NVMe namespaces. Value is always 1", &info);
    let block = dir.required_number("queue/logical_block_size")?;
    let size = dir.required_number("size")? * block;
    for (metric, help, value) in [
        (
            "capacity_bytes",
            "Capacity of the NVMe namespace in bytes. Computed as namespace_size * namespace_logical_block_size",
            size,
        ),
        (
            "size_bytes",
            "Size of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/size",
            size,
        ),
        (
            "used_bytes",
            "Used space of the NVMe namespace in bytes. Available in /sys/class/nvme/<device>/<namespace>/nuse",
            dir.required_number("nuse")? * block,
        ),
        (
            "logical_block_size_bytes",
            "Logical block size of the NVMe namespace in bytes. Usually 4Kb. Available in \
             /sys/class/nvme/<device>/<namespace>/queue/logical_block_size",
            block,
        ),
    ] {
        out.gauge(format_args!("nvme_namespace_{metric}"), help, &[("device", device), ("nsid", nsid)], value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_known_by_name() {
        let cases = [
            ("nvme0n1", Some("1")),
            ("nvme10n33", Some("33")),
            ("nvme0c0n1", None),
            ("nvme0", None),
            ("nvme0n1p1", None),
            ("ng0n1", None),
            ("nvmen1", None),
        ];
        for (name, want) in cases {
            assert_eq!(namespace_id(name), want, "{name}");
        }
    }
}
