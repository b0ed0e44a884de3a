//! Paths of multipath devices of the device mapper, from `/sys/block/dm-*`.

use crate::{CollectError, Collector, HostRoots, MetricSink};

#[derive(Debug)]
pub(crate) struct DmMultipath;

const SECTOR_BYTES: f64 = 512.0;

impl Collector for DmMultipath {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let block = host.sys_dir("block")?.ok_or(CollectError::NoData)?;
        for sysfs_name in block.names().into_iter().filter(|name| name.starts_with("dm-")) {
            let Some(dir) = block.dir(&sysfs_name) else { continue };
            let Some(uuid) = dir.try_text("dm/uuid")?.filter(|uuid| uuid.starts_with("mpath-")) else { continue };
            let device = dir.required_text("dm/name")?;
            let active = f64::from(u8::from(dir.required_number("dm/suspended")? != 1.0));
            let size = dir.required_number("size")? * SECTOR_BYTES;
            let labels = [("device", device.as_str()), ("sysfs_name", &sysfs_name)];
            let info = [labels[0], labels[1], ("uuid", &uuid)];
            out.info("dmmultipath_device_info", "Non-numeric information about a DM-multipath device.", &info);
            let (mut running, mut failed) = (0.0, 0.0);
            for path in dir.dir("slaves").map(|slaves| slaves.names()).unwrap_or_default() {
                let state = block.required_text(&format!("{path}/device/state"))?;
                // As SCSI and as NVMe say it.
                let works = state == "running" || state == "live";
                *if works { &mut running } else { &mut failed } += 1.0;
                let help = "Reports the underlying device state for a multipath path, as read from \
                    /sys/block/<dev>/device/state.";
                out.info("dmmultipath_path_state", help, &[("device", &device), ("path", &path), ("state", &state)]);
            }
            for (name, help, value) in [
                (
                    "dmmultipath_device_active",
                    "Whether the multipath device-mapper device is active (1) or suspended (0).",
                    active,
                ),
                (
                    "dmmultipath_device_size_bytes",
                    "Size of the multipath device in bytes, read from /sys/block/<dm>/size.",
                    size,
                ),
                ("dmmultipath_device_paths", "Number of paths for a multipath device.", running + failed),
                (
                    "dmmultipath_device_paths_active",
                    "Number of paths in active state (SCSI running or NVMe live) for a multipath device.",
                    running,
                ),
                (
                    "dmmultipath_device_paths_failed",
                    "Number of paths not in active state for a multipath device.",
                    failed,
                ),
            ] {
                out.gauge(name, help, &labels, value);
            }
        }
        Ok(())
    }
}
