//! Which names metrics and labels may have.

use firesteel_yaml::{Node, Out, Reader};

use crate::Decode;
use crate::rules_of_choice::not_a_choice;

/// The scheme by which names are checked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum ValidationScheme {
    /// Not given: the outer block decides. After loading nothing is unset.
    #[default]
    Unset,
    /// `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    Legacy,
    /// Any UTF-8 text that is not empty.
    Utf8,
}

impl ValidationScheme {
    /// Returns whether a label may have this name.
    pub fn is_valid_label_name(self, name: &str) -> bool {
        match self {
            Self::Legacy => is_legacy_label_name(name),
            _ => !name.is_empty(),
        }
    }
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
pub(crate) fn is_legacy_label_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl Decode for ValidationScheme {
    fn go_type() -> String {
        "model.ValidationScheme".to_owned()
    }
    fn zero() -> Self {
        Self::Unset
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        let Some(word) = reader.string(node) else { return };
        *self = match word.as_str() {
            "" => Self::Unset,
            "legacy" => Self::Legacy,
            "utf8" => Self::Utf8,
            _ => {
                let upstream =
                    format!("unrecognized ValidationScheme: {}", firesteel_go_compat::quote(word.as_bytes()));
                not_a_choice(reader, node.span, "a naming scheme", &word, &["utf8", "legacy"], upstream);
                return;
            }
        };
    }
    fn is_zero(&self) -> bool {
        *self == Self::Unset
    }
    fn encode(&self) -> Out {
        Out::Str(
            match self {
                Self::Unset => "",
                Self::Legacy => "legacy",
                Self::Utf8 => "utf8",
            }
            .to_owned(),
        )
    }
}
