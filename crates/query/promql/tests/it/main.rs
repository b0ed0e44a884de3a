//! Integration tests of the query engine.

mod corpus_queries;
mod corpus_scripts;
mod engine;
mod explain;
mod memory;
mod naive;
mod own_scripts;
mod random;
mod transcendental;
mod upstream_answers;
