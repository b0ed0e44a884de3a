//! RE2 syntax on regex-automata, with literal, prefix and set shortcuts.
