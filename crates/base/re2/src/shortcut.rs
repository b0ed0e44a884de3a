//! Expressions that need no automaton: literals, sets of them, prefixes, suffixes, `.*` and the like.
//!
//! A shape is read off the `Hir`, so `foo|bar`, `(?:foo|bar)` and `ba[rz]|foo` are all sets. Groups are looked through,
//! for matching does not care about them.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use hashbrown::HashTable;
use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};

/// Above so many texts a set is hashed.
const HASHED_FROM: usize = 16;
/// Products of alternatives, such as `[a-d][0-9]x`, are written out up to so many, as upstream does.
const MAX_PRODUCT: usize = 256;

/// What can be told of a whole-text expression without an automaton.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    pub(crate) shortcut: Option<Shortcut>,
    /// What every match begins and ends with.
    pub(crate) prefix: String,
    suffix: String,
    /// Whether each group, whenever there is a match, is the whole text, as in `(.*)`.
    pub(crate) groups_are_whole: bool,
}

#[derive(Debug)]
pub(crate) enum Shortcut {
    /// `.*`
    Anything,
    /// `.+`
    Something,
    Set(TextSet),
    /// ASCII letters in either case. Texts beyond ASCII go to the automaton, for ſ and K fold to letters of ASCII.
    Folded(String),
    Pieces(Pieces),
}

impl Shape {
    /// Looks at an expression with its anchors.
    pub(crate) fn of(hir: &Hir) -> Self {
        let Some(inner) = without_anchors(hir) else { return Self::default() };
        let groups_are_whole = match inner.kind() {
            HirKind::Capture(capture) => capture.sub.properties().explicit_captures_len() == 0,
            _ => false,
        };
        let plain = without_groups(&inner);
        let mut shape = Self { groups_are_whole, ..Self::default() };
        let parts = match plain.kind() {
            HirKind::Concat(parts) => &parts[..],
            _ => std::slice::from_ref(&plain),
        };
        if let Some(letters) = folded(parts) {
            shape.shortcut = Some(Shortcut::Folded(letters));
            return shape;
        }
        if let Some(texts) = texts(&plain) {
            shape.prefix = common_prefix(&texts);
            shape.shortcut = Some(Shortcut::Set(TextSet::new(texts)));
            return shape;
        }
        shape.prefix = parts.first().and_then(literal).unwrap_or_default();
        shape.suffix = parts.last().and_then(literal).unwrap_or_default();
        shape.shortcut = match parts {
            [part] if gap(part) == Some(0) => Some(Shortcut::Anything),
            [part] if gap(part) == Some(1) => Some(Shortcut::Something),
            _ => Pieces::new(parts).map(Shortcut::Pieces),
        };
        shape
    }

    /// Returns whether the shortcut decides for every text.
    pub(crate) fn is_complete(&self) -> bool {
        !matches!(self.shortcut, None | Some(Shortcut::Folded(_)))
    }

    /// Decides without the automaton, if it can.
    #[inline]
    pub(crate) fn decide(&self, text: &str) -> Option<bool> {
        match &self.shortcut {
            Some(Shortcut::Anything) => Some(true),
            Some(Shortcut::Something) => Some(!text.is_empty()),
            Some(Shortcut::Set(set)) => Some(set.contains(text)),
            Some(Shortcut::Pieces(pieces)) => Some(pieces.is_match(text)),
            Some(Shortcut::Folded(letters)) if text.is_ascii() => Some(letters.eq_ignore_ascii_case(text)),
            Some(Shortcut::Folded(_)) => None,
            None if text.starts_with(self.prefix.as_str()) && text.ends_with(self.suffix.as_str()) => None,
            None => Some(false),
        }
    }
}

/// Takes `^` and `$` off; `None` when the expression is not held by both.
fn without_anchors(hir: &Hir) -> Option<Hir> {
    let HirKind::Concat(parts) = hir.kind() else { return None };
    let mut parts = &parts[..];
    let is = |part: &Hir, look: Look| matches!(part.kind(), HirKind::Look(l) if *l == look);
    let whole = parts.len();
    while let [first, rest @ ..] = parts
        && is(first, Look::Start)
    {
        parts = rest;
    }
    if parts.len() == whole {
        return None;
    }
    let whole = parts.len();
    while let [rest @ .., last] = parts
        && is(last, Look::End)
    {
        parts = rest;
    }
    (parts.len() < whole).then(|| Hir::concat(parts.to_vec()))
}

/// The same texts without groups; joins what the groups kept apart.
fn without_groups(hir: &Hir) -> Hir {
    if hir.properties().explicit_captures_len() == 0 {
        return hir.clone();
    }
    match hir.kind() {
        HirKind::Capture(capture) => without_groups(&capture.sub),
        HirKind::Repetition(repetition) => Hir::repetition(repetition.with(without_groups(&repetition.sub))),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_groups).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_groups).collect()),
        _ => hir.clone(),
    }
}

fn literal(hir: &Hir) -> Option<String> {
    match hir.kind() {
        HirKind::Literal(literal) => String::from_utf8(literal.0.to_vec()).ok(),
        _ => None,
    }
}

/// Returns how many characters `.*` (0) or `.+` (1) takes at least.
fn gap(hir: &Hir) -> Option<u32> {
    let HirKind::Repetition(repetition) = hir.kind() else { return None };
    let HirKind::Class(Class::Unicode(class)) = repetition.sub.kind() else { return None };
    let any = class.ranges() == [ClassUnicodeRange::new('\0', char::MAX)];
    (any && repetition.max.is_none() && repetition.min <= 1).then_some(repetition.min)
}

/// Returns all texts that match, if they are few or a plain list.
fn texts(hir: &Hir) -> Option<Vec<String>> {
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(_) => literal(hir).map(|text| vec![text]),
        HirKind::Class(Class::Unicode(class)) => class_texts(class),
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.append(&mut texts(part)?);
            }
            Some(all)
        }
        HirKind::Concat(parts) => {
            let mut all = vec![String::new()];
            for part in parts {
                let next = texts(part)?;
                // A list behind a literal is still just a list.
                if all.len() > 1 && next.len() > 1 && all.len() * next.len() > MAX_PRODUCT {
                    return None;
                }
                all = all.iter().flat_map(|a| next.iter().map(move |b| format!("{a}{b}"))).collect();
            }
            Some(all)
        }
        HirKind::Repetition(repetition) if (repetition.min, repetition.max) == (0, Some(1)) => {
            let mut all = texts(&repetition.sub)?;
            all.push(String::new());
            Some(all)
        }
        _ => None,
    }
}

fn class_texts(class: &ClassUnicode) -> Option<Vec<String>> {
    let count: usize = class.iter().map(ClassUnicodeRange::len).sum();
    if count == 0 || count > MAX_PRODUCT {
        return None;
    }
    Some(class.iter().flat_map(|range| range.start()..=range.end()).map(String::from).collect())
}

/// Letters of ASCII in either case, at least one: `(?i)foo-1`.
fn folded(parts: &[Hir]) -> Option<String> {
    let mut out = String::new();
    let mut letters = 0;
    for part in parts {
        match part.kind() {
            // A literal letter would match in one case only.
            HirKind::Literal(_) => {
                out.push_str(&literal(part).filter(|t| t.bytes().all(|b| b.is_ascii() && !b.is_ascii_alphabetic()))?);
            }
            HirKind::Class(Class::Unicode(class)) => {
                let first = class.ranges().first()?.start();
                let mut whole = ClassUnicode::new([ClassUnicodeRange::new(first, first)]);
                whole.try_case_fold_simple().ok()?;
                if !first.is_ascii_alphabetic() || whole != *class {
                    return None;
                }
                out.push(first);
                letters += 1;
            }
            _ => return None,
        }
    }
    (letters > 0).then_some(out)
}

fn common_prefix(texts: &[String]) -> String {
    let Some((first, rest)) = texts.split_first() else { return String::new() };
    let shared = |a: &str, b: &str| {
        a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y).map_or(a.len().min(b.len()), |((at, _), _)| at)
    };
    let end = rest.iter().fold(first.len(), |end, text| end.min(shared(&first[..end], text)));
    first[..end].to_owned()
}

/// Texts, sorted; hashed as well when they are many.
#[derive(Debug)]
pub(crate) struct TextSet {
    texts: Vec<String>,
    hasher: DefaultHashBuilder,
    places: HashTable<u32>,
}

impl TextSet {
    fn new(mut texts: Vec<String>) -> Self {
        texts.sort_unstable();
        texts.dedup();
        let hasher = DefaultHashBuilder::default();
        let mut places = HashTable::new();
        if texts.len() >= HASHED_FROM {
            for (at, text) in texts.iter().enumerate() {
                let rehash = |&at: &u32| hasher.hash_one(texts[at as usize].as_str());
                places.insert_unique(hasher.hash_one(text.as_str()), at as u32, rehash);
            }
        }
        Self { texts, hasher, places }
    }

    pub(crate) fn texts(&self) -> &[String] {
        &self.texts
    }

    #[inline]
    fn contains(&self, text: &str) -> bool {
        if self.texts.len() < HASHED_FROM {
            return self.texts.iter().any(|t| t == text);
        }
        self.places.find(self.hasher.hash_one(text), |&at| self.texts[at as usize] == text).is_some()
    }
}

/// Literals with gaps between: `foo.*`, `.*foo.+bar`, `.*foo.*`.
#[derive(Debug)]
pub(crate) struct Pieces {
    prefix: String,
    /// A gap of at least so many characters, then a text that stands somewhere behind it.
    middle: Vec<(u32, String)>,
    /// The gap before the suffix.
    last_gap: u32,
    suffix: String,
}

impl Pieces {
    fn new(parts: &[Hir]) -> Option<Self> {
        let mut texts = vec![String::new()];
        let mut gaps: Vec<u32> = Vec::new();
        for part in parts {
            if let Some(least) = gap(part) {
                gaps.push(least);
                texts.push(String::new());
            } else {
                let at = texts.len() - 1;
                texts[at] = literal(part)?;
            }
        }
        // Gaps side by side would have to be added up.
        let inner_is_empty = texts.iter().enumerate().any(|(at, t)| t.is_empty() && at > 0 && at + 1 < texts.len());
        let last_gap = gaps.pop()?;
        if inner_is_empty {
            return None;
        }
        let suffix = texts.pop()?;
        let mut texts = texts.into_iter();
        let prefix = texts.next()?;
        Some(Self { prefix, middle: gaps.into_iter().zip(texts).collect(), last_gap, suffix })
    }

    fn is_match(&self, text: &str) -> bool {
        let Some(mut rest) = text.strip_prefix(self.prefix.as_str()) else { return false };
        for (least, piece) in &self.middle {
            let Some(behind) = skip(rest, *least) else { return false };
            // The first place is as good as any: what follows only gets longer.
            let Some(at) = behind.find(piece.as_str()) else { return false };
            rest = &behind[at + piece.len()..];
        }
        skip(rest, self.last_gap).is_some_and(|behind| behind.ends_with(self.suffix.as_str()))
    }
}

fn skip(text: &str, characters: u32) -> Option<&str> {
    if characters == 0 {
        return Some(text);
    }
    let first = text.chars().next()?;
    Some(&text[first.len_utf8()..])
}
