//! Label sets: sorted name/value pairs packed into one shared run of bytes.
//!
//! The bytes are exactly upstream's (`model/labels/labels_stringlabels.go`): each name and each value preceded by its
//! length, one byte below 255, else 0xFF and three bytes little-endian. So the xxh64 of the bytes is upstream's
//! `Labels.Hash()`: the same for shards, scrape offsets and `limit_ratio`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use firesteel_go_compat::quote;

use crate::LabelsBuilder;
use crate::names::is_legacy_label_name;

/// A sorted, duplicate-free set of labels. Cheap to clone; compares as upstream's `labels.Compare`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[u8]>);

impl Labels {
    /// Returns the empty set.
    pub fn empty() -> Self {
        Self(Arc::from(&[][..]))
    }

    /// Builds a set from pairs in any order; a later pair wins over an earlier one of the same name, and pairs with an
    /// empty value are dropped.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            builder.set(name.as_ref(), value.as_ref());
        }
        builder.build()
    }

    /// Takes bytes that already are in the packed form, sorted and free of duplicates.
    ///
    /// Only for those who made the bytes with [`push_packed`]; decoding them later stops at the first malformed length.
    pub fn from_packed(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    /// Returns the packed bytes.
    #[inline]
    pub fn as_packed(&self) -> &[u8] {
        &self.0
    }

    /// Returns whether both are one set in memory: equal for certain; false says nothing.
    #[inline]
    pub fn is_shared_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns xxh64 of the packed bytes: upstream's `Labels.Hash()`.
    #[inline]
    pub fn hash64(&self) -> u64 {
        packed_hash64(&self.0)
    }

    /// Returns the value of `name`, or `None` when the label is absent (upstream's `Get` gives "").
    pub fn get(&self, name: &str) -> Option<&str> {
        // Bytes are in the order of the texts they spell: only what is found is read as text.
        let mut rest = &self.0[..];
        while let Some((n, behind_name)) = split_packed(rest) {
            let (value, behind) = split_packed(behind_name)?;
            match n.cmp(name.as_bytes()) {
                Ordering::Equal => return std::str::from_utf8(value).ok(),
                Ordering::Greater => return None,
                Ordering::Less => rest = behind,
            }
        }
        None
    }

    /// Returns the value of `name`, or the empty string: in PromQL an absent label equals an empty one.
    #[inline]
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or("")
    }

    /// Returns the metric's name, or the empty string.
    #[inline]
    pub fn metric_name(&self) -> &str {
        self.value(crate::METRIC_NAME)
    }

    /// Returns the set without the labels of these names; the same set when it has none of them.
    pub fn without(&self, names: &[&str]) -> Self {
        let mut kept = Vec::with_capacity(self.0.len());
        let mut rest = &self.0[..];
        while let Some((name, behind_name)) = split_packed(rest) {
            let Some((_, behind)) = split_packed(behind_name) else { break };
            if !names.iter().any(|n| n.as_bytes() == name) {
                kept.extend_from_slice(&rest[..rest.len() - behind.len()]);
            }
            rest = behind;
        }
        if kept.len() == self.0.len() { self.clone() } else { Self::from_packed(&kept) }
    }

    /// Returns whether there are no labels.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many labels there are; walks them.
    pub fn len(&self) -> usize {
        packed_texts(&self.0).count() / 2
    }

    /// Returns the pairs in order of name.
    #[inline]
    pub fn iter(&self) -> LabelsIter<'_> {
        LabelsIter { rest: &self.0 }
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

impl<'a> IntoIterator for &'a Labels {
    type Item = (&'a str, &'a str);
    type IntoIter = LabelsIter<'a>;

    fn into_iter(self) -> LabelsIter<'a> {
        self.iter()
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    /// Pair by pair, names before values; a set that is a prefix of the other comes first.
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.iter().cmp(other.iter()) }
    }
}

impl fmt::Display for Labels {
    /// As upstream's `Labels.String()`: `{a="1", "b.c"="2"}`, the metric's name among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (at, (name, value)) in self.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            if is_legacy_label_name(name) {
                f.write_str(name)?;
            } else {
                quote(name).fmt(f)?;
            }
            write!(f, "={}", quote(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

/// Walks packed labels in order.
#[derive(Clone, Debug)]
pub struct LabelsIter<'a> {
    rest: &'a [u8],
}

impl<'a> LabelsIter<'a> {
    /// Walks packed bytes that need not belong to a [`Labels`]; stops at the first malformed length.
    pub fn over_packed(packed: &'a [u8]) -> Self {
        Self { rest: packed }
    }

    #[inline]
    fn text(&mut self) -> Option<&'a str> {
        let (text, rest) = split_packed(self.rest)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Returns the first text of packed bytes, and what stands behind it; `None` where its length is malformed.
#[inline]
fn split_packed(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match *packed {
        [255, a, b, c, ref rest @ ..] => (usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16, rest),
        [len, ref rest @ ..] if len < 255 => (usize::from(len), rest),
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// Walks the texts of packed labels, names and values in turn, as bytes: for those who copy them only.
pub fn packed_texts(packed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let (text, behind) = split_packed(rest)?;
        rest = behind;
        Some(text)
    })
}

/// Returns [`Labels::hash64`] of a set in packed form.
#[inline]
pub fn packed_hash64(packed: &[u8]) -> u64 {
    xxhash_rust::xxh64::xxh64(packed, 0)
}

impl<'a> Iterator for LabelsIter<'a> {
    type Item = (&'a str, &'a str);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let name = self.text()?;
        let value = self.text()?;
        Some((name, value))
    }
}

/// Appends one text in the packed form. Texts of 16 MiB and more cannot be packed and are cut there; limits on label
/// lengths stand far below.
pub fn push_packed(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let len = bytes.len().min(0x00ff_ffff);
    if len < 255 {
        out.push(len as u8);
    } else {
        out.extend_from_slice(&[255, len as u8, (len >> 8) as u8, (len >> 16) as u8]);
    }
    out.extend_from_slice(&bytes[..len]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_form_sorts_and_drops_empty() {
        let labels = Labels::from_pairs([("b", "2"), ("a", "1"), ("c", ""), ("b", "3")]);
        assert_eq!(labels.as_packed(), b"\x01a\x011\x01b\x013");
        assert_eq!(labels.get("b"), Some("3"));
        assert_eq!(labels.get("c"), None);
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn labels_are_left_out_by_name() {
        let long = "x".repeat(300);
        let labels = Labels::from_pairs([("__name__", "up"), ("a", long.as_str()), ("b", "2")]);
        assert_eq!(labels.without(&["__name__", "z"]), Labels::from_pairs([("a", long.as_str()), ("b", "2")]));
        assert_eq!(labels.without(&["a", "b"]), Labels::from_pairs([("__name__", "up")]));
        assert_eq!(labels.without(&["name"]), labels);
        assert_eq!(labels.without(&["a", "b", "__name__"]), Labels::empty());
    }

    #[test]
    fn long_values_take_four_length_bytes() {
        let long = "x".repeat(300);
        let labels = Labels::from_pairs([("a", long.as_str())]);
        assert_eq!(labels.as_packed()[..6], [1, b'a', 255, 44, 1, 0]);
        assert_eq!(labels.value("a"), long);
    }

    #[test]
    fn displays_as_upstream() {
        let labels = Labels::from_pairs([("__name__", "up"), ("a.b", "x\"y\n"), ("job", "\u{e9}")]);
        assert_eq!(labels.to_string(), r#"{__name__="up", "a.b"="x\"y\n", job="\u{e9}"}"#.replace(r"\u{e9}", "\u{e9}"));
        assert_eq!(Labels::empty().to_string(), "{}");
    }

    #[test]
    fn order_is_by_pairs_not_by_bytes() {
        let cases = [
            (vec![("a", "zz")], vec![("b", "a")], Ordering::Less),
            (vec![("aa", "1")], vec![("b", "1")], Ordering::Less),
            (vec![("a", "1")], vec![("a", "1"), ("b", "1")], Ordering::Less),
            (vec![("a", "10")], vec![("a", "9")], Ordering::Less),
        ];
        for (a, b, want) in cases {
            assert_eq!(Labels::from_pairs(a.clone()).cmp(&Labels::from_pairs(b.clone())), want, "{a:?} {b:?}");
        }
    }
}
