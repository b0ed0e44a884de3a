//! What the groups of an expression matched, and Go's templates over them.

use std::sync::Arc;

use regex_automata::util::captures::Captures as Slots;

/// What the groups matched in a text.
#[derive(Clone, Debug)]
pub struct Captures<'t> {
    text: &'t str,
    groups: Groups,
    names: Arc<[String]>,
}

#[derive(Clone, Debug)]
enum Groups {
    /// The whole text, in so many groups, the zeroth included.
    Whole(usize),
    Slots(Slots),
}

impl<'t> Captures<'t> {
    pub(crate) fn whole(text: &'t str, groups: usize, names: Arc<[String]>) -> Self {
        Self { text, groups: Groups::Whole(groups), names }
    }

    pub(crate) fn from_slots(text: &'t str, slots: Slots, names: Arc<[String]>) -> Self {
        Self { text, groups: Groups::Slots(slots), names }
    }

    /// Returns what group `number` matched; group 0 is the whole match. `None` when it took no part or does not exist.
    pub fn get(&self, number: usize) -> Option<&'t str> {
        match &self.groups {
            Groups::Whole(groups) => (number < *groups).then_some(self.text),
            Groups::Slots(slots) => self.text.get(slots.get_group(number)?.range()),
        }
    }

    /// Returns what the first group of this name that took part matched.
    pub fn name(&self, name: &str) -> Option<&'t str> {
        let mut numbers = self.names.iter().enumerate().filter(|(_, n)| !n.is_empty() && *n == name);
        numbers.find_map(|(at, _)| self.get(at + 1))
    }

    /// Appends `template` with `$1`, `${1}`, `$name` and `${name}` replaced by what the groups matched: Go's
    /// `Regexp.ExpandString`. `$$` is a dollar sign, a group that does not exist is empty, the longest name is taken
    /// (`$1x` is the group `1x`), and a dollar that begins nothing stands for itself.
    pub fn expand(&self, template: &str, out: &mut String) {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            rest = after;
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let Some((name, after)) = reference(rest) else {
                out.push('$');
                continue;
            };
            rest = after;
            let value = match group_number(name) {
                Some(number) => self.get(number),
                None => self.name(name),
            };
            out.push_str(value.unwrap_or(""));
        }
        out.push_str(rest);
    }
}

/// Reads `name` or `{name}` at the beginning of `text`; returns what follows too.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (inner, braced) = text.strip_prefix('{').map_or((text, false), |inner| (inner, true));
    let end = inner.find(|c: char| !is_name_char(c)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    if name.is_empty() {
        return None;
    }
    Some((name, if braced { rest.strip_prefix('}')? } else { rest }))
}

/// Go takes letters and decimal digits of all scripts here.
fn is_name_char(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii() && c.is_alphanumeric()
}

/// A number without needless zeros; anything else is a name.
fn group_number(name: &str) -> Option<usize> {
    let is_number =
        name.bytes().all(|b| b.is_ascii_digit()) && name.len() < 10 && (name.len() == 1 || !name.starts_with('0'));
    if is_number { name.parse().ok() } else { None }
}
