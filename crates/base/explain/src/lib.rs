//! What each code of a diagnostic means: a short page with the reason, an example and the remedy.
//!
//! The pages are the Markdown files beside this crate; [`page`] finds one, [`pages`] lists them all.
#![forbid(unsafe_code)]

mod page;

pub use page::{Page, page, pages};
