//! The walls of the house, checked: floors, module docs, file names and sizes, test layout, links of the tables.

mod compat;
mod files;
mod floors;
mod licences;

use anyhow::{Result, bail};

/// Runs every check and reports all faults at once.
pub(crate) fn run() -> Result<()> {
    let mut faults = Vec::new();
    floors::check(&mut faults)?;
    files::check(&mut faults)?;
    licences::check(&mut faults)?;
    compat::check(&mut faults)?;
    if faults.is_empty() {
        return Ok(());
    }
    faults.sort();
    for fault in &faults {
        println!("{fault}");
    }
    bail!("tidy: {} faults", faults.len())
}
