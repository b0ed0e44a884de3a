//! Functions that templates call, by name.

use std::collections::BTreeMap;
use std::fmt;

use crate::types::Type;
use crate::value::Value;

type Body<'a> = dyn Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'a;

/// A function, what it takes, and what it does.
pub struct Func<'a> {
    /// Types of the parameters; the last one is that of each further argument if the function is variadic.
    pub params: Box<[&'static Type]>,
    pub variadic: bool,
    body: Box<Body<'a>>,
}

impl<'a> Func<'a> {
    /// A function with as many arguments as parameters. The body gets values of these types, as many as there are; what
    /// it returns as an error stands behind "error calling NAME: ".
    pub fn new(params: &[&'static Type], body: impl Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'a) -> Self {
        Self { params: params.into(), variadic: false, body: Box::new(body) }
    }

    /// A function whose last parameter may be given any number of times, or not at all.
    pub fn variadic(
        params: &[&'static Type],
        body: impl Fn(&[Value]) -> Result<Value, String> + Send + Sync + 'a,
    ) -> Self {
        Self { params: params.into(), variadic: true, body: Box::new(body) }
    }

    /// Calls it with arguments that were checked.
    pub fn call(&self, args: &[Value]) -> Result<Value, String> {
        (self.body)(args)
    }
}

impl fmt::Debug for Func<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Func").field("params", &self.params).field("variadic", &self.variadic).finish_non_exhaustive()
    }
}

/// Functions by name, beside Go's own, which they may cover.
#[derive(Default)]
pub struct FuncMap<'a> {
    functions: BTreeMap<&'static str, Func<'a>>,
    /// Where to look further.
    under: Option<&'a FuncMap<'a>>,
}

impl<'a> FuncMap<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty map above another one.
    pub fn above(under: &'a FuncMap<'a>) -> Self {
        Self { functions: BTreeMap::new(), under: Some(under) }
    }

    /// Adds a function, in the place of one of that name.
    pub fn add(&mut self, name: &'static str, func: Func<'a>) -> &mut Self {
        self.functions.insert(name, func);
        self
    }

    /// Looks a function up.
    pub fn get(&self, name: &str) -> Option<&Func<'a>> {
        match self.functions.get(name) {
            Some(func) => Some(func),
            None => self.under.and_then(|under| under.get(name)),
        }
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.functions.keys().copied().collect();
        names.extend(self.under.map(FuncMap::names).unwrap_or_default());
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl fmt::Debug for FuncMap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
