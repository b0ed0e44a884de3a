//! Names of PCI devices, from the list `pci.ids` that distributions install.

use std::collections::HashMap;
use std::path::Path;

use tracing::debug;

use crate::host::read;

const PLACES: [&str; 2] = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids"];

/// Names by hexadecimal numbers without `0x`.
#[derive(Debug, Default)]
pub(super) struct PciIds {
    vendors: HashMap<String, String>,
    devices: HashMap<[String; 2], String>,
    /// By vendor, device, and the two numbers of the card's maker.
    subsystems: HashMap<[String; 4], String>,
    /// Of two, four and six digits.
    classes: HashMap<String, String>,
}

impl PciIds {
    /// Reads `file`, or where that is empty the first list that is installed; without one all names are numbers.
    pub(super) fn find(file: &str) -> Self {
        let chosen = [file];
        let places: &[&str] = if file.is_empty() { &PLACES } else { &chosen };
        for place in places {
            match read(Path::new(place).to_owned()) {
                Ok(list) => return Self::parse(&list.text),
                Err(err) => debug!(file = place, %err, "Failed to open PCI IDs file"),
            }
        }
        Self::default()
    }

    fn parse(text: &str) -> Self {
        let mut ids = Self::default();
        // Numbers of the lines above that this one belongs to; which of the two lists it is in.
        let (mut first, mut second, mut in_classes) = (String::new(), String::new(), false);
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let depth = line.bytes().take_while(|b| *b == b'\t').count();
            let Some((number, name)) = line.trim_start_matches('\t').split_once("  ") else { continue };
            let (number, name) = (number.trim(), name.trim().to_owned());
            match depth {
                0 => {
                    let class = number.strip_prefix("C ");
                    in_classes = class.is_some();
                    class.unwrap_or(number).trim().clone_into(&mut first);
                    second.clear();
                    let list = if in_classes { &mut ids.classes } else { &mut ids.vendors };
                    list.insert(first.clone(), name);
                }
                1 if in_classes => {
                    second = format!("{first}{number}");
                    ids.classes.insert(second.clone(), name);
                }
                1 => {
                    number.clone_into(&mut second);
                    ids.devices.insert([first.clone(), second.clone()], name);
                }
                2 if in_classes => drop(ids.classes.insert(format!("{second}{number}"), name)),
                2 if !second.is_empty() => {
                    if let Some((vendor, device)) = number.split_once(' ') {
                        let key = [first.clone(), second.clone(), vendor.to_owned(), device.trim().to_owned()];
                        ids.subsystems.insert(key, name);
                    }
                }
                _ => {}
            }
        }
        ids
    }

    pub(super) fn vendor<'a>(&'a self, id: &'a str) -> &'a str {
        let id = bare(id);
        self.vendors.get(id).map_or(id, String::as_str)
    }

    pub(super) fn device<'a>(&'a self, vendor: &str, id: &'a str) -> &'a str {
        let id = bare(id);
        self.devices.get(&[bare(vendor).to_owned(), id.to_owned()]).map_or(id, String::as_str)
    }

    pub(super) fn subsystem<'a>(&'a self, vendor: &str, device: &str, other_vendor: &str, id: &'a str) -> &'a str {
        let key = [vendor, device, other_vendor, id].map(|id| bare(id).to_owned());
        self.subsystems.get(&key).map_or(bare(id), String::as_str)
    }

    /// Returns the name of the narrowest class that is listed.
    pub(super) fn class(&self, id: &str) -> String {
        let id = bare(id);
        let known = [6, 4, 2].into_iter().find_map(|digits| self.classes.get(id.get(..digits)?));
        known.cloned().unwrap_or_else(|| format!("Unknown class ({id})"))
    }
}

fn bare(id: &str) -> &str {
    id.strip_prefix("0x").unwrap_or(id)
}
