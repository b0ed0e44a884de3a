//! A value without a schema, as in `oauth2.claims`.

use firesteel_yaml::{Kind, Node, Out, Plain, Reader, resolve_plain};

use crate::decode::{Decode, words};

/// Whatever stood there.
#[derive(Clone, PartialEq, Debug)]
pub struct AnyValue(pub Out);

words!(AnyValue, "interface {}", Self(Out::Null), |n, r| Some(Self(read(n, r))), |v| v.0 == Out::Null, |v| v.0.clone());

fn read(node: &Node, reader: &mut Reader<'_>) -> Out {
    match &node.kind {
        Kind::Seq(items) => Out::Seq(items.iter().map(|item| read(item, reader)).collect()),
        Kind::Map(_) => {
            let entries = reader.free_mapping(node, "map[interface {}]interface {}").unwrap_or_default();
            Out::sorted_map(entries.iter().map(|e| (e.name.to_owned(), read(e.value, reader))))
        }
        Kind::Scalar { text, .. } => match resolve_plain(node) {
            Plain::Null => Out::Null,
            Plain::Bool(v) => Out::Bool(v),
            Plain::Int(v) => Out::Int(v),
            Plain::Uint(v) => Out::Uint(v),
            Plain::Float(v) => Out::Float(v),
            Plain::Timestamp | Plain::Str => Out::Str(text.to_string()),
        },
    }
}
