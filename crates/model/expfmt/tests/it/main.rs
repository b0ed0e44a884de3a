//! The readers and writers against upstream's verdicts and against each other.

mod corpus;
mod golden;
mod protobuf;
mod rich;
mod round_trip;
