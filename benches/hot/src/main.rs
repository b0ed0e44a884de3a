//! The hot functions, each run N times: what `cargo xtask hot` counts instructions of.

fn main() {}
