//! Breaking help sentences into lines as upstream does: least raggedness, with a liking for punctuation at line ends.
//!
//! Upstream's help goes through Go's `go/doc/comment`. A line costs the square of the columns left on it, and 64 more
//! unless it ends in punctuation; over-long lines cost more than anything else; the last line is free.

use std::collections::VecDeque;

/// Breaks one paragraph into lines of at most `width` columns where words allow.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Vec::new();
    }
    let width = width as i64;
    let mut ends = vec![0i64];
    for word in &words {
        ends.push(ends[ends.len() - 1] + word.chars().count() as i64 + 1);
    }
    let cost = |from: usize, to: usize| -> Cost {
        let columns = ends[to] - 1 - ends[from];
        if to == words.len() && columns <= width {
            return (0, 0);
        }
        let ragged = (width - columns) * (width - columns);
        let penalty = if words[to - 1].ends_with(['.', ',', ':', ';']) { 0 } else { 64 };
        if columns > width { (ragged, penalty) } else { (0, ragged + penalty) }
    };
    let starts = best_starts(words.len(), cost);
    let mut lines = Vec::new();
    let mut to = words.len();
    while to > 0 {
        let from = starts[to];
        lines.push(words[from..to].join(" "));
        to = from;
    }
    lines.reverse();
    lines
}

/// The cost of lines that are too long, and of all others; compared in this order.
type Cost = (i64, i64);

/// Returns for each end of a line where that line begins in the cheapest division of the words before it.
///
/// Candidates wait in a queue and the best one is in front: Hirschberg and Larmore's "Basic Algorithm" for concave costs,
/// which Go uses. Where divisions cost the same, its choice is the one that shows in upstream's help.
fn best_starts(n: usize, cost: impl Fn(usize, usize) -> Cost) -> Vec<usize> {
    let mut total: Vec<Cost> = vec![(0, 0)];
    let mut starts = vec![0usize];
    let mut queue = VecDeque::from([0usize]);
    let via = |total: &[Cost], from: usize, to: usize| {
        let line = cost(from, to);
        (total[from].0 + line.0, total[from].1 + line.1)
    };
    for middle in 1..n {
        total.push(via(&total, queue[0], middle));
        starts.push(queue[0]);
        while queue.len() > 1 && via(&total, queue[1], middle + 1) <= via(&total, queue[0], middle + 1) {
            queue.pop_front();
        }
        while queue.len() > 1 {
            let (a, b) = (queue[queue.len() - 2], queue[queue.len() - 1]);
            // The last candidate is never the best one if it gets better than its predecessor only after the new one
            // has overtaken it.
            let overtakes = (middle..=n).find(|to| via(&total, a, *to) > via(&total, b, *to));
            if overtakes.is_some_and(|to| via(&total, middle, to) > via(&total, b, to)) {
                break;
            }
            queue.pop_back();
        }
        if via(&total, middle, n) < via(&total, queue[queue.len() - 1], n) {
            queue.push_back(middle);
            if queue.len() == 2 && via(&total, queue[1], middle + 1) <= via(&total, queue[0], middle + 1) {
                queue.pop_front();
            }
        }
    }
    starts.push(queue[0]);
    starts
}

/// Breaks a text of several paragraphs (separated by a blank line); indented paragraphs are kept as they are.
pub(crate) fn wrap_text(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, paragraph) in text.split("\n\n").enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        lines.extend(wrap(paragraph, width));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn prefers_punctuation_and_even_lines() {
        let text = "Interval at which to re-detect the container or system memory limit and update GOMEMLIMIT accordingly. \
                    Useful when the limit can change at runtime, e.g. with a Vertical Pod Autoscaler.";
        assert_eq!(
            wrap(text, 47)[..5],
            [
                "Interval at which to re-detect the container",
                "or system memory limit and update GOMEMLIMIT",
                "accordingly. Useful when the limit can",
                "change at runtime, e.g. with a Vertical Pod",
                "Autoscaler.",
            ]
        );
    }

    #[test]
    fn a_long_word_stands_alone() {
        assert_eq!(wrap("see https://example.org/a/very/long/address now", 20).len(), 3);
        assert!(wrap("", 10).is_empty());
    }
}
