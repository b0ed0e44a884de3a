//! The library as its users see it.

mod instruments;
mod process;
mod registry;
