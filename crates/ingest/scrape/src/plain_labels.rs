//! The usual labels of a line: nothing relabels them, nothing bounds them, none stands on the line and at the target, too.
//! They are sorted and packed where they lie, without a builder.

use firesteel_expfmt::SampleLabels;
use firesteel_model::{Labels, METRIC_NAME, push_packed};

use crate::SampleRules;

/// Sets of more labels go the long way.
const PAIRS_MAX: usize = 32;

/// Room of pairs, sorted by name.
struct Sorted<'l> {
    pairs: [(&'l str, &'l str); PAIRS_MAX],
    len: usize,
}

impl<'l> Sorted<'l> {
    /// Adds a pair; false if there is no room, or if the name is there already.
    #[inline]
    fn add(&mut self, name: &'l str, value: &'l str) -> bool {
        let Some(free) = self.pairs.get_mut(self.len) else { return false };
        *free = (name, value);
        let mut at = self.len;
        self.len += 1;
        // Lines mostly have their labels in order, and targets always.
        while let Some([before, here]) = at.checked_sub(1).and_then(|from| self.pairs.get_mut(from..=at)) {
            match before.0.cmp(here.0) {
                std::cmp::Ordering::Less => return true,
                std::cmp::Ordering::Equal => return false,
                std::cmp::Ordering::Greater => std::mem::swap(before, here),
            }
            at -= 1;
        }
        true
    }
}

impl SampleRules {
    /// Returns the series' labels, or `None` where [`SampleRules::apply`] must decide. `packed` is room to work in.
    pub(crate) fn plain(&self, line: &SampleLabels, packed: &mut Vec<u8>) -> Option<Labels> {
        let bounds = self.label_limit | self.label_name_length_limit | self.label_value_length_limit;
        if self.legacy_names || bounds > 0 || !self.metric_relabel.is_empty() {
            return None;
        }
        let mut sorted = Sorted { pairs: [("", ""); PAIRS_MAX], len: 0 };
        let mut has_name = false;
        for (name, value) in line.iter() {
            if name.is_empty() || value.is_empty() || !sorted.add(name, value) {
                return None;
            }
            has_name |= name == METRIC_NAME;
        }
        for (name, value) in &self.target_labels {
            if value.is_empty() || !sorted.add(name, value) {
                return None;
            }
        }
        if !has_name {
            return None;
        }
        packed.clear();
        for (name, value) in sorted.pairs.iter().take(sorted.len) {
            push_packed(packed, name);
            push_packed(packed, value);
        }
        Some(Labels::from_packed(packed))
    }
}

#[cfg(test)]
mod tests {
    use firesteel_expfmt::{Format, Parser, ParserOptions};
    use firesteel_model::LabelsBuilder;

    use super::*;

    #[test]
    fn the_short_way_leads_where_the_long_one_does() {
        let targets = [("instance", "a:1"), ("job", "node")].map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
        let many: String = (0..PAIRS_MAX).map(|i| format!("l{i}=\"v\",")).collect();
        let cases = [
            ("m 1\n".to_owned(), true),
            ("m{b=\"2\",a=\"1\",zz=\"3\",__x__=\"4\",Z=\"5\"} 1\n".to_owned(), true),
            ("m{k=\"gr\u{fc}n\\n\"} 1\n".to_owned(), true),
            ("m{job=\"x\"} 1\n".to_owned(), false),
            ("m{a=\"\"} 1\n".to_owned(), false),
            (format!("m{{{many}}} 1\n"), false),
        ];
        for honor_labels in [false, true] {
            let rules = SampleRules { target_labels: targets.clone(), honor_labels, ..SampleRules::default() };
            for (page, is_plain) in &cases {
                let mut parser = Parser::new(Format::Text, page.as_bytes(), ParserOptions::default());
                parser.next().expect("a sample");
                let mut line = SampleLabels::default();
                parser.labels(&mut line).expect("labels");
                let long = rules.apply(&line, &mut LabelsBuilder::new()).expect("taken").expect("kept");
                let short = rules.plain(&line, &mut Vec::new());
                assert_eq!(short, is_plain.then_some(long), "{page}");
            }
        }
        let bounded = SampleRules { label_limit: 1, ..SampleRules::default() };
        let mut parser = Parser::new(Format::Text, b"m 1\n", ParserOptions::default());
        parser.next().expect("a sample");
        let mut line = SampleLabels::default();
        parser.labels(&mut line).expect("labels");
        assert_eq!(bounded.plain(&line, &mut Vec::new()), None);
    }
}
