//! Groups over a database of their own, by a clock that tests set.

mod corpus;
mod evaluation;
mod reload;
mod restart;
mod schedule;
mod sharing;
mod world;
