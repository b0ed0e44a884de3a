//! What tests of several rooms share: processes, reference programs, fake targets, the corpus.
//!
//! Only ever a dev-dependency. With `CI=true` nothing here skips: a missing corpus or peer is a failure.

mod ci;
mod corpus;
mod page_server;
mod peers;
mod process;
mod target;
mod tool;

pub use ci::in_ci;
pub use corpus::corpus;
pub use page_server::{Page, PageServer};
pub use peers::peer;
pub use process::{Server, ServerError};
pub use target::{FakeTarget, TargetRequest, write_answer};
pub use tool::tool;
