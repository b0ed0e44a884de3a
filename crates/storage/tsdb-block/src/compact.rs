//! Several blocks made one.

use std::path::Path;
use std::sync::Arc;

use firesteel_base::vfs::Vfs;
use ulid::Ulid;

use crate::{Block, BlockError, BlockMeta, BlockSpec, SeriesSource, WriteOptions, merge_sources, write_block};

/// Writes the union of `blocks` as one block of the name `ulid` below `parent`. Parents stay as they are; deleting them is
/// the caller's business, after the new block is in use.
///
/// Returns `None`, with all parents marked deletable, when nothing of them is left. An error marks them as failed, so that
/// they are not planned again, unless it is a cancellation or a full disk, which pass.
pub fn compact(
    vfs: &dyn Vfs,
    parent: &Path,
    blocks: &[Arc<Block>],
    ulid: Ulid,
    options: &mut WriteOptions<'_>,
) -> Result<Option<BlockMeta>, BlockError> {
    let mut blocks: Vec<&Arc<Block>> = blocks.iter().collect();
    blocks.sort_by_key(|b| b.meta().min_time);
    let metas: Vec<Arc<BlockMeta>> = blocks.iter().map(|b| b.meta()).collect();
    let spec = BlockSpec::compacted(ulid, &metas.iter().map(|m| &**m).collect::<Vec<_>>());
    let written = sources(&blocks).and_then(|s| {
        let mut source = merge_sources(s).float_encoding(options.float_encoding);
        write_block(vfs, parent, &spec, &mut source, options)
    });
    match &written {
        Ok(None) => {
            for block in blocks {
                block.set_deletable(vfs)?;
            }
        }
        Err(e) if !matches!(e, BlockError::Cancelled) && !e.is_storage_full() => {
            for block in blocks {
                // The error at hand says more than that it could not be noted.
                let _noted = block.set_compaction_failed(vfs);
            }
        }
        _ => {}
    }
    written
}

fn sources(blocks: &[&Arc<Block>]) -> Result<Vec<Box<dyn SeriesSource>>, BlockError> {
    blocks.iter().map(|b| b.source().map(|s| Box::new(s) as Box<dyn SeriesSource>)).collect()
}
