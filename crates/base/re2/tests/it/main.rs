//! Go's answers, and what the shortcuts tell.

mod golden;
mod shortcuts;
