//! Relabelling rules as they stand in a file.

use firesteel_yaml::{Node, Out, Reader};

use crate::decode::{Decode, words};
use crate::rules_of_choice::not_a_choice;
use crate::section::section;

section! {
    /// One rule. Its regex compiles; what must hold between the settings was checked under the block's naming scheme.
    pub struct RelabelConfig("a relabelling rule", "relabel.Config", "relabel.plain") {
        source_labels: Vec<LabelName> [flow],
        /// Stands between the values of the source labels.
        separator: String [keep] = ";".to_owned(),
        regex: RegexText = RegexText::any(),
        modulus: Modulus,
        target_label: String,
        replacement: String [keep] = "$1".to_owned(),
        action: RelabelAction = RelabelAction::Replace,
    }
}

/// A label's name in a list; upstream checks only that it is UTF-8.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LabelName(pub String);

words!(LabelName, "model.LabelName", Self::default(), read_label_name, |v| v.0.is_empty(), |v| Out::Str(v.0.clone()));

fn read_label_name(node: &Node, reader: &mut Reader<'_>) -> Option<LabelName> {
    let name = reader.string(node)?;
    if name.is_empty() && !node.is_null() {
        reader.error(node.span, "FS0133", "a label's name is empty").upstream("\"\" is not a valid label name");
        return None;
    }
    Some(LabelName(name))
}

/// What to divide the hash by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Modulus(pub u64);

words!(Modulus, "uint64", Self(0), |n, r| r.uint(n, "uint64").map(Self), |v| v.0 == 0, |v| Out::Uint(v.0));

/// A regular expression's text; it was compiled once to see that it can be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegexText {
    pub pattern: String,
    /// Whether it was written in the file; `omitempty` leaves out only the default object.
    pub given: bool,
}

impl RegexText {
    fn any() -> Self {
        Self { pattern: "(.*)".to_owned(), given: false }
    }
}

impl Decode for RegexText {
    fn go_type() -> String {
        "relabel.Regexp".to_owned()
    }
    fn zero() -> Self {
        Self { pattern: String::new(), given: true }
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if node.is_null() {
            *self = Self::zero();
            return;
        }
        let Some(pattern) = reader.string(node) else { return };
        if let Err(error) = firesteel_re2::AnchoredRegex::wrapped(&pattern) {
            crate::regex_fault::note(node, &pattern, &error, reader);
        }
        *self = Self { pattern, given: true };
    }
    fn is_zero(&self) -> bool {
        !self.given
    }
    fn encode(&self) -> Out {
        Out::Str(self.pattern.clone())
    }
}

/// What a rule does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RelabelAction {
    /// `action:` with nothing behind it; refused by the check that follows.
    Empty,
    #[default]
    Replace,
    Keep,
    Drop,
    KeepEqual,
    DropEqual,
    HashMod,
    LabelMap,
    LabelDrop,
    LabelKeep,
    Lowercase,
    Uppercase,
}

impl RelabelAction {
    const NAMES: [(&'static str, Self); 11] = [
        ("replace", Self::Replace),
        ("keep", Self::Keep),
        ("drop", Self::Drop),
        ("keepequal", Self::KeepEqual),
        ("dropequal", Self::DropEqual),
        ("hashmod", Self::HashMod),
        ("labelmap", Self::LabelMap),
        ("labeldrop", Self::LabelDrop),
        ("labelkeep", Self::LabelKeep),
        ("lowercase", Self::Lowercase),
        ("uppercase", Self::Uppercase),
    ];

    /// Returns the word in the file.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, action)| *action == self).map_or("", |(name, _)| name)
    }
}

impl Decode for RelabelAction {
    fn go_type() -> String {
        "relabel.Action".to_owned()
    }
    fn zero() -> Self {
        Self::Empty
    }
    fn decode(&mut self, node: &Node, reader: &mut Reader<'_>) {
        if node.is_null() {
            *self = Self::Empty;
            return;
        }
        let Some(word) = reader.string(node) else { return };
        match Self::NAMES.iter().find(|(name, _)| *name == word.to_lowercase()) {
            Some((_, action)) => *self = *action,
            None => {
                let upstream = format!("unknown relabel action {}", firesteel_go_compat::quote(word.as_bytes()));
                let legal: Vec<&str> = Self::NAMES.iter().map(|(name, _)| *name).collect();
                not_a_choice(reader, node.span, "a relabelling action", &word, &legal, upstream);
            }
        }
    }
    fn is_zero(&self) -> bool {
        *self == Self::Empty
    }
    fn encode(&self) -> Out {
        Out::Str(self.name().to_owned())
    }
}
