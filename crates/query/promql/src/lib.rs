//! PromQL: plan, columnar operators, functions, test scripts.
//!
//! An [`Engine`] evaluates a parsed expression over anything [`Queryable`](firesteel_storage::Queryable). A query is
//! lowered to a plan with its times resolved, the plan becomes operators, and those pull tiles of series × steps:
//! selectors decode each chunk once into columns, kernels walk windows over the columns, aggregations add whole rows.
//! Answers are those of Prometheus 3.14.
#![forbid(unsafe_code)]

mod advice;
mod budget;
mod cancel;
mod engine;
mod error;
mod explain;
mod gate;
mod metrics;
mod options;
mod stats;
mod value;

pub mod testscript;

mod aggregate;
mod annotations;
mod binary;
mod columns;
mod context;
mod empty;
mod evaluate;
mod functions;
mod grid;
mod histograms;
mod kernels;
mod operators;
mod plan;
mod rewrite;
mod series;
mod tile;
mod trace;

pub use advice::{Advice, advise};
pub use budget::{HeldMemory, MemoryLimits};
pub use cancel::CancelFlag;
pub use engine::Engine;
pub use error::{Dearest, OverBudget, QueryError, Scope};
pub use explain::{EmptyReason, Example, Explain, ExplainNode, ExplainPlan, ExplainWhat, MatcherReport};
pub use operators::KnownRows;
pub use options::{EngineFeatures, EngineOptions, Lane, QueryOptions, QueryOrigin};
pub use stats::QueryStats;
pub use value::{MatrixSeries, QueryResult, Value, VectorSample};
