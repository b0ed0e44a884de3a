//! PCI devices, their links, power states and virtual functions, from `/sys/bus/pci/devices`.

mod ids;

use firesteel_cli::{FlagDef, FlagKind};

use self::ids::PciIds;
use crate::dir::Dir;
use crate::{CollectError, Collector, HostRoots, MetricSink, Settings};

const IDS_FILE: &str = "collector.pcidevice.idsfile";
const NAMES: &str = "collector.pcidevice.names";

pub(super) const FLAGS: &[FlagDef] = &[
    FlagDef::new(IDS_FILE, FlagKind::Text, "Path to pci.ids file to use for PCI device identification."),
    FlagDef::new(NAMES, FlagKind::Bool, "Enable PCI device name resolution (requires pci.ids file).")
        .default(&["false"]),
];

#[derive(Debug)]
pub(crate) struct Pcidevice {
    names: Option<PciIds>,
}

impl Pcidevice {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { names: settings.bool(NAMES).then(|| PciIds::find(settings.text(IDS_FILE))) }
    }
}

/// Metric without `pcidevice_`, help, file, what stands for a file that is missing.
#[rustfmt::skip]
const NUMBERS: [(&str, &str, &str, f64); 9] = [
    ("max_link_transfers_per_second", "Value of maximum link's transfers per second (T/s)", "max_link_speed", -1.0),
    ("max_link_width", "Value of maximum link's width (number of lanes)", "max_link_width", -1.0),
    ("current_link_transfers_per_second", "Value of current link's transfers per second (T/s)", "current_link_speed", -1.0),
    ("current_link_width", "Value of current link's width (number of lanes)", "current_link_width", -1.0),
    ("d3cold_allowed", "Whether the PCIe device supports D3cold power state (0/1).", "d3cold_allowed", 0.0),
    ("sriov_drivers_autoprobe", "Whether SR-IOV drivers autoprobe is enabled for the device (0/1).", "sriov_drivers_autoprobe", 0.0),
    ("sriov_numvfs", "Number of Virtual Functions (VFs) currently enabled for SR-IOV.", "sriov_numvfs", 0.0),
    ("sriov_totalvfs", "Total number of Virtual Functions (VFs) supported by the device.", "sriov_totalvfs", 0.0),
    ("sriov_vf_total_msix", "Total number of MSI-X vectors for Virtual Functions.", "sriov_vf_total_msix", 0.0),
];

const POWER_STATES: [&str; 7] = ["D0", "D1", "D2", "D3hot", "D3cold", "unknown", "error"];

/// Segment, bus, device, function.
type Location = [String; 4];

/// Reads "0000:00:1f.3".
fn location(text: &str) -> Option<Location> {
    let (front, function) = text.rsplit_once('.')?;
    let mut parts = front.split(':');
    let (Some(segment), Some(bus), Some(device), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let hex = |text: &str| i32::from_str_radix(text, 16).ok();
    Some([
        format!("{:04x}", hex(segment)?),
        format!("{:02x}", hex(bus)?),
        format!("{:02x}", hex(device)?),
        format!("{:x}", hex(function)?),
    ])
}

impl Collector for Pcidevice {
    fn collect(&self, host: &HostRoots, out: &mut MetricSink) -> Result<(), CollectError> {
        let Some(devices) = host.sys_dir("bus/pci/devices")? else { return Err(CollectError::NoData) };
        for name in devices.names() {
            let fault = |what: &str| CollectError::Malformed {
                path: devices.path().join(&name),
                line: 1,
                what: what.to_owned(),
            };
            let target = devices.link_target(&name).ok_or_else(|| fault("no link to a device"))?;
            let mut parts = target.rsplit('/');
            let place = location(parts.next().unwrap_or_default()).ok_or_else(|| fault("not the place of a device"))?;
            let above = parts.next().unwrap_or_default();
            let parent = if above.starts_with("pci") {
                ["*", "*", "*", "*"].map(str::to_owned)
            } else {
                location(above).ok_or_else(|| fault("its parent is not the place of a device"))?
            };
            let Some(dir) = devices.dir(&name) else { continue };
            self.info(&dir, &place, &parent, out)?;
            let labels = labels(&place);
            for (metric, help, file, otherwise) in NUMBERS {
                let value = number(&dir, file)?.unwrap_or(otherwise);
                out.gauge(format_args!("pcidevice_{metric}"), help, &labels, value);
            }
            if let Some(current) = dir.try_text("power_state")?.filter(|text| !text.is_empty()) {
                let help = "PCIe device power state, one of: D0, D1, D2, D3hot, D3cold, unknown or error.";
                for state in POWER_STATES {
                    let [bus, device, function, segment] = labels;
                    let labels = [bus, device, function, segment, ("state", state)];
                    out.gauge("pcidevice_power_state", help, &labels, f64::from(u8::from(state == current)));
                }
            }
            if let Some(node) = number(&dir, "numa_node")?.filter(|node| *node != -1.0) {
                let help = "NUMA node number for the PCI device. -1 indicates unknown or not available.";
                out.gauge("pcidevice_numa_node", help, &labels, node);
            }
        }
        Ok(())
    }
}

fn labels([segment, bus, device, function]: &Location) -> [(&'static str, &str); 4] {
    [("bus", bus), ("device", device), ("function", function), ("segment", segment)]
}

/// Reads a number, a speed in transfers a second, or yes and no as 1 and 0; `None` where the file is missing or says that it
/// does not know.
fn number(dir: &Dir, name: &str) -> Result<Option<f64>, CollectError> {
    let Some(text) = dir.try_text(name)?.filter(|text| !text.is_empty() && !text.starts_with("Unknown")) else {
        return Ok(None);
    };
    let fault = |what: &str| CollectError::Malformed { path: dir.path().join(name), line: 1, what: what.to_owned() };
    let (digits, factor) = if name.ends_with("_speed") {
        (text.strip_suffix(" GT/s PCIe").ok_or_else(|| fault("not a speed in GT/s"))?, 1e9)
    } else {
        (text.as_str(), 1.0)
    };
    let value: f64 = digits.parse().map_err(|_| fault("not a number"))?;
    let is_flag = matches!(name, "d3cold_allowed" | "sriov_drivers_autoprobe");
    Ok(Some(if is_flag { f64::from(u8::from(value != 0.0)) } else { value * factor }))
}

impl Pcidevice {
    fn info(&self, dir: &Dir, place: &Location, parent: &Location, out: &mut MetricSink) -> Result<(), CollectError> {
        let id = |name: &str, digits: usize| -> Result<String, CollectError> {
            let file = dir.required_file(name)?;
            Ok(format!("0x{:0digits$x}", file.hex(1, file.text.trim())?))
        };
        let (class, vendor, device) = (id("class", 6)?, id("vendor", 4)?, id("device", 4)?);
        let (other_vendor, other_device) = (id("subsystem_vendor", 4)?, id("subsystem_device", 4)?);
        let revision = id("revision", 2)?;
        let [segment, bus, slot, function] = place;
        let [parent_segment, parent_bus, parent_device, parent_function] = parent;
        let mut labels: Vec<(&str, &str)> = vec![
            ("segment", segment),
            ("bus", bus),
            ("device", slot),
            ("function", function),
            ("parent_segment", parent_segment),
            ("parent_bus", parent_bus),
            ("parent_device", parent_device),
            ("parent_function", parent_function),
            ("class_id", &class),
            ("vendor_id", &vendor),
            ("device_id", &device),
            ("subsystem_vendor_id", &other_vendor),
            ("subsystem_device_id", &other_device),
            ("revision", &revision),
        ];
        let class_name;
        if let Some(names) = &self.names {
            class_name = names.class(&class);
            labels.extend([
                ("vendor_name", names.vendor(&vendor)),
                ("device_name", names.device(&vendor, &device)),
                ("subsystem_vendor_name", names.vendor(&other_vendor)),
                ("subsystem_device_name", names.subsystem(&vendor, &device, &other_vendor, &other_device)),
                ("class_name", &*class_name),
            ]);
        }
        let help = "Non-numeric data from /sys/bus/pci/devices/<location>, value is always 1.";
        out.info("pcidevice_info", help, &labels);
        Ok(())
    }
}
