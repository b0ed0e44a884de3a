//! Everything at once, by dice: samples in and out of order of every kind, repeated ones, deletions, exemplars, cuts,
//! compactions, mapping, rolling snapshots, cleaning, retention, backups, restarts clean, by a kill and by a loss of power.
//! After each step the database answers what a store made of maps does.

mod exemplars;
mod store;
mod values;
mod world;

use crate::dice::{over_seeds, seeds_or};

#[test]
fn whatever_happens_answers_are_a_naive_stores() {
    over_seeds(seeds_or(1..=50), world::live);
}
