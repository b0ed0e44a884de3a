//! Type, unit and help of series, kept when the feature `metadata-wal-records` asks for it.

use std::sync::Arc;

use firesteel_base::{FastHashMap, FastHashSet};
use firesteel_model::{Metadata, SeriesRef};

/// The newest metadata of each series; series of one family share one entry.
#[derive(Debug, Default)]
pub(crate) struct MetadataTable {
    of: FastHashMap<SeriesRef, Arc<Metadata>>,
    texts: FastHashSet<Arc<Metadata>>,
}

impl MetadataTable {
    pub(crate) fn get(&self, series: SeriesRef) -> Option<&Arc<Metadata>> {
        self.of.get(&series)
    }

    /// Returns what is known of all series.
    pub(crate) fn each(&self) -> impl Iterator<Item = (SeriesRef, Arc<Metadata>)> {
        self.of.iter().map(|(series, about)| (*series, Arc::clone(about)))
    }

    pub(crate) fn set(&mut self, series: SeriesRef, about: &Metadata) {
        let about = match self.texts.get(about) {
            Some(known) => Arc::clone(known),
            None => {
                let new = Arc::new(about.clone());
                self.texts.insert(Arc::clone(&new));
                new
            }
        };
        self.of.insert(series, about);
    }

    /// Forgets series that are gone, and the texts that nobody else has.
    pub(crate) fn forget(&mut self, dead: &[SeriesRef]) {
        if self.of.is_empty() {
            return;
        }
        for series in dead {
            self.of.remove(series);
        }
        self.texts.retain(|about| Arc::strong_count(about) > 1);
    }
}

#[cfg(test)]
mod tests {
    use firesteel_model::MetricType;

    use super::*;

    #[test]
    fn series_share_texts_and_take_them_along() {
        let about =
            |help: &str| Metadata { metric_type: MetricType::Counter, unit: String::new(), help: help.to_owned() };
        let mut table = MetadataTable::default();
        for series in 1..=10 {
            table.set(SeriesRef(series), &about("a"));
        }
        table.set(SeriesRef(10), &about("b"));
        assert_eq!(table.texts.len(), 2);
        assert_eq!(table.get(SeriesRef(10)).map(|a| a.help.as_str()), Some("b"));
        assert_eq!(table.get(SeriesRef(11)), None);
        table.forget(&[SeriesRef(10), SeriesRef(99)]);
        assert_eq!((table.of.len(), table.texts.len()), (9, 1));
    }
}
