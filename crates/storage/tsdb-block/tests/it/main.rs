//! Blocks from the outside.

mod corpus;
mod crash;
mod data;
mod golden;
mod histograms;
mod hostile;
mod model;
mod peers;
mod planner;
