//! A tree to be printed as Go's `yaml.v2` prints it.

use std::cmp::Ordering;

use crate::emitter::Emitter;

/// A value to print.
#[derive(Clone, PartialEq, Debug)]
pub enum Out {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(String),
    Seq(Vec<Out>),
    Map(Vec<(String, Out)>),
    /// A list in brackets, on one line.
    Flow(Vec<Out>),
}

impl Out {
    /// Makes a mapping in the order in which Go prints map keys.
    pub fn sorted_map(pairs: impl IntoIterator<Item = (String, Out)>) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by(|(a, _), (b, _)| natural_order(a, b));
        Self::Map(pairs)
    }

    /// Turns a list into one in brackets.
    #[must_use]
    pub fn in_flow(self) -> Self {
        match self {
            Self::Seq(items) => Self::Flow(items),
            other => other,
        }
    }
}

/// Prints a document, line end included.
pub fn to_yaml(tree: &Out) -> String {
    let mut emitter = Emitter::default();
    emitter.document(tree);
    emitter.into_text()
}

/// Go's order of map keys (yaml.v2 sorter.go): numbers inside names count as numbers, letters come after the rest.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else { return a.len().cmp(&b.len()) };
    let (x, y) = (a[at], b[at]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x.cmp(&y),
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    // Zeros inside a number that has begun do not lead it.
    let inside = (x == '0' || y == '0') && a[..at].iter().rev().take_while(|c| c.is_numeric()).any(|c| *c != '0');
    let number = |text: &[char]| {
        let digits = text[at..].iter().take_while(|c| c.is_numeric());
        let start = i64::from(inside);
        digits.fold((start, 0_usize), |(n, len), c| {
            let digit = i64::from(u32::from(*c)) - i64::from(u32::from('0'));
            (n.wrapping_mul(10).wrapping_add(digit), len + 1)
        })
    };
    number(&a).cmp(&number(&b)).then(x.cmp(&y))
}
