//! Rows that several queries of one moment share: rules of a group ask for the same rates again and again.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use super::shared::{LeafKey, Taken};
use crate::series::OutputSeries;

/// What is remembered takes no more than so many rows together.
const ROWS: usize = 16_384;

/// Rows that instant queries have read, for those that come after: they must read the same view of the same storage, with
/// the same engine and lookback.
#[derive(Default)]
pub struct KnownRows(Mutex<Known>);

#[derive(Default)]
struct Known {
    leaves: Vec<(LeafKey, KnownLeaf)>,
    rows: usize,
}

/// All that a leaf yielded.
#[derive(Clone)]
pub(crate) struct KnownLeaf {
    pub(crate) series: Arc<[OutputSeries]>,
    pub(crate) tiles: Arc<[Taken]>,
}

impl fmt::Debug for KnownRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownRows").field("rows", &self.0.lock().rows).finish_non_exhaustive()
    }
}

impl KnownRows {
    pub(crate) fn get(&self, key: &LeafKey) -> Option<KnownLeaf> {
        self.0.lock().leaves.iter().find(|(known, _)| known == key).map(|(_, leaf)| leaf.clone())
    }

    /// Remembers a leaf, if there is room.
    pub(crate) fn put(&self, key: LeafKey, series: Arc<[OutputSeries]>, tiles: Vec<Taken>) {
        let mut known = self.0.lock();
        if known.rows + series.len() <= ROWS && known.leaves.iter().all(|(one, _)| *one != key) {
            known.rows += series.len().max(1);
            known.leaves.push((key, KnownLeaf { series, tiles: tiles.into() }));
        }
    }
}
