//! A tree to be printed, and printing it as Go's `yaml.v2` does.

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
}

/// Prints a document.
pub fn to_yaml(_tree: &Out) -> String {
    String::new()
}
