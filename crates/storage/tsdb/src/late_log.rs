//! The log of out-of-order samples, `wbl/`: there when a window asks for it or when a window did so before.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::Vfs;
use firesteel_tsdb_head::Head;
use firesteel_tsdb_wal::{Wal, WalOptions, list_segments};

use crate::DbError;

/// The directory's name within the database's.
pub(crate) const DIR: &str = "wbl";

/// Opens the log for writing if the window is open or the directory has segments; what is there was replayed before.
pub(crate) fn open_if_wanted(
    head: &Head,
    vfs: &Arc<dyn Vfs>,
    db_dir: &Path,
    options: WalOptions,
) -> Result<(), DbError> {
    let dir = db_dir.join(DIR);
    let wanted = head.out_of_order_window() > 0 || !list_segments(vfs.as_ref(), &dir)?.is_empty();
    if wanted && head.late_log().wal().is_none() {
        let opened = Wal::open(Arc::clone(vfs), &dir, options)?;
        // Else a loss of power may take the directory's name, and the log with it.
        vfs.sync_dir(db_dir).map_err(DbError::io("sync", db_dir))?;
        let log = head.late_log().attach(opened);
        if head.has_lost_markers() {
            let own = log.current_segment();
            let settled = head.settle_lost_markers().map_err(DbError::from);
            if let Err(e) = settled.and_then(|()| Ok(log.truncate(own)?)) {
                // Another program may believe them; this one does not.
                tracing::warn!(
                    component = "tsdb", err = %e,
                    "The WBL has markers of chunks that are not there, and writing it anew failed"
                );
            }
        }
    }
    Ok(())
}
