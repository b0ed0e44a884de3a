//! Cutting a log at a fault, so that what is before it can be used.

use std::path::Path;

use firesteel_base::vfs::Vfs;

use super::frame::page_end;
use super::{Corruption, WalError, list_segments};

/// Drops all records from the corrupt one on: later segments are removed, newest first, and the corrupt segment is cut and
/// its last page filled with zeros.
///
/// To be called before the log is opened for writing. Error `NotRepairable`: the fault lies in a checkpoint.
pub fn repair(vfs: &dyn Vfs, dir: &Path, fault: &Corruption) -> Result<(), WalError> {
    if fault.path.parent() != Some(dir) {
        return Err(WalError::NotRepairable(fault.clone()));
    }
    for later in list_segments(vfs, dir)?.iter().rev().filter(|s| s.index > fault.segment) {
        vfs.remove_file(&later.path).map_err(WalError::io("remove segment", &later.path))?;
    }
    // The later ones must not come back behind the cut.
    vfs.sync_dir(dir).map_err(WalError::io("sync directory", dir))?;
    let file = vfs.open_write(&fault.path).map_err(WalError::io("open segment", &fault.path))?;
    for len in [fault.offset, page_end(fault.offset)] {
        file.set_len(len).map_err(WalError::io("cut segment", &fault.path))?;
    }
    file.sync_data().map_err(WalError::io("sync segment", &fault.path))
}
