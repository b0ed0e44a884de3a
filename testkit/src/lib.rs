//! Fake targets, processes, peers and data for tests.
