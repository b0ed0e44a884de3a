//! What the value of an attribute is, by the attribute's name.

/// What a text is, or what a place takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Plain,
    Css,
    Html,
    Js,
    Url,
    Srcset,
    /// Not to be set by data.
    Unsafe,
}

const PLAIN: &str = " accept alt autocomplete autofocus autoplay border checked class cols colspan contenteditable \
    contextmenu controls coords datetime default dir dirname disabled draggable dropzone for formtarget headers \
    height hidden high hreflang id ismap kind label lang list loop low max maxlength media mediagroup min multiple name \
    open optimum placeholder preload pubdate radiogroup readonly required reversed rows rowspan scope scoped seamless \
    selected shape size sizes span spellcheck srclang start step tabindex target title width wrap ";
const URL: &str = " action archive background cite classid codebase data formaction href icon longdesc manifest poster \
    profile src usemap xmlns ";
const UNSAFE: &str = " accept-charset async challenge charset content crossorigin defer enctype form formenctype \
    formmethod formnovalidate http-equiv keytype language method novalidate pattern rel sandbox type value ";

fn is_in(list: &str, name: &str) -> bool {
    !name.is_empty() && list.split(' ').any(|known| known == name)
}

/// The content of an attribute by its name in lower case; more dangerous content is assumed in doubt.
pub(super) fn content_of(name: &str) -> Content {
    let name = if let Some(short) = name.strip_prefix("data-") {
        short
    } else if let Some((prefix, short)) = name.split_once(':') {
        if prefix == "xmlns" {
            return Content::Url;
        }
        short
    } else {
        name
    };
    match name {
        "style" => Content::Css,
        "srcdoc" => Content::Html,
        "srcset" => Content::Srcset,
        name if is_in(PLAIN, name) => Content::Plain,
        name if is_in(URL, name) => Content::Url,
        name if is_in(UNSAFE, name) => Content::Unsafe,
        name if name.starts_with("on") => Content::Js,
        name if ["src", "uri", "url"].iter().any(|part| name.contains(part)) => Content::Url,
        _ => Content::Plain,
    }
}
