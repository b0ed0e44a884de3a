//! Labels as a block of `name: value` lines.

use std::collections::BTreeMap;

use firesteel_model::Labels;
use firesteel_yaml::{Node, Out, Reader};

use crate::Decode;

/// Labels by name; values keep the letters of the file (`yes`, `1.0`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LabelSet(pub BTreeMap<String, String>);

impl LabelSet {
    /// Returns them packed; empty values are left out.
    pub fn to_labels(&self) -> Labels {
        Labels::from_pairs(&self.0)
    }
}

impl Decode for LabelSet {
    fn go_type() -> String {
        "model.LabelSet".to_owned()
    }
    fn zero() -> Self {
        Self::default()
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        self.0.clear();
        if node.is_null() {
            return;
        }
        for entry in reader.free_mapping(node, &Self::go_type()).unwrap_or_default() {
            if entry.name.is_empty() {
                reader
                    .error(entry.key.span, "FS0133", "a label's name is empty")
                    .upstream("\"\" is not a valid label name");
                continue;
            }
            reader.within(entry.name, |reader| {
                if let Some(value) = reader.string_as(entry.value, "model.LabelValue") {
                    self.0.insert(entry.name.to_owned(), value);
                }
            });
        }
    }
    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
    fn encode(&self) -> Out {
        self.0.encode()
    }
}
