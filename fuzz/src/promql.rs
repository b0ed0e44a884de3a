//! PromQL: what is parsed is printed so that it is parsed again to the same text.

use firesteel_promql_syntax::{ParserOptions, parse, parse_metric_selector, parse_series_desc};

/// The bytes are an expression.
pub fn promql(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let options =
        ParserOptions { experimental_functions: true, extended_range_selectors: true, binop_fill_modifiers: true };
    let _ = parse_metric_selector(input);
    let _ = parse_series_desc(input);
    if let Ok(expr) = parse(input, options) {
        let printed = expr.to_string();
        match parse(&printed, options) {
            Ok(again) => assert_eq!(again.to_string(), printed, "{input}"),
            Err(e) => panic!("{input}\nis printed as\n{printed}\n{e:?}"),
        }
    }
}
