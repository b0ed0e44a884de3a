//! What every exporter has around its metrics, so that each is only what it measures.
//!
//! [`flags`] are the flags that all of them share, [`Serving`] goes from them to a server and its end, [`MetricsPage`]
//! answers scrapes and counts them, [`LandingPage`] leads there.
#![forbid(unsafe_code)]

pub mod flags;
mod landing;
mod metrics_page;
mod serving;

pub use landing::{LandingLink, LandingPage};
pub use metrics_page::{Gathered, MetricsPage, MetricsPageOptions};
pub use serving::{ServeError, Serving};
