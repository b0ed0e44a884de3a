//! What the firmware says of the machine, from `/sys/class/dmi/id`.

use std::sync::OnceLock;

use crate::{CollectError, Collector, HostRoots, MetricSink};

/// Label and value of what the firmware tells; read once, for it changes only with a reboot.
#[derive(Debug, Default)]
pub(crate) struct Dmi(OnceLock<Vec<(&'static str, String)>>);

/// File, label.
const FIELDS: [(&str, &str); 20] = [
    ("bios_date", "bios_date"),
    ("bios_release", "bios_release"),
    ("bios_vendor", "bios_vendor"),
    ("bios_version", "bios_version"),
    ("board_asset_tag", "board_asset_tag"),
    ("board_name", "board_name"),
    ("board_serial", "board_serial"),
    ("board_vendor", "board_vendor"),
    ("board_version", "board_version"),
    ("chassis_asset_tag", "chassis_asset_tag"),
    ("chassis_serial", "chassis_serial"),
    ("chassis_vendor", "chassis_vendor"),
    ("chassis_version", "chassis_version"),
    ("product_family", "product_family"),
    ("product_name", "product_name"),
    ("product_serial", "product_serial"),
    ("product_sku", "product_sku"),
    ("product_uuid", "product_uuid"),
    ("product_version", "product_version"),
    ("sys_vendor", "system_vendor"),
];

const HELP: &str = "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, bios_version, \
    board_asset_tag, board_name, board_serial, board_vendor, board_version, chassis_asset_tag, chassis_serial, \
    chassis_vendor, chassis_version, product_family, product_name, product_serial, product_sku, product_uuid, \
    product_version, system_vendor if provided by DMI.";

impl Collector for Dmi {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let known = match self.0.get() {
            Some(known) => known,
            None => {
                let dir = host.sys_dir("class/dmi/id")?;
                let read = |(file, label): (&str, &'static str)| Some((label, dir.as_ref()?.text(file)?));
                self.0.get_or_init(|| FIELDS.into_iter().filter_map(read).collect())
            }
        };
        if known.is_empty() {
            return Err(CollectError::NoData);
        }
        let labels: Vec<(&str, &str)> = known.iter().map(|(label, value)| (*label, value.as_str())).collect();
        out.info("dmi_info", HELP, &labels);
        Ok(())
    }
}
