//! PromQL: lexer, parser, AST with spans, printer, type check.
