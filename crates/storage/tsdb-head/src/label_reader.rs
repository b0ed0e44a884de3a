//! Label sets of many series, read in turn: those of which only some labels are wanted come again, and are shared then.

use firesteel_model::Labels;
use firesteel_storage::LabelsWanted;

use crate::pairs::{NameId, PairId, Pairs};

/// Puts label sets together.
#[derive(Debug)]
pub(crate) struct LabelReader<'a> {
    wanted: LabelsWanted<'a>,
    /// The wanted names, as far as the head has them.
    names: Vec<NameId>,
    /// The wanted pairs of the series before, and their set.
    last: Option<(Vec<u32>, Labels)>,
    ids: Vec<u32>,
    packed: Vec<u8>,
}

impl<'a> LabelReader<'a> {
    pub(crate) fn of(wanted: LabelsWanted<'a>) -> Self {
        Self { wanted, names: Vec::new(), last: None, ids: Vec::new(), packed: Vec::new() }
    }

    /// Looks the names up; to be called whenever the pairs may have changed.
    pub(crate) fn begin(&mut self, pairs: &Pairs) {
        self.last = None;
        self.names.clear();
        if let LabelsWanted::Only(names) = self.wanted {
            self.names.extend(names.iter().filter_map(|name| pairs.name(name)));
        }
    }

    /// Returns the label set of a series with these pairs.
    pub(crate) fn read(&mut self, pairs: &Pairs, ids: &[u32]) -> Labels {
        if self.wanted == LabelsWanted::All {
            return pairs.labels(ids, &mut self.packed);
        }
        self.ids.clear();
        self.ids.extend(ids.iter().filter(|id| self.names.contains(&pairs.name_of(PairId(**id)))));
        if let Some((_, labels)) = self.last.as_ref().filter(|(known, _)| *known == self.ids) {
            return labels.clone();
        }
        let labels = pairs.labels(&self.ids, &mut self.packed);
        self.last = Some((self.ids.clone(), labels.clone()));
        labels
    }
}
