//! What every exporter has around its metrics, so that each is only what it measures.
//!
//! [`flags`] are the flags that all of them share, [`Serving`] goes from them to a server and its end, [`MetricsPage`]
//! answers scrapes and counts them, [`LandingPage`] leads there, [`run_program`] is what is around it all.
#![forbid(unsafe_code)]

pub mod flags;
mod landing;
mod metrics_page;
mod program;
mod serving;

pub use landing::{LandingLink, LandingPage};
pub use metrics_page::{Gathered, MetricsPage, MetricsPageOptions};
pub use program::{run_program, runtime};
pub use serving::{ServeError, Serving};
