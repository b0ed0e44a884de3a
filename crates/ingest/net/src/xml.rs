//! XML as answers of services have it: a tree of elements, no more.

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// No answer nests deeper.
const DEPTH_MAX: usize = 64;

/// An element.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Element {
    /// Without a namespace's prefix.
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// Text between the tags, entities resolved.
    pub text: String,
    pub children: Vec<Element>,
    /// What stands between the tags, as it stands.
    pub inner: String,
}

impl Element {
    /// Returns the first child of a name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// Returns the children of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Returns the text of the first child of a name, or nothing.
    pub fn value(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }
}

/// Parses a document. Errors: what is wrong, in words.
pub fn parse(bytes: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_str(text);
    // Each open element, and where what stands in it begins.
    let mut open: Vec<(Element, usize)> = Vec::new();
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let done = match event {
            Event::Eof => return Err("unexpected end of the document".to_owned()),
            Event::Start(start) => {
                if open.len() >= DEPTH_MAX {
                    return Err(format!("more than {DEPTH_MAX} elements within each other"));
                }
                open.push((element(&start)?, at));
                continue;
            }
            Event::Empty(start) => element(&start)?,
            Event::End(_) => {
                let Some((mut element, from)) = open.pop() else { return Err("an end without a beginning".to_owned()) };
                let end = text.get(..at).and_then(|before| before.rfind("</")).unwrap_or(from);
                text.get(from..end).unwrap_or_default().clone_into(&mut element.inner);
                element
            }
            Event::Text(part) => {
                add_text(&mut open, &part.into_inner());
                continue;
            }
            Event::CData(part) => {
                add_text(&mut open, &part.into_inner());
                continue;
            }
            Event::GeneralRef(entity) => {
                add_text(&mut open, &resolved(&entity)?);
                continue;
            }
            _ => continue,
        };
        match open.last_mut() {
            Some((parent, _)) => parent.children.push(done),
            None => return Ok(done),
        }
    }
}

fn add_text(open: &mut [(Element, usize)], text: &str) {
    if let Some((element, _)) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolved(entity: &BytesRef<'_>) -> Result<String, String> {
    if let Some(c) = entity.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(c.to_string());
    }
    let name = entity.borrow().into_inner();
    let known = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];
    let found = known.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| text.to_owned()).ok_or_else(|| format!("unknown entity &{name};"))
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
        attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
    }
    let name = start.local_name().into_inner().to_owned();
    Ok(Element { name, attributes, ..Element::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_with_text_and_attributes() {
        let root = parse(
            b"<?xml version=\"1.0\"?>\n<a x='1&amp;2'><b>c &lt; &#65;<![CDATA[<d>]]></b><n:e/><f><g>1</g> </f></a>",
        )
        .expect("XML");
        assert_eq!((root.name.as_str(), root.attribute("x")), ("a", "1&2"));
        assert_eq!(root.value("b"), "c < A<d>");
        assert_eq!(root.child("b").map(|b| b.inner.as_str()), Some("c &lt; &#65;<![CDATA[<d>]]>"));
        assert_eq!(root.child("e"), Some(&Element { name: "e".to_owned(), ..Element::default() }));
        assert_eq!(root.child("f").map(|f| f.value("g")), Some("1"));
        assert_eq!(root.child("f").map(|f| f.inner.as_str()), Some("<g>1</g> "));
    }

    #[test]
    fn what_is_no_xml_says_so() {
        let deep = "<a>".repeat(100);
        for text in ["", "<a>", "<a></b>", "<a>&nbsp;</a>", "{}", deep.as_str()] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
