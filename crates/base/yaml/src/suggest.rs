//! Did you mean …?

/// Returns the one legal word nearest to `word`: at most two edits away (insert, delete, replace, swap), letter case
/// aside, and never so far that nothing of a short word is left. Ties go to the word listed first.
pub fn nearest<'a>(word: &str, legal: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = word.to_ascii_lowercase();
    let most = match folded.chars().count() {
        0 => return None,
        1..=3 => 1,
        _ => 2,
    };
    let scored = legal.into_iter().map(|w| (strsim::damerau_levenshtein(&folded, &w.to_ascii_lowercase()), w));
    scored.filter(|(distance, _)| *distance <= most).min_by_key(|(distance, _)| *distance).map(|(_, w)| w)
}
