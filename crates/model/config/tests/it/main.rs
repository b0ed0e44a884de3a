//! What the crate promises, tried from outside: verdicts of the corpus, printing, diagnostics, hostile bytes.

mod corpus;
mod edges;
mod hostile;
mod printing;
mod table;
