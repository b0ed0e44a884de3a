//! The endpoints over a real database.

mod answers;
mod endpoint;
mod pushes;
mod reads;
