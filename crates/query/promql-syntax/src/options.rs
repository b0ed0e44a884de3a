//! Which experimental parts of the language are switched on.

/// What `--enable-feature` switches in the language. The default is upstream's: all off.
///
/// Duration expressions have been stable since 3.14 and are always on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ParserOptions {
    /// `promql-experimental-functions`.
    pub experimental_functions: bool,
    /// `promql-extended-range-selectors`: `anchored` and `smoothed`.
    pub extended_range_selectors: bool,
    /// `promql-binop-fill-modifiers`: `fill`, `fill_left`, `fill_right`.
    pub binop_fill_modifiers: bool,
}

impl ParserOptions {
    /// Everything on, as test scripts are read.
    pub const ALL: Self =
        Self { experimental_functions: true, extended_range_selectors: true, binop_fill_modifiers: true };
}
