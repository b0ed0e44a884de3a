//! What a batch carries beside float samples: metadata and exemplars.

use firesteel_model::{Metadata, SeriesRef};
use firesteel_storage::Exemplar;
use firesteel_tsdb_wal::records::{ExemplarsRecord, MetadataEntry, MetadataRecord};

use super::Head;

/// Kept and used again with the batch's other memory.
#[derive(Debug, Default)]
pub(super) struct Aside {
    pub(super) metadata: Vec<(SeriesRef, Metadata)>,
    pub(super) exemplars: Vec<Exemplar>,
    pub(super) metadata_record: Vec<u8>,
    pub(super) exemplars_record: Vec<u8>,
}

impl Aside {
    pub(super) fn is_empty(&self) -> bool {
        self.metadata.is_empty() && self.exemplars.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.metadata.clear();
        self.exemplars.clear();
        self.metadata_record.clear();
        self.exemplars_record.clear();
    }

    /// Writes the records into the buffers.
    pub(super) fn encode(&mut self) {
        let entries = self.metadata.iter().map(|(series, about)| MetadataEntry {
            series: *series,
            metric_type: about.metric_type,
            unit: about.unit.as_bytes(),
            help: about.help.as_bytes(),
        });
        MetadataRecord::encode(entries, &mut self.metadata_record);
        ExemplarsRecord::encode(&self.exemplars, &mut self.exemplars_record);
    }

    /// Makes the batch's metadata and exemplars visible.
    pub(super) fn write(&mut self, head: &Head) {
        if !self.metadata.is_empty() {
            let mut table = head.metadata.write();
            for (series, about) in self.metadata.drain(..) {
                // A series that was truncated since must not come back as metadata of nobody.
                if head.is_live(series) {
                    table.set(series, &about);
                }
            }
        }
        if !self.exemplars.is_empty() {
            let mut ring = head.exemplars.lock();
            for e in self.exemplars.drain(..) {
                let series = e.series;
                ring.add(e, || head.labels_of(series));
            }
        }
    }
}
