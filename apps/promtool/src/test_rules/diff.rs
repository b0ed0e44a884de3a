//! `--diff`: what is expected and what came, as one JSON in colours (nsf/jsondiff with its console options).

use std::collections::BTreeMap;

use firesteel_go_compat::quote;

use super::shown::{Alert, Pairs};

/// JSON as far as alerts need it.
#[derive(Clone, PartialEq, Debug)]
enum Json {
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Normal,
    Added,
    Removed,
    Changed,
}

impl Tag {
    fn begin(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Added => "\x1b[0;32m",
            Self::Removed => "\x1b[0;31m",
            Self::Changed => "\x1b[0;33m",
        }
    }

    fn end(self) -> &'static str {
        if self == Self::Normal { "" } else { "\x1b[0m" }
    }
}

/// The coloured difference of two lists of alerts. An empty list stands as one alert without anything.
pub(super) fn alerts(expected: &[Alert], got: &[Alert]) -> String {
    let mut out = Writer { text: String::new(), level: 0, tag: None };
    out.difference(Some(&json(expected)), Some(&json(got)));
    out.text
}

fn json(alerts: &[Alert]) -> Json {
    let object = |pairs: &Pairs| {
        Json::Object(pairs.iter().map(|(name, value)| (name.clone(), Json::Text(value.clone()))).collect())
    };
    let one = |alert: &Alert| {
        Json::Object(BTreeMap::from([
            ("Annotations".to_owned(), object(&alert.annotations)),
            ("Labels".to_owned(), object(&alert.labels)),
        ]))
    };
    if alerts.is_empty() {
        return Json::List(vec![one(&Alert::default())]);
    }
    Json::List(alerts.iter().map(one).collect())
}

struct Writer {
    text: String,
    level: usize,
    tag: Option<Tag>,
}

impl Writer {
    fn tag(&mut self, tag: Tag) {
        if self.tag != Some(tag) {
            self.end_tag();
            self.text.push_str(tag.begin());
            self.tag = Some(tag);
        }
    }

    fn end_tag(&mut self) {
        if let Some(tag) = self.tag.take() {
            self.text.push_str(tag.end());
        }
    }

    fn line(&mut self, before: &str) {
        self.text.push_str(before);
        self.text.push_str(self.tag.map_or("", Tag::end));
        self.text.push('\n');
        self.text.push_str(&"    ".repeat(self.level));
        self.text.push_str(self.tag.map_or("", Tag::begin));
    }

    /// Writes both where both are, else the one in its colour. Each value ends its colour.
    fn difference(&mut self, expected: Option<&Json>, got: Option<&Json>) {
        match (expected, got) {
            (Some(Json::Text(a)), Some(Json::Text(b))) if a == b => {
                self.tag(Tag::Normal);
                self.text.push_str(&quote(a).to_string());
            }
            (Some(Json::List(a)), Some(Json::List(b))) => {
                let items: Vec<_> = (0..a.len().max(b.len())).map(|at| (String::new(), a.get(at), b.get(at))).collect();
                self.collection("[", "]", &items);
            }
            (Some(Json::Object(a)), Some(Json::Object(b))) => {
                let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
                keys.sort();
                keys.dedup();
                let items: Vec<_> =
                    keys.into_iter().map(|key| (format!("{}: ", quote(key)), a.get(key), b.get(key))).collect();
                self.collection("{", "}", &items);
            }
            (Some(a), Some(b)) => {
                self.tag(Tag::Changed);
                self.short(a);
                self.text.push_str(" => ");
                self.short(b);
            }
            _ => {}
        }
        self.end_tag();
    }

    fn collection(&mut self, open: &str, close: &str, items: &[(String, Option<&Json>, Option<&Json>)]) {
        self.tag(Tag::Normal);
        if items.is_empty() {
            self.text.push_str(open);
            self.text.push_str(close);
            return;
        }
        self.level += 1;
        self.line(open);
        for (at, (key, a, b)) in items.iter().enumerate() {
            match (a, b) {
                (Some(_), Some(_)) => {
                    self.text.push_str(key);
                    // A colour ends where the value does; the line goes on in the one before.
                    let before = self.tag.take();
                    self.difference(*a, *b);
                    self.tag = before;
                }
                (Some(value), None) => self.alone(Tag::Removed, key, value),
                (None, Some(value)) => self.alone(Tag::Added, key, value),
                (None, None) => {}
            }
            if at + 1 < items.len() {
                self.tag(Tag::Normal);
                self.line(",");
            }
        }
        self.level -= 1;
        self.tag(Tag::Normal);
        self.line("");
        self.text.push_str(close);
    }

    fn alone(&mut self, tag: Tag, key: &str, value: &Json) {
        self.tag(tag);
        self.text.push_str(key);
        self.whole(value);
    }

    fn short(&mut self, value: &Json) {
        match value {
            Json::Text(text) => self.text.push_str(&quote(text).to_string()),
            Json::List(_) => self.text.push_str("[]"),
            Json::Object(_) => self.text.push_str("{}"),
        }
    }

    fn whole(&mut self, value: &Json) {
        let (open, close, items): (_, _, Vec<(String, &Json)>) = match value {
            Json::Text(_) => return self.short(value),
            Json::List(items) => ("[", "]", items.iter().map(|item| (String::new(), item)).collect()),
            Json::Object(items) => {
                ("{", "}", items.iter().map(|(key, item)| (format!("{}: ", quote(key)), item)).collect())
            }
        };
        if items.is_empty() {
            self.text.push_str(open);
            self.text.push_str(close);
            return;
        }
        self.level += 1;
        self.line(open);
        let last = items.len() - 1;
        for (at, (key, item)) in items.into_iter().enumerate() {
            self.text.push_str(&key);
            self.whole(item);
            if at < last {
                self.line(",");
            } else {
                self.level -= 1;
                self.line("");
            }
        }
        self.text.push_str(close);
    }
}
