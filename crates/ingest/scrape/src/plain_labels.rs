//! The usual labels of a line: nothing relabels them, nothing bounds them, none stands on the line and at the target, too.
//! They are sorted and packed where they lie, without a builder.

use std::cmp::Ordering;

use firesteel_model::{Labels, METRIC_NAME, push_packed};
use smallvec::SmallVec;

use crate::SampleRules;

/// Sets of more labels go the long way.
const PAIRS_MAX: usize = 32;

/// Pairs, sorted by name.
type Sorted<'l> = SmallVec<[(&'l str, &'l str); PAIRS_MAX]>;

/// Adds a pair; false if there is no room, or if the name is there already.
#[inline]
fn add<'l>(sorted: &mut Sorted<'l>, name: &'l str, value: &'l str) -> bool {
    if sorted.len() == PAIRS_MAX {
        return false;
    }
    let mut at = sorted.len();
    sorted.push((name, value));
    // Lines mostly have their labels in order, and targets always.
    while let Some([before, here]) = at.checked_sub(1).and_then(|from| sorted.get_mut(from..=at)) {
        // The first letters mostly tell.
        let (a, b) = (before.0.as_bytes(), here.0.as_bytes());
        match a.first().cmp(&b.first()).then_with(|| a.cmp(b)) {
            Ordering::Less => return true,
            Ordering::Equal => return false,
            Ordering::Greater => std::mem::swap(before, here),
        }
        at -= 1;
    }
    true
}

impl SampleRules {
    /// Returns the series' labels, or `None` where [`SampleRules::apply`] must decide. `packed` is room to work in.
    #[inline]
    pub(crate) fn plain<'l>(
        &'l self,
        line: impl Iterator<Item = (&'l str, &'l str)>,
        packed: &mut Vec<u8>,
    ) -> Option<Labels> {
        let bounds = self.label_limit | self.label_name_length_limit | self.label_value_length_limit;
        if self.legacy_names || bounds > 0 || !self.metric_relabel.is_empty() {
            return None;
        }
        let mut sorted = Sorted::new();
        let mut has_name = false;
        for (name, value) in line {
            if name.is_empty() || value.is_empty() || !add(&mut sorted, name, value) {
                return None;
            }
            has_name |= name == METRIC_NAME;
        }
        for (name, value) in &self.target_labels {
            if value.is_empty() || !add(&mut sorted, name, value) {
                return None;
            }
        }
        if !has_name {
            return None;
        }
        packed.clear();
        for (name, value) in &sorted {
            push_packed(packed, name);
            push_packed(packed, value);
        }
        Some(Labels::from_packed(packed))
    }
}

#[cfg(test)]
mod tests {
    use std::iter;

    use firesteel_expfmt::{Format, Parser, ParserOptions, SampleLabels};
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
                let short = rules.plain(line.iter(), &mut Vec::new());
                assert_eq!(short, is_plain.then_some(long.clone()), "{page}");
                if let Some((name, labels)) = parser.plain_labels() {
                    let uncopied = rules.plain(iter::once((METRIC_NAME, name)).chain(labels), &mut Vec::new());
                    assert_eq!(uncopied, is_plain.then_some(long), "{page}");
                }
            }
        }
        let bounded = SampleRules { label_limit: 1, ..SampleRules::default() };
        let mut parser = Parser::new(Format::Text, b"m 1\n", ParserOptions::default());
        parser.next().expect("a sample");
        let mut line = SampleLabels::default();
        parser.labels(&mut line).expect("labels");
        assert_eq!(bounded.plain(line.iter(), &mut Vec::new()), None);
    }
}
