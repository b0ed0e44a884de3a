//! Chores: test, tidy, bench, ui.

fn main() {}
