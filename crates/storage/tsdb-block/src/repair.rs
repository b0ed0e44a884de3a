//! The mend for blocks of Prometheus 2.1, whose versions went to the wrong file (`tsdb/repair.go`).

use std::path::Path;

use firesteel_base::vfs::Vfs;

use crate::index::{INDEX_FILE, VERSION_2};
use crate::{BlockError, BlockMeta, META_FILE};

/// Where `meta.json` says version 2: writes it into the index, where it belongs, and 1 into `meta.json`. Returns whether
/// there was anything to do. A crash on the way leaves a block that is repaired the next time.
pub fn repair_index_version(vfs: &dyn Vfs, dir: &Path) -> Result<bool, BlockError> {
    let path = dir.join(META_FILE);
    let bytes = vfs.read(&path).map_err(BlockError::io("read", &path))?;
    let meta = BlockMeta::parse_any_version(&bytes, &path)?;
    match meta.version {
        1 => return Ok(false),
        2 => {}
        other => return Err(BlockError::Meta { path, what: format!("unexpected meta file version {other}") }),
    }
    let index = dir.join(INDEX_FILE);
    let mut bytes = vfs.read(&index).map_err(BlockError::io("read", &index))?;
    match bytes.get_mut(4) {
        Some(version) => *version = VERSION_2,
        None => return Err(BlockError::corrupt(&index, 0, "index header: invalid size")),
    }
    vfs.replace(&index, &bytes).map_err(BlockError::io("write", &index))?;
    meta.write(vfs, dir)?;
    Ok(true)
}
