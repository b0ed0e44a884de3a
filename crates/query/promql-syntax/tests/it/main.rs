//! The language against recorded answers of Prometheus 3.14, against the corpus, and against itself.

mod corpus;
mod golden;
mod hints;
mod properties;
mod series;
