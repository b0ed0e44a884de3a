//! Breaking help sentences into lines as upstream does: least raggedness, with a liking for punctuation at line ends.
//!
//! Upstream's help goes through Go's `go/doc/comment`. A line costs the square of the columns left on it, and 64 more
//! unless it ends in punctuation; over-long lines cost more than anything else; the last line is free. The cheapest
//! division is found here by trying each last line (the texts are short).

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
    let cost = |from: usize, to: usize| {
        let columns = ends[to] - 1 - ends[from];
        if to == words.len() && columns <= width {
            return (0, 0);
        }
        let ragged = (width - columns) * (width - columns);
        let penalty = if words[to - 1].ends_with(['.', ',', ':', ';']) { 0 } else { 64 };
        if columns > width { (ragged, penalty) } else { (0, ragged + penalty) }
    };
    let mut best = vec![((0i64, 0i64), 0usize)];
    for to in 1..=words.len() {
        let choice = (0..to)
            .map(|from| {
                let (before, line) = (best[from].0, cost(from, to));
                ((before.0 + line.0, before.1 + line.1), from)
            })
            .min_by_key(|(cost, _)| *cost)
            .unwrap_or(((0, 0), 0));
        best.push(choice);
    }
    let mut lines = Vec::new();
    let mut to = words.len();
    while to > 0 {
        let from = best[to].1;
        lines.push(words[from..to].join(" "));
        to = from;
    }
    lines.reverse();
    lines
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
