//! A label set from foreign bytes: sorted, checked as upstream checks it, packed.

use firesteel_model::{Labels, METRIC_NAME, push_packed};

/// Why a label set is not taken; holds the set as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum BadLabels {
    /// No metric name, or a name or value that may not be.
    Invalid(String),
    Duplicate {
        shown: String,
        name: String,
    },
}

/// Puts label sets together; its memory is used again.
#[derive(Debug, Default)]
pub(crate) struct LabelSet {
    /// Names and values one after the other, and where each ends.
    bytes: Vec<u8>,
    pairs: Vec<Pair>,
    packed: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    from: usize,
    name_end: usize,
    end: usize,
}

impl LabelSet {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.pairs.clear();
    }

    pub(crate) fn push(&mut self, name: &[u8], value: &[u8]) {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.pairs.push(Pair { from, name_end, end: self.bytes.len() });
    }

    /// Removes the labels of a name.
    pub(crate) fn remove(&mut self, name: &str) {
        let bytes = &self.bytes;
        self.pairs.retain(|pair| &bytes[pair.from..pair.name_end] != name.as_bytes());
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        let name = |pair: &Pair| &bytes[pair.from..pair.name_end];
        if !self.pairs.is_sorted_by(|a, b| name(a) <= name(b)) {
            self.pairs.sort_by(|a, b| name(a).cmp(name(b)));
        }
    }

    fn pair(&self, pair: Pair) -> (&[u8], &[u8]) {
        (&self.bytes[pair.from..pair.name_end], &self.bytes[pair.name_end..pair.end])
    }

    /// Returns the set of a series. Empty values are dropped, as they mean absence.
    pub(crate) fn series(&mut self) -> Result<Labels, BadLabels> {
        self.sort();
        self.packed.clear();
        let mut named = false;
        for at in 0..self.pairs.len() {
            let (name, value) = self.pair(self.pairs[at]);
            let (Ok(name), Ok(value)) = (std::str::from_utf8(name), std::str::from_utf8(value)) else {
                return Err(BadLabels::Invalid(self.shown()));
            };
            if name.is_empty() || (name == METRIC_NAME && value.is_empty()) {
                return Err(BadLabels::Invalid(self.shown()));
            }
            named |= name == METRIC_NAME;
        }
        if !named {
            return Err(BadLabels::Invalid(self.shown()));
        }
        let same = self.pairs.windows(2).find(|two| self.pair(two[0]).0 == self.pair(two[1]).0);
        if let Some(two) = same {
            let name = String::from_utf8_lossy(self.pair(two[0]).0).into_owned();
            return Err(BadLabels::Duplicate { shown: self.shown(), name });
        }
        Ok(self.pack(|value| !value.is_empty()))
    }

    /// Returns the set of an exemplar, which may be empty; `None` when it is not UTF-8.
    pub(crate) fn exemplar(&mut self) -> Option<Labels> {
        self.sort();
        let text = |pair: &Pair| std::str::from_utf8(&self.bytes[pair.from..pair.end]).is_ok();
        self.pairs.iter().all(text).then(|| self.pack(|_| true))
    }

    fn pack(&mut self, keep: impl Fn(&str) -> bool) -> Labels {
        self.packed.clear();
        for &Pair { from, name_end, end } in &self.pairs {
            let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
            let (name, value) = (text(&self.bytes[from..name_end]), text(&self.bytes[name_end..end]));
            if keep(value) {
                push_packed(&mut self.packed, name);
                push_packed(&mut self.packed, value);
            }
        }
        Labels::from_packed(&self.packed)
    }

    /// Returns the set as messages show it, whatever is wrong with it.
    pub(crate) fn shown(&mut self) -> String {
        self.sort();
        let mut packed = Vec::new();
        for &pair in &self.pairs {
            let (name, value) = self.pair(pair);
            push_packed(&mut packed, &String::from_utf8_lossy(name));
            push_packed(&mut packed, &String::from_utf8_lossy(value));
        }
        Labels::from_packed(&packed).to_string()
    }
}
