//! The nearest of many names: did-you-mean.

/// How many are offered.
const OFFERED: usize = 3;

/// Returns the names that `word` was most likely meant to be, the nearest first; `word` itself is none of them.
pub(crate) fn nearest<S: AsRef<str>>(word: &str, names: impl IntoIterator<Item = S>) -> Vec<String> {
    let plain = plain(word);
    let mut found: Vec<(usize, String)> = names
        .into_iter()
        .filter(|name| name.as_ref() != word)
        .filter_map(|name| Some((distance(&plain, name.as_ref())?, name.as_ref().to_owned())))
        .collect();
    found.sort_by(|a, b| (a.0, a.1.len(), &a.1).cmp(&(b.0, b.1.len(), &b.1)));
    found.dedup();
    found.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// Case and the sign between words do not matter.
fn plain(name: &str) -> String {
    name.to_lowercase().replace(['-', '.', ' '], "_")
}

/// Returns how far a name is from the word, `None` when they have nothing to do with each other.
fn distance(word: &str, name: &str) -> Option<usize> {
    let name = plain(name);
    if word == name {
        return Some(0);
    }
    // A slip or two, in proportion to the length.
    let allowed = (word.chars().count() / 4).clamp(1, 3);
    if word.len().abs_diff(name.len()) <= allowed {
        let edits = strsim::damerau_levenshtein(word, &name);
        if edits <= allowed {
            return Some(edits);
        }
    }
    let words = |text: &str| -> Vec<String> { text.split('_').filter(|w| !w.is_empty()).map(str::to_owned).collect() };
    let (mine, its) = (words(word), words(&name));
    // `http_requests` for `http_requests_total`, `node_cpu` for `node_cpu_seconds_total`.
    let (fewer, more) = if mine.len() <= its.len() { (&mine, &its) } else { (&its, &mine) };
    let all_there = !fewer.is_empty() && fewer.iter().all(|one| more.contains(one));
    (all_there && fewer.len() * 2 >= more.len()).then(|| 4 + more.len() - fewer.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_missing_words() {
        let names =
            ["http_requests_total", "http_request_duration_seconds_bucket", "node_cpu_seconds_total", "up", "ups"];
        let check = |word: &str, want: &[&str]| assert_eq!(nearest(word, names), want, "{word}");
        check("http_request_total", &["http_requests_total"]);
        check("http_requests", &["http_requests_total"]);
        check("HTTP-requests_total", &["http_requests_total"]);
        check("node_cpu_total", &["node_cpu_seconds_total"]);
        check("pu", &["up"]);
        check("up", &["ups"]);
        check("completely_else", &[]);
    }
}
