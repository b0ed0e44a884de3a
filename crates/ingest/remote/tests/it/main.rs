//! The endpoints over a real database.

mod answers;
mod endpoint;
mod histograms;
mod pushes;
mod reads;
mod starts;
