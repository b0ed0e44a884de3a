//! promtool: check, query, test.
