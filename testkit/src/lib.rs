//! What tests of several rooms share: processes, reference programs, fake targets, the corpus.
//!
//! Only ever a dev-dependency. With `CI=true` nothing here skips: a missing corpus or peer is a failure.

mod ci;
mod corpus;
mod exchange;
mod expressions;
mod message_bus;
mod page_server;
mod peers;
mod process;
mod random;
mod target;
mod tool;
mod tree;

pub use ci::in_ci;
pub use corpus::corpus;
pub use exchange::{RawAnswer, exchange};
pub use expressions::{ExpressionSeries, Expressions, Language, expression_series};
pub use message_bus::serve_message_bus;
pub use page_server::{Page, PageServer};
pub use peers::peer;
pub use process::{Server, ServerError};
pub use random::Random;
pub use target::{FakeTarget, TargetRequest, write_answer};
pub use tool::tool;
pub use tree::unpack_tree;
