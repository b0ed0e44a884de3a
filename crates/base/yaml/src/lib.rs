//! YAML to a tree with places, strict decoding and diagnostics.
