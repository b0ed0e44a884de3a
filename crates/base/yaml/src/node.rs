//! The tree: every node with its place in the file.

use std::sync::Arc;

/// A run of characters in a file: where it starts and how many bytes it takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset behind the last character.
    pub end: usize,
}

/// A value and its place. Cheap to clone: an alias shares what its anchor holds.
#[derive(Clone, Debug)]
pub struct Node {
    pub span: Span,
    /// Explicit tag in long form, such as `tag:yaml.org,2002:str`.
    pub tag: Option<Arc<str>>,
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text; `plain` when it stood without quotes, so that `yes` and `1` may mean more than their letters.
    Scalar {
        text: Arc<str>,
        plain: bool,
    },
    Seq(Arc<Vec<Node>>),
    Map(Arc<Vec<(Node, Node)>>),
}

impl Node {
    /// Returns whether this is nothing: an empty place, `~` or `null`.
    pub fn is_null(&self) -> bool {
        match &self.kind {
            Kind::Scalar { text, plain } => {
                self.tag.as_deref() == Some("tag:yaml.org,2002:null")
                    || *plain && self.tag.is_none() && matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// Returns the letters of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Returns the items of a list, or nothing.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    /// Returns the pairs of a mapping as they stand, merge keys not followed, or nothing.
    pub fn pairs(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// Returns the key and value that stand under `key`, merges followed: the last one wins, as in Go's decoder.
    pub fn entry(&self, key: &str) -> Option<(&Node, &Node)> {
        self.entry_within(key, 0)
    }

    fn entry_within(&self, key: &str, depth: usize) -> Option<(&Node, &Node)> {
        if depth > 16 {
            return None;
        }
        self.pairs().iter().rev().find_map(|(k, v)| {
            if k.is_merge() {
                let several = v.items().iter().find_map(|item| item.entry_within(key, depth + 1));
                return several.or_else(|| v.entry_within(key, depth + 1));
            }
            (k.text() == Some(key)).then_some((k, v))
        })
    }

    /// Returns the value under `key`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// Follows keys downwards as far as they lead, for a message that wants the closest place.
    pub fn closest(&self, path: &[&str]) -> &Node {
        path.first().and_then(|key| self.get(key)).map_or(self, |next| next.closest(&path[1..]))
    }

    /// Returns whether this key is `<<`.
    pub fn is_merge(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if &**text == "<<")
            && self.tag.as_deref().is_none_or(|tag| tag == "tag:yaml.org,2002:merge")
    }

    /// Returns Go's short name for what this is: `!!map`, `!!seq`, or that of the scalar.
    pub fn short_tag(&self) -> String {
        if let Some(tag) = &self.tag {
            return tag
                .strip_prefix("tag:yaml.org,2002:")
                .map_or_else(|| tag.to_string(), |short| format!("!!{short}"));
        }
        match &self.kind {
            Kind::Seq(_) => "!!seq".to_owned(),
            Kind::Map(_) => "!!map".to_owned(),
            Kind::Scalar { .. } => format!("!!{}", crate::resolve_plain(self).go_tag()),
        }
    }
}
