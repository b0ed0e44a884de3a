//! Where in a page a place of a template is. Names are Go's, because its errors show them.

use std::fmt;

/// What kind of text the place is in.
#[expect(clippy::upper_case_acronyms, reason = "errors show the names as Go spells them")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum State {
    #[default]
    Text,
    Tag,
    AttrName,
    AfterName,
    BeforeValue,
    HTMLCmt,
    /// Inside of `<title>` and `<textarea>`.
    RCDATA,
    Attr,
    URL,
    Srcset,
    JS,
    JSDqStr,
    JSSqStr,
    JSTmplLit,
    JSRegexp,
    JSBlockCmt,
    JSLineCmt,
    JSHTMLOpenCmt,
    JSHTMLCloseCmt,
    CSS,
    CSSDqStr,
    CSSSqStr,
    CSSDqURL,
    CSSSqURL,
    CSSURL,
    CSSBlockCmt,
    CSSLineCmt,
    Error,
    MetaContent,
    MetaContentURL,
    /// Behind `{{break}}` and `{{continue}}`.
    Dead,
}

impl State {
    pub(super) fn is_comment(self) -> bool {
        matches!(
            self,
            Self::HTMLCmt
                | Self::JSBlockCmt
                | Self::JSLineCmt
                | Self::JSHTMLOpenCmt
                | Self::JSHTMLCloseCmt
                | Self::CSSBlockCmt
                | Self::CSSLineCmt
        )
    }

    pub(super) fn is_in_tag(self) -> bool {
        matches!(self, Self::Tag | Self::AttrName | Self::AfterName | Self::BeforeValue | Self::Attr)
    }

    pub(super) fn is_in_script_literal(self) -> bool {
        matches!(self, Self::JSDqStr | Self::JSSqStr | Self::JSTmplLit | Self::JSRegexp)
    }
}

/// What ends the value of an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Delim {
    #[default]
    None,
    DoubleQuote,
    SingleQuote,
    SpaceOrTagEnd,
}

impl Delim {
    pub(super) fn ends(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::DoubleQuote => b"\"",
            Self::SingleQuote => b"'",
            Self::SpaceOrTagEnd => b" \t\n\x0c\r>",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum UrlPart {
    #[default]
    None,
    PreQuery,
    QueryOrFrag,
    Unknown,
}

/// What a `/` begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum JsCtx {
    #[default]
    Regexp,
    DivOp,
    Unknown,
}

/// Elements whose content or attributes are special.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Element {
    #[default]
    None,
    Script,
    Style,
    Textarea,
    Title,
    Meta,
}

impl Element {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::None | Self::Meta => "",
            Self::Script => "script",
            Self::Style => "style",
            Self::Textarea => "textarea",
            Self::Title => "title",
        }
    }

    /// What the element's content is.
    pub(super) fn content(self) -> State {
        match self {
            Self::None | Self::Meta => State::Text,
            Self::Script => State::JS,
            Self::Style => State::CSS,
            Self::Textarea | Self::Title => State::RCDATA,
        }
    }
}

#[expect(clippy::upper_case_acronyms, reason = "errors show the names as Go spells them")]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Attr {
    #[default]
    None,
    Script,
    ScriptType,
    Style,
    URL,
    Srcset,
    MetaContent,
}

impl Attr {
    /// How the attribute's value begins.
    pub(super) fn start(self) -> State {
        match self {
            Self::None | Self::ScriptType => State::Attr,
            Self::Script => State::JS,
            Self::Style => State::CSS,
            Self::URL => State::URL,
            Self::Srcset => State::Srcset,
            Self::MetaContent => State::MetaContent,
        }
    }
}

/// A fault of a page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Fault {
    /// Name of the text, line and column, where a node is to blame.
    pub(super) place: Option<(String, usize, usize)>,
    pub(super) offset: usize,
    pub(super) line: usize,
    pub(super) words: String,
}

impl Fault {
    #[expect(clippy::unnecessary_box_returns, reason = "contexts hold it boxed")]
    pub(super) fn new(words: impl Into<String>) -> Box<Self> {
        Box::new(Self { words: words.into(), ..Self::default() })
    }

    /// Go's text; `name` is that of the template that was to be executed.
    pub(super) fn text(&self, name: &str) -> String {
        match &self.place {
            Some((source, line, column)) => format!("html/template:{source}:{line}:{column}: {}", self.words),
            None if self.line != 0 => format!("html/template:{name}:{}: {}", self.line, self.words),
            None => format!("html/template:{name}: {}", self.words),
        }
    }
}

/// All that is known of a place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delim: Delim,
    pub(super) url_part: UrlPart,
    pub(super) js_ctx: JsCtx,
    /// Braces inside each `${…}` of template literals.
    pub(super) js_braces: Vec<i32>,
    pub(super) attr: Attr,
    pub(super) element: Element,
    pub(super) fault: Option<Box<Fault>>,
}

impl Context {
    pub(super) fn of(state: State) -> Self {
        Self { state, ..Self::default() }
    }

    pub(super) fn failed(fault: Box<Fault>) -> Self {
        Self { state: State::Error, fault: Some(fault), ..Self::default() }
    }

    pub(super) fn tag(element: Element) -> Self {
        Self { state: State::Tag, element, ..Self::default() }
    }

    /// The name of a template as it is escaped for this context.
    pub(super) fn mangle(&self, name: &str) -> String {
        if self.state == State::Text {
            return name.to_owned();
        }
        let mut out = format!("{name}$htmltemplate_state{:?}", self.state);
        if self.delim != Delim::None {
            out += &format!("_delim{:?}", self.delim);
        }
        if self.url_part != UrlPart::None {
            out += &format!("_urlPart{:?}", self.url_part);
        }
        if self.js_ctx != JsCtx::Regexp {
            out += &format!("_jsCtx{:?}", self.js_ctx);
        }
        if !self.js_braces.is_empty() {
            out += &format!("_jsBraceDepth({})", Numbers(&self.js_braces));
        }
        if self.attr != Attr::None {
            out += &format!("_attr{:?}", self.attr);
        }
        if self.element != Element::None {
            out += &format!("_element{:?}", self.element);
        }
        out
    }

    /// What follows if an action stands here that may write nothing: names and values begin.
    pub(super) fn nudged(&self) -> Self {
        let mut c = self.clone();
        match c.state {
            State::Tag => c.state = State::AttrName,
            State::BeforeValue => {
                (c.state, c.delim, c.attr) = (c.attr.start(), Delim::SpaceOrTagEnd, Attr::None);
            }
            State::AfterName => (c.state, c.attr) = (State::AttrName, Attr::None),
            _ => {}
        }
        c
    }
}

struct Numbers<'a>(&'a [i32]);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "[{}]", shown.join(" "))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{{state{:?} delim{:?} urlPart{:?} jsCtx{:?} {} attr{:?} element{:?} {}}}",
            self.state,
            self.delim,
            self.url_part,
            self.js_ctx,
            Numbers(&self.js_braces),
            self.attr,
            self.element,
            self.fault.as_ref().map_or_else(|| "<nil>".to_owned(), |fault| fault.text("")),
        )
    }
}
