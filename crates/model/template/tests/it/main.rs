//! Templates beside the answers of Go.

mod data;
mod golden;
