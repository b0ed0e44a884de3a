//! PromQL: plan, columnar operators, functions, test scripts.

mod cancel;
mod error;
mod options;
mod stats;
mod value;

pub use cancel::CancelFlag;
pub use error::QueryError;
pub use options::{EngineFeatures, EngineOptions, QueryOptions};
pub use stats::QueryStats;
pub use value::{MatrixSeries, QueryResult, Value, VectorSample};
