//! Operators between two expressions.

mod matching;
pub(crate) mod scalar;
mod set;
mod vector;

pub(crate) use matching::match_labels;
pub(crate) use set::SetOperation;
pub(crate) use vector::{VectorMatch, VectorOperation};
