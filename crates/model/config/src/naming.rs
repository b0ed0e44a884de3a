//! Which names metrics and labels may have.

use firesteel_yaml::{Node, Out, Reader};

use crate::Decode;
use crate::rules_of_choice::not_a_choice;

pub use firesteel_model::ValidationScheme;
pub(crate) use firesteel_model::is_legacy_label_name;

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
