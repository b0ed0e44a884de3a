//! pushgateway: takes pushed metrics over HTTP and shows them to scrapers, with the reference's flags, paths and texts.
#![forbid(unsafe_code)]

mod api_json;
mod app;
mod decode_body;
mod html;
mod instruments;
mod options;
mod push;
mod router;
mod site;
mod status_page;

pub use app::run;
pub use site::{Site, SiteOptions, open};
