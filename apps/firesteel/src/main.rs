//! The one binary: picks the program by subcommand or link name; `up`.

fn main() {}
