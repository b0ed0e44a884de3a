//! Natural order of label values: runs of digits compare as numbers (`sort_by_label`).
//!
//! Upstream's comparison contradicts itself where one value is empty and where numbers differ in leading text only;
//! ours is a total order that agrees with it everywhere else.

use std::cmp::Ordering;

/// Compares run by run: two runs of digits as numbers if both fit 64 bits, others by bytes.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (run_a, rest_a) = next_run(a);
        let (run_b, rest_b) = next_run(b);
        match (run_a.is_empty(), run_b.is_empty()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let order = match (number(run_a), number(run_b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => run_a.cmp(run_b),
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn next_run(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.first().is_some_and(u8::is_ascii_digit);
    let end = text.iter().position(|c| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

fn number(run: &[u8]) -> Option<i64> {
    if !run.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(run).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_count() {
        for (a, b) in [("2", "10"), ("a2", "a10"), ("a", "b"), ("1a", "1b"), ("x", "x1"), ("9", "a")] {
            assert_eq!(compare(a, b), Ordering::Less, "{a} {b}");
            assert_eq!(compare(b, a), Ordering::Greater, "{b} {a}");
        }
        assert_eq!(compare("a01", "a1"), Ordering::Equal);
    }
}
